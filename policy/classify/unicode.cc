// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/unicode.h"

#include <algorithm>
#include <cstring>

#include "policy/classify/chars.h"
#include "policy/classify/lookalikes.h"

namespace warden::classify {
namespace {

uint32_t tail_bytes(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return 1;
  if (lead >= 0xE0 && lead <= 0xEF) return 2;
  return lead >= 0xF0 && lead <= 0xF4 ? 3 : 0;
}

}  // namespace

uint32_t next_high(std::string_view text, size_t from) {
  size_t at = from;
  for (; at + 32 <= text.size(); at += 32) {
    uint64_t words[4];
    std::memcpy(words, text.data() + at, 32);
    if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080u) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
  return static_cast<uint32_t>(at);
}

bool is_ascii(std::string_view text) {
  return next_high(text, 0) == text.size();
}

bool is_utf8(std::string_view text) {
  for (size_t at = next_high(text, 0); at < text.size(); at = next_high(text, at)) {
    const CodePoint point = code_point_at(text, at);
    if (point.value == 0xFFFD && point.bytes == 1) return false;  // the real U+FFFD takes three bytes
    at += point.bytes;
  }
  return true;
}

CodePoint code_point_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1};
  const uint32_t tail = tail_bytes(lead);
  if (tail == 0 || at + tail >= text.size()) return {};
  char32_t value = lead & (0x3Fu >> tail);
  for (uint32_t i = 1; i <= tail; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte(at + i) & 0x3Fu);
  }
  const bool overlong = (tail == 2 && value < 0x800) || (tail == 3 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, tail + 1};
}

void append_utf8(std::string& out, char32_t value) {
  const auto push = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (value < 0x80) return push(value);
  if (value < 0x800) {
    push(0xC0 | (value >> 6));
  } else if (value < 0x10000) {
    push(0xE0 | (value >> 12));
    push(0x80 | ((value >> 6) & 0x3F));
  } else {
    push(0xF0 | (value >> 18));
    push(0x80 | ((value >> 12) & 0x3F));
    push(0x80 | ((value >> 6) & 0x3F));
  }
  push(0x80 | (value & 0x3F));
}

namespace {

constexpr uint32_t kTokenMax = 512;

bool token_mark(char c) {
  return c == '@' || c == '.' || c == '_' || c == '-' || c == '+' || c == '/' || c == '=' || c == '~';
}

// A token in which letters of another script may stand for Latin ones: it has Latin letters or digits too, or a Latin word
// stands before it, and every other letter has a twin.
struct Token {
  uint32_t end = 0;
  bool latin = false;
};

Token token_at(std::string_view in, uint32_t begin, bool latin_before) {
  Token token{begin, false};
  bool other = false;
  bool ascii = latin_before;
  const auto limit = static_cast<uint32_t>(std::min<size_t>(in.size(), begin + kTokenMax));
  while (token.end < limit) {
    const char c = in[token.end];
    if (static_cast<unsigned char>(c) < 0x80) {
      if (!is_alnum(c) && !token_mark(c)) break;
      ascii = ascii || is_alnum(c);
      ++token.end;
      continue;
    }
    const CodePoint point = code_point_at(in, token.end);
    const bool known = maybe_lookalike(point.value);
    const char form = known ? ascii_form(point.value) : '\0';
    if (form == ' ' || form == '\n') break;
    if (form != 0) {
      ascii = ascii || is_alnum(form);
    } else if (!known || (latin_twin(point.value) == 0 && !ignorable(point.value))) {
      other = true;
    }
    token.end += point.bytes;
  }
  token.latin = ascii && !other;
  return token;
}

// Fold walks the text once; what is not in hand of it is copied as it is.
class Fold {
 public:
  Fold(std::string_view in, MappedText& out) : in_(in), out_(out) {}

  bool run() {
    while (at_ < in_.size()) {
      if (static_cast<unsigned char>(in_[at_]) < 0x80) {
        at_ = next_high(in_, at_);
        continue;
      }
      const CodePoint point = code_point_at(in_, at_);
      if (maybe_lookalike(point.value)) take(point);
      at_ += point.bytes;
    }
    if (changed_) out_.copy(in_, plain_, static_cast<uint32_t>(in_.size()));
    return changed_;
  }

 private:
  void take(const CodePoint& point) {
    if (ignorable(point.value) || (combining(point.value) && on_digit())) return become({}, point.bytes);
    char form = ascii_form(point.value);
    if (form == 0) form = twin(point.value);
    if (form != 0) become({&form, 1}, point.bytes);
  }

  char twin(char32_t c) {
    const char latin = latin_twin(c);
    if (latin == 0) return 0;
    if (at_ >= token_.end) {
      uint32_t begin = at_;
      while (begin > token_.end && begin > plain_ && at_ - begin < kTokenMax && (is_alnum(in_[begin - 1]) || token_mark(in_[begin - 1]))) --begin;
      token_ = token_at(in_, begin, after_latin(begin));
      if (token_.end <= at_) token_ = {at_ + 1, false};
      if (token_.latin) latin_end_ = token_.end;
    }
    return token_.latin ? latin : '\0';
  }

  // The word before `begin` is a Latin one (or a number), or was read as one.
  [[nodiscard]] bool after_latin(uint32_t begin) const {
    if (begin == plain_ && begin > 0 && is_alnum(at_or_nul(out_.text(), out_.text().size() - 1))) return true;
    uint32_t at = begin;
    while (at > 0 && begin - at < 4 && !is_word(in_[at - 1]) && in_[at - 1] != '\n') --at;
    return at > 0 && at < begin && (is_alnum(in_[at - 1]) || at <= latin_end_);
  }

  [[nodiscard]] bool on_digit() const {
    return at_ == plain_ ? is_digit(at_or_nul(out_.text(), out_.text().size() - 1)) : is_digit(in_[at_ - 1]);
  }

  void become(std::string_view text, uint32_t bytes) {
    out_.copy(in_, plain_, at_);
    out_.replace(text, at_, at_ + bytes);
    plain_ = at_ + bytes;
    changed_ = true;
  }

  std::string_view in_;
  MappedText& out_;
  uint32_t at_ = 0;
  uint32_t plain_ = 0;  // start of what has not been copied yet
  uint32_t latin_end_ = 0;
  Token token_;
  bool changed_ = false;
};

}  // namespace

bool fold(std::string_view in, MappedText& out) {
  out.clear();
  return Fold(in, out).run();
}

}  // namespace warden::classify
