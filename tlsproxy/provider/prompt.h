// SPDX-License-Identifier: Apache-2.0
// Prompt: a request to an LLM API, read. Every scalar and every member name of the body is a Part, in order
// of appearance; nothing is left out because a dialect did not expect it. Parts point into the caller's
// decoded body.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warden::provider {

enum class Role : uint8_t {
  system,
  user,
  assistant,
  tool_definition,
  tool_call,
  tool_result,
  file,
  embedding,
  header,
  query,
  path,
  other,
};

enum class PartForm : uint8_t { plain, json_string, json_scalar, json_name };

struct Part {
  std::string_view raw;  // between the quotes for strings and names
  PartForm form = PartForm::plain;
  Role role = Role::other;
  std::string_view label;  // nearest member name, raw; for array elements the array's name
  bool editable = true;    // false: signed or opaque (thinking signatures, encrypted reasoning)
  // Adjacent text part of one message: continues the nearest earlier json_string Part with the same label
  // (names and the "type" word of the part stand between the two).
  bool joins_previous = false;
};

// What an application says of its end user: claims, never facts.
struct Claim {
  std::string name;  // "user", "metadata.user_id"
  std::string value;
};

struct Prompt {
  std::string_view operation;  // "chat.completions", "responses", "embeddings", "messages"
  std::string model;           // decoded; empty when the request names none
  bool stream = false;
  std::optional<int64_t> max_tokens;
  std::vector<std::string> tools;  // tool names, decoded
  std::vector<Claim> claims;
  std::vector<Part> parts;
};

// Counts as the provider gives them: OpenAI's tokens_in include the cached ones, Anthropic's do not.
struct Usage {
  std::optional<int64_t> tokens_in, tokens_out, tokens_cached;
  std::string model;                // as the provider names it
  std::vector<std::string> finish;  // finish reasons
  bool terminal = false;            // the stream's own last event was seen
};

// Closed list; the words are the `reason` of a not_evaluated record.
enum class Unreadable : uint8_t {
  unknown_path,
  unknown_shape,
  invalid_json,
  invalid_utf8,
  duplicate_member,
  trailing_data,
  too_deep,
  unknown_coding,
  body_too_large,
  expansion_too_large,
  too_many_values,
  upgrade,
  mixed_models,
  opaque_file,
};
std::string_view name(Unreadable reason);

}  // namespace warden::provider
