// SPDX-License-Identifier: Apache-2.0
// Output of the command line: aligned columns, colour on a terminal only (NO_COLOR honoured), and text that
// came from elsewhere made safe to print.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace warden::cli {

enum class Colour { none, good, bad, warn, dim };

bool colours();  // is stdout a terminal that may have them
std::string paint(std::string_view text, Colour colour);
// Control characters and escapes replaced: a process may put them into its own name.
std::string printable(std::string_view text, size_t most = 200);

class Table {
 public:
  explicit Table(std::vector<std::string> head) : rows_{std::move(head)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;  // columns two spaces apart, the head dimmed

 private:
  std::vector<std::vector<std::string>> rows_;
};

// To stderr, what, where and the remedy; returns 2.
int wrong(std::string_view what);

}  // namespace warden::cli
