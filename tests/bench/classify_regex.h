// SPDX-License-Identifier: Apache-2.0
// The same detectors as regular expressions, one after the other through PCRE2-JIT: what a filter of patterns does.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace warden::bench {

class Regexes {
 public:
  Regexes();
  ~Regexes();
  Regexes(const Regexes&) = delete;
  Regexes& operator=(const Regexes&) = delete;
  [[nodiscard]] size_t count() const;
  size_t matches(std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warden::bench
