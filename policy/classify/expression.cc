// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/expression.h"

#include <algorithm>
#include <array>

#include "policy/classify/chars.h"
#include "policy/classify/expression_functions.h"

namespace warden::classify {
namespace {

enum Code : uint8_t { kPush, kLoad, kStore, kCall, kNot, kNegate, kOr, kAnd, kEqual, kDiffers, kLess, kLessEqual, kGreater,
                      kGreaterEqual, kPlus, kMinus, kTimes, kDivide, kModulo };

struct Operator {
  std::string_view sign;
  Code code;
  int level;  // binds tighter the higher it is
};
constexpr Operator kOperators[] = {{"||", kOr, 1},       {"&&", kAnd, 2},          {"==", kEqual, 3}, {"!=", kDiffers, 3},
                                   {"<=", kLessEqual, 4}, {">=", kGreaterEqual, 4}, {"<", kLess, 4},   {">", kGreater, 4},
                                   {"+", kPlus, 5},      {"-", kMinus, 5},         {"*", kTimes, 6},  {"/", kDivide, 6},
                                   {"%", kModulo, 6}};
constexpr int kLevels = 7;
constexpr int kNestingMax = 24;
constexpr size_t kStackMax = 64;

int64_t modulo(int64_t a, int64_t b) {
  if (b == 0) return 0;
  const int64_t rest = a % b;
  return rest < 0 ? rest + (b < 0 ? -b : b) : rest;
}

int64_t apply(uint8_t code, int64_t a, int64_t b) {
  switch (code) {
    case kOr: return (a != 0 || b != 0) ? 1 : 0;
    case kAnd: return (a != 0 && b != 0) ? 1 : 0;
    case kEqual: return a == b ? 1 : 0;
    case kDiffers: return a != b ? 1 : 0;
    case kLess: return a < b ? 1 : 0;
    case kLessEqual: return a <= b ? 1 : 0;
    case kGreater: return a > b ? 1 : 0;
    case kGreaterEqual: return a >= b ? 1 : 0;
    case kPlus: return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    case kMinus: return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
    case kTimes: return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    case kDivide: return b == 0 || b == -1 ? 0 : a / b;
    default: return modulo(a, b);
  }
}

std::vector<int> numbers_of(std::string_view text) {
  std::vector<int> numbers;
  if (text.find(',') == std::string_view::npos) {
    for (const char c : text) numbers.push_back(is_digit(c) ? c - '0' : is_lower(c) ? c - 'a' + 10 : 0);
    return numbers;
  }
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    int number = 0;
    for (const char c : text.substr(0, comma)) {
      if (is_digit(c)) number = number * 10 + (c - '0');
    }
    numbers.push_back(text.front() == '-' ? -number : number);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return numbers;
}

}  // namespace

class ExpressionParser {
 public:
  ExpressionParser(std::string_view text, Expression& out) : left_(text), out_(out) {}

  bool statements() {
    for (;;) {
      skip();
      const bool store = left_.size() > 1 && is_lower(left_[0]) && assigns();
      const char name = store ? left_[0] : '\0';
      if (store) left_.remove_prefix(left_.find('=') + 1);
      if (!binary(1)) return false;
      if (store) emit(kStore, name - 'a', -1);
      skip();
      if (left_.empty()) return !store && depth_ == 1;
      if (!store || left_[0] != ';') return false;
      left_.remove_prefix(1);
    }
  }
  [[nodiscard]] std::string_view rest() const { return left_; }

 private:
  [[nodiscard]] bool assigns() const {
    const size_t at = left_.find_first_not_of(' ', 1);
    return at != std::string_view::npos && left_[at] == '=' && at_or_nul(left_, at + 1) != '=';
  }
  void skip() {
    while (!left_.empty() && is_space(left_[0])) left_.remove_prefix(1);
  }
  bool take(char c) {
    skip();
    if (left_.empty() || left_[0] != c) return false;
    left_.remove_prefix(1);
    return true;
  }
  void emit(Code code, int64_t operand, int change) {
    out_.ops_.push_back({code, operand});
    depth_ += change;
    deepest_ = std::max(deepest_, depth_);
  }

  bool binary(int level) {
    if (level == kLevels) return unary();
    if (!binary(level + 1)) return false;
    for (;;) {
      skip();
      const auto* op = std::find_if(std::begin(kOperators), std::end(kOperators),
                                    [&](const Operator& o) { return left_.starts_with(o.sign); });
      if (op == std::end(kOperators) || op->level != level) return true;
      left_.remove_prefix(op->sign.size());
      if (!binary(level + 1)) return false;
      emit(op->code, 0, -1);
    }
  }

  bool unary() {
    if (++nesting_ > kNestingMax) return false;
    const bool good = operand();
    --nesting_;
    return good && static_cast<size_t>(deepest_) < kStackMax;
  }

  bool operand() {
    if (take('!')) return unary() && (emit(kNot, 0, 0), true);
    if (take('-')) return unary() && (emit(kNegate, 0, 0), true);
    if (take('(')) return binary(1) && take(')');
    skip();
    if (left_.empty()) return false;
    if (is_digit(left_[0])) return number();
    if (left_[0] == '\'' && left_.size() > 2 && left_[2] == '\'') {
      emit(kPush, static_cast<unsigned char>(left_[1]), 1);
      left_.remove_prefix(3);
      return true;
    }
    return name();
  }

  bool number() {
    int64_t value = 0;
    for (int digits = 0; !left_.empty() && is_digit(left_[0]) && digits < 18; ++digits) {
      value = value * 10 + (left_[0] - '0');
      left_.remove_prefix(1);
    }
    emit(kPush, value, 1);
    return true;
  }

  bool name() {
    size_t size = 0;
    while (size < left_.size() && is_alnum(left_[size])) ++size;
    const std::string_view word = left_.substr(0, size);
    if (size == 1 && is_lower(word[0]) && at_or_nul(left_, 1) != '(') {
      emit(kLoad, word[0] - 'a', 1);
      left_.remove_prefix(1);
      return true;
    }
    const auto all = functions();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Function& f) { return f.name == word; });
    if (found == all.end()) return false;
    left_.remove_prefix(size);
    return call(found - all.begin(), found->args);
  }

  bool call(int64_t function, std::string_view args) {
    if (!take('(')) return false;
    for (size_t i = 0; i < args.size(); ++i) {
      if (i > 0 && !take(',')) return false;
      if (!(args[i] == 't' ? text() : binary(1))) return false;
    }
    emit(kCall, function, 1 - static_cast<int>(args.size()));
    return take(')');
  }

  bool text() {
    if (!take('"')) return false;
    const size_t end = left_.find('"');
    if (end == std::string_view::npos) return false;
    out_.texts_.push_back({std::string(left_.substr(0, end)), numbers_of(left_.substr(0, end))});
    emit(kPush, static_cast<int64_t>(out_.texts_.size()) - 1, 1);
    left_.remove_prefix(end + 1);
    return true;
  }

  std::string_view left_;
  Expression& out_;
  int depth_ = 0;
  int deepest_ = 0;
  int nesting_ = 0;
};

std::optional<Expression> Expression::compile(std::string_view text, std::string& error) {
  Expression made;
  ExpressionParser parser(text, made);
  if (parser.statements()) return made;
  error = "no expression from here on: \"" + std::string(parser.rest().substr(0, 40)) + "\"";
  return std::nullopt;
}

bool Expression::holds(std::string_view value) const {
  std::array<int64_t, kStackMax + 1> stack{};
  std::array<int64_t, 26> variables{};
  size_t top = 0;  // values on the stack; the parser has seen to it that they fit
  const auto all = functions();
  for (const Op& op : ops_) {
    switch (op.code) {
      case kPush: stack[top++] = op.operand; break;
      case kLoad: stack[top++] = variables[static_cast<size_t>(op.operand)]; break;
      case kStore: variables[static_cast<size_t>(op.operand)] = stack[--top]; break;
      case kNot: stack[top - 1] = stack[top - 1] == 0 ? 1 : 0; break;
      case kNegate: stack[top - 1] = -stack[top - 1]; break;
      case kCall: {
        const Function& function = all[static_cast<size_t>(op.operand)];
        top -= function.args.size();
        stack[top] = function.run({value, {stack.data() + top, function.args.size()}, texts_});
        ++top;
        break;
      }
      default:
        --top;
        stack[top - 1] = apply(op.code, stack[top - 1], stack[top]);
    }
  }
  return stack[0] != 0;
}

}  // namespace warden::classify
