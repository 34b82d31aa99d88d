// SPDX-License-Identifier: Apache-2.0
// Segment: one piece of text of a request as the scanner sees it: a string, a number or a member name of a JSON body, a
// header value, the query, a plain body. The bytes stay where they are (the caller's buffer outlives scan and redaction).
#pragma once

#include <cstdint>
#include <string_view>

namespace warden::classify {

// Where in the exchange the text stood; the words of `where` in records and policy.
enum class Where : uint8_t {
  system, user, assistant, tool_definition, tool_call, tool_result, file, embedding, header, query, path, response, other,
};

enum class Encoding : uint8_t {
  plain,        // bytes as they are
  json_string,  // the bytes between the quotes of a JSON string (RFC 8259 section 7), escapes not yet resolved
  json_scalar,  // a bare JSON number or literal: an edit replaces it by a quoted string
};

struct Segment {
  std::string_view raw;       // wire bytes; findings are offsets into them
  Encoding encoding = Encoding::plain;
  Where where = Where::other;
  std::string_view label;     // nearest field name (JSON key, header name), raw bytes; may be empty
  bool editable = true;       // false: signed or opaque, redaction must not touch it
  bool joins_previous = false;  // continues the text of the segment before it (adjacent content parts)
};

}  // namespace warden::classify
