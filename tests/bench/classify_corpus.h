// SPDX-License-Identifier: Apache-2.0
// Texts of the kinds that prompts are made of, from a seed: prose, code, JSON, logs, and prose dense with values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace warden::bench {

enum class Kind { prose, code, json, logs, dense };
std::string_view kind_name(Kind kind);
std::string corpus(Kind kind, size_t bytes, unsigned seed);

}  // namespace warden::bench
