// SPDX-License-Identifier: Apache-2.0
// What a Parser made of some bytes, cut as asked; so that tests can compare cuts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/http/parser.h"

namespace warden::http {

struct Outcome {
  std::optional<ParseError> error;
  bool head_complete = false;
  bool complete = false;
  size_t taken = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  bool operator==(const Outcome&) const = default;
};

// Feeds pieces of the given sizes (the last size repeats) until the message is whole or the bytes end.
inline Outcome parse(Side side, std::string_view bytes, const std::vector<size_t>& sizes, bool close = false,
                     const Limits& limits = {}) {
  Parser parser(side, limits);
  Outcome out;
  size_t cut = 0;
  while (out.taken < bytes.size() && !parser.complete()) {
    const size_t size =
        sizes.empty() ? bytes.size() : std::max<size_t>(1, sizes[std::min(cut++, sizes.size() - 1)]);
    std::string_view piece = bytes.substr(out.taken, size);
    while (!piece.empty() && !parser.complete()) {
      const auto taken = parser.feed(piece, [&out](std::string_view span) { out.body.append(span); });
      if (!taken) {
        out.error = taken.error().code;
        out.taken = 0;  // where it gave up depends on the cut, that it did does not
        out.body.clear();
        return out;
      }
      out.taken += *taken;
      piece.remove_prefix(*taken);
    }
  }
  if (close) (void)parser.finish();
  out.head_complete = parser.head_complete();
  out.complete = parser.complete();
  if (out.head_complete)
    for (const Header& header : parser.head().headers) out.headers.emplace_back(header.name, header.value);
  return out;
}

}  // namespace warden::http
