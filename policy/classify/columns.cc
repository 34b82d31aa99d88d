// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/columns.h"

#include <algorithm>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr uint32_t kLineMax = 2048;  // a longer line is no row
constexpr uint32_t kCellsMin = 3;
constexpr int kLinesMax = 64;  // of a table above a value that are looked through for its header

// Calls `use(begin, end)` for each cell until it returns false; delimiters inside of double quotes do not count.
template <class Use>
void for_each_cell(std::string_view text, uint32_t begin, uint32_t end, char delimiter, Use use) {
  bool quoted = false;
  uint32_t from = begin;
  for (uint32_t at = begin; at <= end; ++at) {
    if (at < end && text[at] == '"') quoted = !quoted;
    if (at < end && (quoted || text[at] != delimiter)) continue;
    if (!use(from, at)) return;
    from = at + 1;
  }
}

std::string_view trim(std::string_view cell) {
  while (!cell.empty() && (is_space(cell.front()) || cell.front() == '"' || cell.front() == '*')) cell.remove_prefix(1);
  while (!cell.empty() && (is_space(cell.back()) || cell.back() == '"' || cell.back() == '*')) cell.remove_suffix(1);
  return cell;
}

// "|---|:-:|" and "+-----+": a rule, which belongs to the table and is none of its rows.
bool is_rule(std::string_view line) {
  return !line.empty() && line.find_first_not_of("+-=|: \r") == std::string_view::npos;
}

// A header names; it holds no digits but as part of a name, and its cells are short.
bool names(std::string_view line) {
  return std::count_if(line.begin(), line.end(), is_digit) <= 2 && line.find('@') == std::string_view::npos && std::any_of(line.begin(), line.end(), is_word);
}

}  // namespace

void Columns::set_text(std::string_view text) {
  text_ = text;
  line_ = header_ = {};
}

Columns::Line Columns::read_line(uint32_t begin) const {
  Line line{begin, begin, '\0', 0};
  const auto size = static_cast<uint32_t>(text_.size());
  const size_t newline = text_.substr(begin, kLineMax).find('\n');
  line.end = newline == std::string_view::npos ? std::min(size, begin + kLineMax) : begin + static_cast<uint32_t>(newline);
  const auto first = text_.begin() + begin;
  const auto last = text_.begin() + line.end;
  for (const char delimiter : {'|', '\t', ','}) {
    if (static_cast<uint32_t>(std::count(first, last, delimiter)) + 1 < kCellsMin) continue;
    uint32_t cells = 0;
    for_each_cell(text_, begin, line.end, delimiter, [&](uint32_t, uint32_t) { return ++cells < 64; });
    if (cells >= kCellsMin) return line.delimiter = delimiter, line.cells = cells, line;
  }
  return line;
}

bool Columns::same_table(const Line& a, const Line& b) { return a.delimiter == b.delimiter && a.cells == b.cells && a.cells > 0; }

// The first line of the table whose row `row` is; `row` itself when it is no row of one.
Columns::Line Columns::find_header(const Line& row) const {
  Line first = row;
  for (int lines = 0; lines < kLinesMax && first.begin > 0; ++lines) {
    const size_t newline = first.begin < 2 ? std::string_view::npos : text_.rfind('\n', first.begin - 2);
    const Line above = read_line(newline == std::string_view::npos ? 0 : static_cast<uint32_t>(newline) + 1);
    const std::string_view text = text_.substr(above.begin, above.end - above.begin);
    if (above.end + 1 != first.begin) break;
    if (is_rule(text)) {
      first.begin = above.begin;
      continue;
    }
    if (!same_table(above, row)) break;
    first = above;
  }
  first = read_line(first.begin);
  while (first.begin < row.begin && is_rule(text_.substr(first.begin, first.end - first.begin))) first = read_line(first.end + 1);
  return first;
}

std::string_view Columns::header(uint32_t at) {
  if (at < line_.begin || at > line_.end || line_.end == 0) {
    const size_t newline = at == 0 ? std::string_view::npos : text_.rfind('\n', at - 1);
    const Line next = read_line(newline == std::string_view::npos ? 0 : static_cast<uint32_t>(newline) + 1);
    const bool goes_on = next.begin == line_.end + 1 && same_table(next, line_) && header_.cells > 0;
    line_ = next;
    if (!goes_on) header_ = line_.cells == 0 ? Line{} : find_header(line_);
    if (!goes_on && !(same_table(header_, line_) && names(text_.substr(header_.begin, header_.end - header_.begin)))) header_ = {};
  }
  if (header_.cells == 0 || line_.begin == header_.begin) return {};
  uint32_t wanted = 0;
  for_each_cell(text_, line_.begin, line_.end, line_.delimiter, [&](uint32_t, uint32_t end) { return end < at && ++wanted > 0; });
  std::string_view found;
  uint32_t index = 0;
  for_each_cell(text_, header_.begin, header_.end, header_.delimiter, [&](uint32_t begin, uint32_t end) {
    if (index++ < wanted) return true;
    found = trim(text_.substr(begin, end - begin));
    return false;
  });
  return found;
}

}  // namespace warden::classify
