// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/http2_head.h"

#include <algorithm>
#include <charconv>

#include "tlsproxy/http/head.h"

namespace warden::http {
namespace {

std::string_view pseudo(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? std::string_view() : std::string_view(found->value);
}

}  // namespace

Result<void, ParseError> read_http2_request(const Fields& fields, std::string_view scheme, Head& out) {
  out.method = pseudo(fields, ":method");
  const std::string_view authority = pseudo(fields, ":authority");
  if (out.method != "CONNECT" && pseudo(fields, ":scheme") != scheme) return fail(ParseError::malformed, "scheme");
  const std::string_view target = out.method == "CONNECT" ? authority : pseudo(fields, ":path");
  if (!read_target(out.method, target, out)) return fail(ParseError::malformed, "path");
  if (!authority.empty()) out.headers.push_back({"host", authority});
  for (const Field& field : fields) {
    if (field.name.starts_with(':')) continue;
    if (field.name == "host" && field.value == authority && !authority.empty()) continue;
    if (field.name == "content-length" && (out.content_length || !read_length(field.value, out)))
      return fail(ParseError::malformed, "content-length");
    if (field.name == "expect") out.expects_continue |= same_word(field.value, "100-continue");
    out.headers.push_back({field.name, field.value});
  }
  out.upgrade = out.method == "CONNECT";
  return {};
}

void read_http2_answer(const Fields& fields, Head& out) {
  const std::string_view status = pseudo(fields, ":status");
  (void)std::from_chars(status.data(), status.data() + status.size(), out.status);
  for (const Field& field : fields)
    if (!field.name.starts_with(':')) out.headers.push_back({field.name, field.value});
}

Fields with_length(const Fields& fields, size_t body_bytes) {
  Fields out = fields;
  const auto length = std::ranges::find(out, std::string_view("content-length"), &Field::name);
  if (length != out.end()) length->value = std::to_string(body_bytes);
  return out;
}

}  // namespace warden::http
