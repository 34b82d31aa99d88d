// SPDX-License-Identifier: Apache-2.0
// Columns: the header cell above a value of a table in plain text: CSV, tab separated, or drawn with bars. Offered places of one text in
// ascending order; a table's rows are looked at once.
#pragma once

#include <cstdint>
#include <string_view>

namespace warden::classify {

class Columns {
 public:
  void set_text(std::string_view text);
  // The header of the cell that holds `at`; empty when it is no cell of a table, or of its first line.
  std::string_view header(uint32_t at);

 private:
  struct Line {
    uint32_t begin = 0;
    uint32_t end = 0;
    char delimiter = '\0';
    uint32_t cells = 0;
  };
  static bool same_table(const Line& a, const Line& b);
  [[nodiscard]] Line read_line(uint32_t begin) const;
  [[nodiscard]] Line find_header(const Line& row) const;

  std::string_view text_;
  Line line_;    // the line in hand
  Line header_;  // the table's first line; no cells outside of a table
};

}  // namespace warden::classify
