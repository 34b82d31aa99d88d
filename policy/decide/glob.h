// SPDX-License-Identifier: Apache-2.0
// Glob: `*` stands for any run of bytes (also of '/' and '.'), `?` for one byte, `\` takes the next byte
// literally. Compiled once; matching never backtracks over a `*`, so its cost is at most text times pattern.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warden::policy {

class Glob {
 public:
  static constexpr size_t kBytesMax = 512;
  static constexpr size_t kStarsMax = 16;

  // True when `pattern` holds an unescaped `*` or `?`; false: compare unescape(pattern) for equality.
  static bool is_glob(std::string_view pattern);
  static std::string unescape(std::string_view pattern);

  // nullopt: longer than kBytesMax, more than kStarsMax stars, or a `\` with nothing behind it.
  static std::optional<Glob> compile(std::string_view pattern);

  [[nodiscard]] bool matches(std::string_view text) const;
  [[nodiscard]] const std::string& pattern() const { return pattern_; }
  bool operator==(const Glob& other) const { return pattern_ == other.pattern_; }

 private:
  struct Piece {
    std::string bytes;
    std::vector<bool> any;  // any[i]: byte i was `?`; empty when none was
  };
  static bool equal_at(std::string_view text, size_t at, const Piece& piece);
  static size_t find(std::string_view text, size_t from, const Piece& piece);

  std::string pattern_;
  std::vector<Piece> pieces_;  // between the stars; the first is anchored at the start, the last at the end
};

}  // namespace warden::policy
