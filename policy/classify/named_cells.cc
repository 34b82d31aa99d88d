// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/named_cells.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "policy/classify/byte_set.h"
#include "policy/classify/chars.h"
#include "policy/classify/pack.h"

namespace warden::classify {
namespace {

using Rank = Rewrites::Rank;

constexpr size_t kColumnsMax = 64;
constexpr size_t kNameMax = 40;
constexpr size_t kHeaderMax = 2048;

// What separates the cells of a line, and how many separators there are.
struct Shape {
  char separator = '\0';
  size_t count = 0;
  bool operator==(const Shape&) const = default;
};
constexpr std::string_view kSeparators = "|\t;,";

// Calls use(column, begin of the cell, end of the cell) for each cell; a quoted cell may hold the separator. The count of cells.
template <class Use>
size_t for_each_cell(std::string_view line, char separator, Use use) {
  size_t column = 0;
  size_t begin = 0;
  bool quoted = false;
  for (size_t at = 0; at <= line.size(); ++at) {
    if (at < line.size() && line[at] == '"') quoted = !quoted;
    if (at < line.size() && (quoted || line[at] != separator)) continue;
    use(column++, begin, at);
    begin = at + 1;
  }
  return column;
}

std::string_view trimmed(std::string_view cell) {
  const auto edge = [](char c) { return is_space(c) || c == '"' || c == '\'' || c == '`' || c == '*'; };
  while (!cell.empty() && edge(cell.front())) cell.remove_prefix(1);
  while (!cell.empty() && edge(cell.back())) cell.remove_suffix(1);
  return cell;
}

// A name of one or a few words, one of which is a label's, or which names a number type.
bool names_value(std::string_view name, const CompiledPack& pack) {
  if (name.empty() || name.size() > kNameMax || !std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == ' ' || c == '_' || c == '-' || c == '.' || c == '#'; }))
    return false;
  std::string word;
  for (size_t at = 0; at <= name.size(); ++at) {
    if (at < name.size() && is_alpha(name[at])) {
      word += lower(name[at]);
      continue;
    }
    if (pack.is_label_word(word)) return true;
    word.clear();
  }
  std::vector<LabelHit> hits;
  pack.number_labels.in_name(name, hits);
  return !hits.empty();
}

struct Header {
  std::vector<std::string_view> names;  // "" where the name says nothing
  char separator = '\0';
  size_t cells = 0;
  bool looked_at = false;
  [[nodiscard]] bool usable() const { return separator != '\0'; }
};

// A header has a name in each cell (but for the edges of a Markdown table), short ones.
Header header_of(std::string_view line, char separator, const CompiledPack& pack) {
  Header header;
  header.looked_at = true;
  bool any = false;
  bool words = true;
  header.cells = for_each_cell(line, separator, [&](size_t column, size_t begin, size_t end) {
    const std::string_view name = trimmed(line.substr(begin, end - begin));
    words = words && name.size() <= kNameMax && (!name.empty() || separator == '|');
    if (!words) return;
    if (column >= kColumnsMax) return;
    header.names.push_back(names_value(name, pack) ? name : std::string_view{});
    any = any || !header.names.back().empty();
  });
  if (any && words && header.cells >= 2) header.separator = separator;
  return header;
}

bool rule(std::string_view line) {  // |---|---|
  return line.find("--") != std::string_view::npos && std::all_of(line.begin(), line.end(), [](char c) { return c == '|' || c == '-' || c == ':' || is_blank(c); });
}

// "name: " takes the place of the separator before the cell (of the line's end before the first one).
void add_cells(std::string_view line, size_t offset, const Header& header, Rewrites& out) {
  std::array<std::pair<size_t, size_t>, kColumnsMax> cells;
  const size_t count = for_each_cell(line, header.separator, [&](size_t column, size_t begin, size_t end) {
    if (column < kColumnsMax) cells[column] = {begin, end};
  });
  if (count != header.cells) return;
  for (size_t column = 0; column < header.names.size(); ++column) {
    const auto [begin, end] = cells[column];
    if (header.names[column].empty() || trimmed(line.substr(begin, end - begin)).empty()) continue;
    const auto at = static_cast<uint32_t>(offset + begin);
    if (at > 0) out.add({at - 1, at}, "\n" + std::string(header.names[column]) + ": ", Rank::loose);
  }
}

struct Tuple {
  std::vector<Extent> items;
  size_t end = 0;
};

// The comma-separated items of the parentheses that open at `at`; end 0 when they do not close.
Tuple read_tuple(std::string_view in, size_t at) {
  Tuple tuple;
  char quoted = '\0';
  size_t begin = at + 1;
  for (size_t i = at + 1; i < in.size() && i - at < kHeaderMax * 4; ++i) {
    const char c = in[i];
    if (quoted != '\0') {
      if (c == quoted) quoted = '\0';
    } else if (c == '\'' || c == '"' || c == '`') {
      quoted = c;
    } else if (c == ',' || c == ')') {
      tuple.items.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(i)});
      begin = i + 1;
      if (c == ')' || tuple.items.size() == kColumnsMax) {
        tuple.end = c == ')' ? i + 1 : 0;
        return tuple;
      }
    }
  }
  return tuple;
}

size_t past_space(std::string_view in, size_t at) {
  while (is_space(at_or_nul(in, at))) ++at;
  return at;
}

bool word_at(std::string_view in, size_t at, std::string_view word) {
  return equals_nocase(in.substr(at, word.size()), word);
}

// A table is two lines at least, of the same shape; the first is looked at when the second is known.
class TableReader {
 public:
  TableReader(std::string_view in, const CompiledPack& pack, Rewrites& out) : in_(in), pack_(pack), out_(out) {}

  void mark(size_t at) {
    if (in_[at] != '\n') {
      ++counts_[kSeparators.find(in_[at])];
      return;
    }
    end_line(at);
    begin_ = at + 1;
    counts_ = {};
  }

  void end_line(size_t end) {
    Shape shape;
    for (size_t i = counts_.size(); i-- > 0 && end - begin_ <= kHeaderMax;) {
      if (counts_[i] > 0) shape = {kSeparators[i], counts_[i]};
    }
    std::string_view line = in_.substr(begin_, end - begin_);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    const bool ruled = shape.separator == '|' && rule(line);
    if (shape != shape_ || shape.separator == '\0') {
      header_ = {};
    } else if (!ruled) {
      if (!header_.looked_at) header_ = header_of(first_, shape.separator, pack_);
      if (header_.usable()) add_cells(line, begin_, header_, out_);
    }
    if (ruled) return;
    if (!header_.looked_at) first_ = line;
    shape_ = shape;
  }

 private:
  std::string_view in_;
  const CompiledPack& pack_;
  Rewrites& out_;
  size_t begin_ = 0;  // of the line in hand
  std::array<uint32_t, kSeparators.size()> counts_{};
  std::string_view first_;  // line of the shape
  Shape shape_;
  Header header_;
};

}  // namespace

void find_table_cells(std::string_view in, const CompiledPack& pack, Rewrites& out) {
  static constexpr ByteSet kMarks("|\t;,\n");
  TableReader reader(in, pack, out);
  kMarks.each(in, [&](size_t at) {
    reader.mark(at);
    return at + 1;
  });
  reader.end_line(in.size());
}

// INSERT INTO t (id, ssn) VALUES (7, '...'), (8, '...')
void find_insert_values(std::string_view in, const CompiledPack& pack, Rewrites& out) {
  constexpr std::string_view kValues = "values";
  for (size_t close = in.find(')'); close != std::string_view::npos && !out.overflowed(); close = in.find(')', close + 1)) {
    size_t at = past_space(in, close + 1);
    if (lower(at_or_nul(in, at)) != 'v' || !word_at(in, at, kValues)) continue;
    const size_t open = in.substr(0, close).rfind('(');
    if (open == std::string_view::npos || close - open > kHeaderMax) continue;
    const Tuple names = read_tuple(in, open);
    at = past_space(in, at + kValues.size());
    while (at_or_nul(in, at) == '(') {
      const Tuple values = read_tuple(in, at);
      if (values.end == 0 || values.items.size() != names.items.size()) break;
      for (size_t i = 0; i < values.items.size(); ++i) {
        const std::string_view name = trimmed(in.substr(names.items[i].begin, names.items[i].end - names.items[i].begin));
        const uint32_t begin = values.items[i].begin;
        if (names_value(name, pack)) out.add({begin - 1, begin}, "\n" + std::string(name) + ": ", Rank::loose);
      }
      at = past_space(in, values.end);
      if (at_or_nul(in, at) == ',') at = past_space(in, at + 1);
    }
  }
}

// name="ssn" value="..." and <property name="ssn">...: the name, then whatever leads to the value.
void find_name_attributes(std::string_view in, Rewrites& out) {
  for (size_t equals = in.find('='); equals != std::string_view::npos && !out.overflowed(); equals = in.find('=', equals + 1)) {
    const char quote = at_or_nul(in, equals + 1);
    if ((quote != '"' && quote != '\'') || equals < 4 || in.substr(equals - 4, 4) != "name") continue;
    const size_t at = equals - 4;
    const size_t close = in.find(quote, at + 6);
    if (close == std::string_view::npos || close - at > kNameMax + 6) continue;
    size_t value = past_space(in, close + 1);
    if (word_at(in, value, "value="))
      value += 6;
    else if (at_or_nul(in, value) == '>')
      value += 1;
    else
      continue;
    out.add({static_cast<uint32_t>(close), static_cast<uint32_t>(value)}, "=", Rank::loose);
    out.add({static_cast<uint32_t>(at), static_cast<uint32_t>(at + 6)}, " ", Rank::loose);
  }
}

}  // namespace warden::classify
