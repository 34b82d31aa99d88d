// SPDX-License-Identifier: Apache-2.0
// Reads the number table; the format is described in number_types.h.
#include <algorithm>

#include "policy/classify/chars.h"
#include "policy/classify/number_types.h"

namespace warden::classify {
namespace {

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The parts between " | "; a bar without blanks around it belongs to a part.
std::vector<std::string_view> parts(std::string_view list) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t bar = std::min(list.find(" | "), list.size());
    out.push_back(trim(list.substr(0, bar)));
    if (bar == list.size()) return out;
    list.remove_prefix(bar + 3);
  }
}

class ShapeReader {
 public:
  explicit ShapeReader(std::string_view text) : left_(text) {}

  bool read(Shape& shape) {
    while (!left_.empty()) {
      if (left_[0] == ' ') {
        left_.remove_prefix(1);
        continue;
      }
      ShapeItem item;
      if (!what(item) || !count(item)) return false;
      shape.push_back(std::move(item));
    }
    return !shape.empty();
  }

 private:
  bool what(ShapeItem& item) {
    const char c = left_[0];
    if (c == '"' || c == '\'' || c == '<') return literal(item, c);
    if (c == '[') return set(item);
    left_.remove_prefix(1);
    for (int code = 0; code < 256; ++code) {
      const auto letter = static_cast<char>(code);
      if ((c == 'd' && is_digit(letter)) || (c == 'A' && is_upper(letter)) || (c == 'L' && (is_upper(letter) || code >= 128)) || (c == 'x' && (is_digit(letter) || is_upper(letter))) ||
          (c == 'h' && !is_lower(letter) && hex_value(letter) >= 0))
        item.set.set(static_cast<size_t>(code));
    }
    return item.set.any();
  }

  bool literal(ShapeItem& item, char quote) {
    const size_t end = left_.find(quote == '<' ? '>' : quote, 1);
    if (end == std::string_view::npos || end == 1) return false;
    std::string_view text = left_.substr(1, end - 1);
    left_.remove_prefix(end + 1);
    item.kept = quote == '"';
    if (quote != '<') {
      item.literals.push_back(text);
      return true;
    }
    item.min = 0;
    while (!text.empty()) {
      const size_t bar = std::min(text.find('|'), text.size());
      item.literals.push_back(text.substr(0, bar));
      text.remove_prefix(std::min(bar + 1, text.size()));
    }
    return true;
  }

  bool set(ShapeItem& item) {
    const size_t end = left_.find(']');
    if (end == std::string_view::npos || end < 2) return false;
    const std::string_view body = left_.substr(1, end - 1);
    left_.remove_prefix(end + 1);
    for (size_t i = 0; i < body.size(); ++i) {
      const bool range = i + 2 < body.size() && body[i + 1] == '-' && is_alnum(body[i]) && is_alnum(body[i + 2]);
      const auto last = static_cast<unsigned char>(range ? body[i + 2] : body[i]);
      for (unsigned code = static_cast<unsigned char>(body[i]); code <= last; ++code) item.set.set(code);
      if (range) i += 2;
    }
    return true;
  }

  bool number(uint8_t& out) {
    unsigned value = 0;
    size_t digits = 0;
    for (; !left_.empty() && is_digit(left_[0]) && digits < 3; ++digits) {
      value = value * 10 + static_cast<unsigned>(left_[0] - '0');
      left_.remove_prefix(1);
    }
    out = static_cast<uint8_t>(value);
    return digits > 0 && value < 64;
  }

  bool count(ShapeItem& item) {
    if (left_.empty()) return true;
    if (left_[0] == '?') {
      item.min = 0;
      left_.remove_prefix(1);
      return true;
    }
    if (is_digit(left_[0])) return item.literals.empty() && number(item.min) && (item.max = item.min, item.max > 0);
    if (left_[0] != '{') return true;
    left_.remove_prefix(1);
    if (!number(item.min) || left_.empty() || left_[0] != ',') return false;
    left_.remove_prefix(1);
    if (!number(item.max) || left_.empty() || left_[0] != '}') return false;
    left_.remove_prefix(1);
    return item.literals.empty() && item.min <= item.max && item.max > 0;
  }

  std::string_view left_;
};

class TableReader {
 public:
  TableReader(std::string_view table, std::vector<std::unique_ptr<NumberType>>& types) : left_(table), types_(types) {}

  bool read(std::string& error) {
    while (!left_.empty()) {
      const size_t end = std::min(left_.find('\n'), left_.size());
      const std::string_view line = left_.substr(0, end);
      left_.remove_prefix(std::min(end + 1, left_.size()));
      ++line_;
      if (trim(line).empty() || line[0] == '#') continue;
      if (!(line[0] == ' ' ? field(line) : head(line))) return complain(error);
    }
    return close() || complain(error);
  }

 private:
  bool complain(std::string& error) const {
    error = "line " + std::to_string(line_) + (types_.empty() ? "" : " (" + std::string(types_.back()->id) + ")") + ": " + reason_;
    return false;
  }

  bool head(std::string_view line) {
    if (!close()) return false;
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos) return reason_ = "a type has a name and a class", false;
    types_.push_back(std::make_unique<NumberType>());
    types_.back()->id = line.substr(0, blank);
    types_.back()->data_class = trim(line.substr(blank));
    return true;
  }

  bool field(std::string_view line) {
    if (types_.empty()) return reason_ = "a field before the first type", false;
    if (line.starts_with("    ")) return check_ += line, true;  // goes on with the check
    line = trim(line);
    const size_t blank = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, blank);
    const std::string_view rest = trim(line.substr(blank));
    NumberType& type = *types_.back();
    reason_ = "wrong " + std::string(name);
    if (name == "check") return check_ = rest, !rest.empty();
    if (name == "labels") return type.labels = parts(rest), true;
    if (name == "yes") return type.yes = parts(rest), true;
    if (name == "no") return type.no = parts(rest), true;
    if (name == "anchored") return type.anchored = true;
    if (name == "keep_case") return type.keep_case = true;
    if (name == "tier") return type.tier = Tier::asserted, rest == "asserted";
    if (name == "pad") return type.pad = static_cast<uint8_t>(rest.size() == 1 ? rest[0] - '0' : 10), rest == "9" || rest == "10";
    if (name == "sep") return type.separators = rest.substr(1, rest.size() - 2), rest.size() >= 2 && rest.front() == '"' && rest.back() == '"';
    if (name == "shape") return shapes(type, rest);
    if (name == "any" || name == "any_prefixed") return type.prefixed = name.size() > 3, members_ = parts(rest), true;
    return reason_ = "no field " + std::string(name), false;
  }

  bool shapes(NumberType& type, std::string_view list) {
    for (const std::string_view part : parts(list)) {
      if (!ShapeReader(part).read(type.shapes.emplace_back())) return false;
    }
    return true;
  }

  bool close() {
    if (types_.empty()) return true;
    NumberType& type = *types_.back();
    if (!check_.empty()) {
      type.check = Expression::compile(check_, reason_);
      if (!type.check) return false;
      check_.clear();
    }
    if (!members_.empty()) later_.emplace_back(&type, std::move(members_));
    members_.clear();
    return true;
  }

 public:
  bool resolve(std::string& error) {
    for (auto& [type, names] : later_) {
      for (const std::string_view name : names) {
        const auto found = std::find_if(types_.begin(), types_.end(), [&](const auto& t) { return t->id == name; });
        if (found == types_.end() || (*found)->shapes.empty()) return error = std::string(type->id) + ": no type " + std::string(name), false;
        type->any.push_back(found->get());
      }
    }
    for (const auto& type : types_) {
      if (type->labels.empty() || (type->shapes.empty() && type->any.empty())) return error = std::string(type->id) + ": labels and shape are missing", false;
    }
    return true;
  }

 private:
  std::string_view left_;
  std::vector<std::unique_ptr<NumberType>>& types_;
  std::string check_;
  std::vector<std::string_view> members_;
  std::vector<std::pair<NumberType*, std::vector<std::string_view>>> later_;
  std::string reason_;
  int line_ = 0;
};

}  // namespace

std::optional<NumberTypes> NumberTypes::parse(std::string_view table, std::string& error) {
  NumberTypes made;
  TableReader reader(table, made.types_);
  if (!reader.read(error) || !reader.resolve(error)) return std::nullopt;
  return made;
}

}  // namespace warden::classify
