// SPDX-License-Identifier: Apache-2.0
// walk_json: one strict, offset-true walk over a JSON text (RFC 8259) in place. It yields a flat tape of
// nodes in order of appearance whose views point into the given bytes; nothing is copied or decoded.
//
// Refused, each by its own word: a byte order mark, anything after the value, nesting beyond kDepthMax, bytes
// that are no UTF-8, and escapes that name half a surrogate pair (such a string has no text that all readers
// agree on). It leaves duplicate members to the dialect, which knows the members that decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/provider/prompt.h"

namespace warden::provider {

constexpr int kDepthMax = 128;
// Beyond: too_many_values. A value costs a hundred bytes and more until it is scanned, so a body of commas would cost fifty times
// what it holds; the largest batch of token numbers that a provider takes has 300,000.
constexpr size_t kNodesMax = size_t{1} << 19;

enum class NodeKind : uint8_t { object, array, string, number, boolean, null };

struct Node {
  std::string_view
      raw;  // strings: between the quotes; numbers and literals: as they stand; containers: from bracket on
  std::string_view
      label;  // raw name of the member, or of the nearest member around an array element; "" at the root
  uint32_t end = 0;  // index of the first node after this one and all it holds
  NodeKind kind = NodeKind::null;
  bool has_name = false;  // a member: `label` is its own name
  bool escaped_name = false;
  bool escaped = false;  // a string that holds escapes
  // Filled by the dialect:
  Role role = Role::other;
  bool editable = true;
  bool joins_previous = false;
};

using Tape = std::vector<Node>;

// The tape is cleared first and its memory kept. nullopt: read whole.
std::optional<Unreadable> walk_json(std::string_view body, Tape& tape);

// Text of a string or name that walk_json accepted.
std::string decode_json(std::string_view raw);

// Escapes `text` as the inside of a JSON string; bytes that are no UTF-8 become U+FFFD.
void append_json(std::string& out, std::string_view text);

}  // namespace warden::provider
