// SPDX-License-Identifier: Apache-2.0
// JSON in the canonical form of RFC 8785, restricted to what a leaf holds: no floats, integers above 2^53 as
// strings. Writers append to a buffer that the caller keeps; readers work on the bytes of a leaf without
// copying.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace warden::audit {

void append_string(std::string& out, std::string_view text);  // invalid UTF-8 bytes become U+FFFD
void append_integer(std::string& out, int64_t value);

// Exactly the bytes that RFC 8785 allows for some value: members sorted by name without repetition, no space,
// shortest escapes, valid UTF-8. Nesting is limited to 16.
bool is_canonical(std::string_view json);

// The value at a dotted path of a canonical object, as JSON text: find(leaf, "user.uid") is 1000.
std::optional<std::string_view> find(std::string_view object, std::string_view path);
// The same with the quotes and escapes of a string undone; other values as they stand; empty when absent.
std::string text_at(std::string_view object, std::string_view path);
std::optional<std::string> unquote(std::string_view json_string);

}  // namespace warden::audit
