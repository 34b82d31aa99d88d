// SPDX-License-Identifier: Apache-2.0
// split_multipart: the parts of a multipart body (RFC 2046 section 5.1, RFC 7578, RFC 2387), strictly: what
// two readers could take differently (text before the first or behind the last delimiter, a coded part, a
// part without its blank line) is refused. Internal to tlsproxy/provider.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/provider/prompt.h"

namespace warden::provider {

constexpr size_t kMultipartPartsMax = 4096;

struct FormPart {
  std::string_view head;  // header lines as sent
  std::string_view content;
  std::string name, filename;  // of content-disposition, quotes and escapes removed; empty when not given
  std::string content_type;    // media type, lower case; empty when not given
  bool own_length = false;     // names its own length: the content must not change
};

// `content_type_field` as sent, with its boundary parameter. Views point into `body`.
std::expected<std::vector<FormPart>, Unreadable> split_multipart(std::string_view content_type_field,
                                                                 std::string_view body);

}  // namespace warden::provider
