// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/columns.h"

#include <algorithm>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr uint32_t kLineMax = 2048;  // a longer line is no row
constexpr uint32_t kCellsMin = 3;

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
  header_ = {};
  line_ = read_line(0);
  if (line_.cells >= kCellsMin && names(text_.substr(line_.begin, line_.end - line_.begin))) header_ = line_;
}

Columns::Line Columns::read_line(uint32_t begin) const {
  Line line{begin, begin, '\0', 0};
  const auto size = static_cast<uint32_t>(text_.size());
  const size_t newline = text_.substr(begin, kLineMax).find('\n');
  line.end = newline == std::string_view::npos ? std::min(size, begin + kLineMax) : begin + static_cast<uint32_t>(newline);
  for (const char delimiter : {'|', '\t', ','}) {
    uint32_t cells = 0;
    for_each_cell(text_, begin, line.end, delimiter, [&](uint32_t, uint32_t) { return ++cells < 64; });
    if (cells >= kCellsMin) return line.delimiter = delimiter, line.cells = cells, line;
  }
  return line;
}

void Columns::next_line() {
  line_ = read_line(std::min(static_cast<uint32_t>(text_.size()), line_.end + 1));
  const std::string_view row = text_.substr(line_.begin, line_.end - line_.begin);
  if (header_.cells > 0 && (is_rule(row) || (line_.delimiter == header_.delimiter && line_.cells == header_.cells))) return;
  header_ = line_.cells >= kCellsMin && names(row) && !is_rule(row) ? line_ : Line{};
}

std::string_view Columns::header(uint32_t at) {
  while (line_.end < at && line_.end < text_.size()) next_line();
  if (header_.cells == 0 || line_.begin == header_.begin || line_.delimiter != header_.delimiter) return {};
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
