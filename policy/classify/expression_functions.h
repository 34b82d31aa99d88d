// SPDX-License-Identifier: Apache-2.0
// The functions that checks of the number table may call; see expression.h for what each does.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "policy/classify/expression.h"

namespace warden::classify {

struct Call {
  std::string_view value;
  std::span<const int64_t> args;              // a text argument is its index in `texts`
  std::span<const Expression::Text> texts;

  [[nodiscard]] const Expression::Text& text(size_t arg) const { return texts[static_cast<size_t>(args[arg])]; }
  [[nodiscard]] int64_t place(int64_t i) const { return i < 0 ? i + static_cast<int64_t>(value.size()) : i; }
  [[nodiscard]] int code(int64_t i) const;    // of the character at place i, or -1
  [[nodiscard]] int number(int64_t i) const;  // 0-35 or -1
  // The k characters from i on, to the end for 0; empty where the value is shorter.
  [[nodiscard]] std::string_view part(int64_t i, int64_t k) const;
};

struct Function {
  std::string_view name;
  std::string_view args;  // i: integer, t: text
  int64_t (*run)(const Call&);
};

std::span<const Function> functions();

}  // namespace warden::classify
