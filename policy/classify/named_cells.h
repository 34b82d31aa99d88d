// SPDX-License-Identifier: Apache-2.0
// Named cells: values whose name stands somewhere else than right before them: in the header of a CSV or Markdown table, in the column
// list of an SQL INSERT, in the name attribute of an XML element. Each such value is written as "name: value".
#pragma once

#include <string_view>

#include "policy/classify/rewrites.h"

namespace warden::classify {

class CompiledPack;

void find_table_cells(std::string_view in, const CompiledPack& pack, Rewrites& out);
void find_insert_values(std::string_view in, const CompiledPack& pack, Rewrites& out);
void find_name_attributes(std::string_view in, Rewrites& out);

}  // namespace warden::classify
