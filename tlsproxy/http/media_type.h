// SPDX-License-Identifier: Apache-2.0
// media_type_is: does a Content-Type value (RFC 9110 section 8.3.1) name this type, whatever its case and
// parameters?
#pragma once

#include <string_view>

namespace warden::http {

bool media_type_is(std::string_view content_type, std::string_view type);
std::string_view media_type(std::string_view content_type);  // without parameters and blanks, case as sent

}  // namespace warden::http
