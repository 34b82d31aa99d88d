// SPDX-License-Identifier: Apache-2.0
// Reads a request in a test and finds its Parts again.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

inline std::expected<Prompt, Unreadable> read_post(std::string_view dialect, std::string_view path,
                                                   std::string_view body) {
  return find_dialect(dialect)->read({"POST", path, "", "application/json"}, body);
}

inline const Part* part_of(const Prompt& prompt, std::string_view raw,
                           PartForm form = PartForm::json_string) {
  const auto found = std::ranges::find_if(
      prompt.parts, [&](const Part& part) { return part.raw == raw && part.form == form; });
  return found == prompt.parts.end() ? nullptr : &*found;
}

// Role::other also for a Part that is not there, so compare with another role.
inline Role role_of(const Prompt& prompt, std::string_view raw, PartForm form = PartForm::json_string) {
  const Part* part = part_of(prompt, raw, form);
  EXPECT_NE(part, nullptr) << raw;
  return part == nullptr ? Role::other : part->role;
}

// What a dialect reads of an answer that comes in pieces of `piece` bytes.
inline Usage read_answer(std::string_view dialect, std::string_view path, std::string_view content_type,
                         std::string_view bytes, size_t piece) {
  const auto reader = find_dialect(dialect)->answer({"POST", path, "", ""}, 200, content_type);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) reader->body(bytes.substr(0, piece));
  return reader->finish();
}

// Whole, and in pieces that split every line.
template <class Check>
void each_cut(std::string_view dialect, std::string_view path, std::string_view type, std::string_view bytes,
              const Check& check) {
  for (const size_t piece : {size_t{1}, size_t{13}, bytes.size()}) check(read_answer(dialect, path, type, bytes, piece));
}

}  // namespace warden::provider
