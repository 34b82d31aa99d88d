// SPDX-License-Identifier: Apache-2.0
// Given names and surnames, lower case, blank between (tables/names.txt; compiled by hand for this project).
#pragma once

#include <string_view>

namespace warden::classify {

std::string_view given_names();
std::string_view family_names();

}  // namespace warden::classify
