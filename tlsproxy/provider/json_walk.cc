// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/json_walk.h"

#include <array>
#include <bit>
#include <cstring>

#include "tlsproxy/provider/json_text.h"

namespace warden::provider {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kHighs = 0x8080808080808080;

uint64_t zero_bytes(uint64_t word) {
  return (word - kOnes) & ~word;
}

// Marks (in high bits) bytes of a string that need a look: quote, backslash, control, or beyond ASCII. The
// lowest mark is exact; borrows can only make false marks above it.
uint64_t marks(uint64_t word) {
  const uint64_t control = (word - kOnes * 0x20) & ~word;
  return (word | control | zero_bytes(word ^ (kOnes * '"')) | zero_bytes(word ^ (kOnes * '\\'))) & kHighs;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Walker {
 public:
  Walker(std::string_view body, Tape& tape) : at_(body.data()), end_(at_ + body.size()), tape_(tape) {}

  std::optional<Unreadable> walk();

 private:
  struct Open {
    uint32_t node;
    bool object;
  };

  void skip_blanks() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  bool is(char c) const { return at_ < end_ && *at_ == c; }
  bool string(std::string_view& raw, bool& escaped);
  bool number();
  bool digits();
  bool literal(std::string_view word, NodeKind kind);
  bool member_name();
  bool value();
  bool open(bool object);
  bool close_and_continue();
  void refuse(Unreadable why) {
    if (!error_) error_ = why;
  }
  Node& add(NodeKind kind);

  const char* at_;
  const char* end_;
  Tape& tape_;
  std::array<Open, kDepthMax> stack_;
  int depth_ = 0;
  Node pending_;  // name of the member whose value comes next
  std::optional<Unreadable> error_;
};

Node& Walker::add(NodeKind kind) {
  Node node = pending_;
  if (!node.has_name && depth_ > 0) node.label = tape_[stack_[static_cast<size_t>(depth_) - 1].node].label;
  node.kind = kind;
  node.end = static_cast<uint32_t>(tape_.size() + 1);
  pending_ = {};
  return tape_.emplace_back(node);
}

bool Walker::string(std::string_view& raw, bool& escaped) {
  const char* start = ++at_;
  while (true) {
    while (end_ - at_ >= 8) {
      uint64_t word;
      std::memcpy(&word, at_, 8);
      const uint64_t found = marks(word);
      if (found == 0) {
        at_ += 8;
        continue;
      }
      if constexpr (std::endian::native == std::endian::little) at_ += std::countr_zero(found) / 8;
      break;
    }
    if (at_ == end_) return false;
    const auto byte = static_cast<unsigned char>(*at_);
    if (byte == '"') break;
    if (byte < 0x20) return false;
    if (byte == '\\') {
      escaped = true;
      if (const TextFault fault = skip_escape(at_, end_); fault != TextFault::none) {
        if (fault == TextFault::undecodable) refuse(Unreadable::invalid_utf8);
        return false;
      }
    } else if (byte >= 0x80) {
      if (!skip_utf8(at_, end_)) {
        refuse(Unreadable::invalid_utf8);
        return false;
      }
    } else {
      ++at_;
    }
  }
  raw = {start, static_cast<size_t>(at_ - start)};
  ++at_;
  return true;
}

bool Walker::digits() {
  const char* start = at_;
  while (at_ < end_ && is_digit(*at_)) ++at_;
  return at_ > start;
}

bool Walker::number() {
  const char* start = at_;
  if (is('-')) ++at_;
  if (is('0'))
    ++at_;
  else if (!digits())
    return false;
  if (is('.')) {
    ++at_;
    if (!digits()) return false;
  }
  if (is('e') || is('E')) {
    ++at_;
    if (is('+') || is('-')) ++at_;
    if (!digits()) return false;
  }
  add(NodeKind::number).raw = {start, static_cast<size_t>(at_ - start)};
  return true;
}

bool Walker::literal(std::string_view word, NodeKind kind) {
  if (static_cast<size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word)
    return false;
  add(kind).raw = {at_, word.size()};
  at_ += word.size();
  return true;
}

bool Walker::open(bool object) {
  if (depth_ == kDepthMax) {
    refuse(Unreadable::too_deep);
    return false;
  }
  const auto index = static_cast<uint32_t>(tape_.size());
  add(object ? NodeKind::object : NodeKind::array).raw = {at_, 1};
  stack_[static_cast<size_t>(depth_++)] = {index, object};
  ++at_;
  return true;
}

bool Walker::member_name() {
  skip_blanks();
  if (!is('"') || !string(pending_.label, pending_.escaped_name)) return false;
  pending_.has_name = true;
  skip_blanks();
  if (!is(':')) return false;
  ++at_;
  return true;
}

bool Walker::value() {
  if (tape_.size() == kNodesMax) {
    refuse(Unreadable::too_many_values);
    return false;
  }
  skip_blanks();
  if (at_ == end_) return false;
  switch (*at_) {
    case '{':
      return open(true);
    case '[':
      return open(false);
    case 't':
      return literal("true", NodeKind::boolean);
    case 'f':
      return literal("false", NodeKind::boolean);
    case 'n':
      return literal("null", NodeKind::null);
    case '"': {
      std::string_view raw;
      bool escaped = false;
      if (!string(raw, escaped)) return false;
      Node& node = add(NodeKind::string);
      node.raw = raw;
      node.escaped = escaped;
      return true;
    }
    default:
      return number();
  }
}

// After a value: closes what ends here, until a comma asks for more or nothing is open. False: malformed.
bool Walker::close_and_continue() {
  while (depth_ > 0) {
    const Open& top = stack_[static_cast<size_t>(depth_) - 1];
    skip_blanks();
    if (is(',')) {
      ++at_;
      return !top.object || member_name();
    }
    if (!is(top.object ? '}' : ']')) return false;
    ++at_;
    tape_[top.node].end = static_cast<uint32_t>(tape_.size());
    --depth_;
  }
  return true;
}

std::optional<Unreadable> Walker::walk() {
  do {
    if (!value()) return error_.value_or(Unreadable::invalid_json);
    // A container just opened: empty, or its first element follows.
    if (depth_ > 0 && stack_[static_cast<size_t>(depth_) - 1].node + 1 == tape_.size()) {
      const bool object = stack_[static_cast<size_t>(depth_) - 1].object;
      skip_blanks();
      if (!is(object ? '}' : ']')) {
        if (object && !member_name()) return error_.value_or(Unreadable::invalid_json);
        continue;
      }
    }
    if (!close_and_continue()) return error_.value_or(Unreadable::invalid_json);
  } while (depth_ > 0);
  skip_blanks();
  return at_ == end_ ? std::nullopt : std::optional(Unreadable::trailing_data);
}

}  // namespace

std::optional<Unreadable> walk_json(std::string_view body, Tape& tape) {
  tape.clear();
  if (body.size() >= UINT32_MAX) return Unreadable::body_too_large;
  return Walker(body, tape).walk();
}

}  // namespace warden::provider
