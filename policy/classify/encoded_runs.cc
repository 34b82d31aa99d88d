// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/encoded_runs.h"

#include <algorithm>
#include <array>
#include <string>

#include "policy/classify/byte_set.h"
#include "policy/classify/chars.h"
#include "policy/classify/layers.h"

namespace warden::classify {
namespace {

using Rank = Rewrites::Rank;

constexpr size_t kRunMin = 12;        // nine digits
constexpr size_t kSureMin = 24;       // a shorter run must decode to plain ASCII altogether
constexpr size_t kRunMax = size_t{1} << 24;
constexpr size_t kLineMin = 16;       // of base64 that goes on in the next line
constexpr size_t kPairsMin = 8;       // of hex digits
constexpr size_t kRetries = 4;
constexpr size_t kDumpLineMin = 8;
constexpr size_t kDumpLineMax = 160;

constexpr std::array<int8_t, 256> base64_values() {
  std::array<int8_t, 256> table{};
  for (auto& value : table) value = -1;
  for (int i = 0; i < 26; ++i) {
    table[static_cast<size_t>('A' + i)] = static_cast<int8_t>(i);
    table[static_cast<size_t>('a' + i)] = static_cast<int8_t>(26 + i);
  }
  for (int i = 0; i < 10; ++i) table[static_cast<size_t>('0' + i)] = static_cast<int8_t>(52 + i);
  table['+'] = table['-'] = 62;
  table['/'] = table['_'] = 63;
  return table;
}
constexpr auto kBase64 = base64_values();
int base64_value(char c) {
  return kBase64[static_cast<unsigned char>(c)];
}

bool odd_byte(unsigned char c) {
  return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
}

// Text as it may be decoded so far: stops at the first sign that it is none. `strict`: nothing but printable ASCII.
class TextSink {
 public:
  TextSink(std::string& text, bool strict) : text_(text), strict_(strict) { text_.clear(); }
  bool add(unsigned char byte) {
    const bool odd = odd_byte(byte) || (strict_ && byte >= 0x80);
    odd_ += odd ? 1 : 0;
    if (odd && (strict_ || (odd_ > 2 && odd_ * 8 > text_.size()))) return false;
    text_ += static_cast<char>(byte);
    return true;
  }
  [[nodiscard]] bool is_text() const { return !text_.empty() && (strict_ || mostly_text(text_)); }

 private:
  std::string& text_;
  bool strict_;
  size_t odd_ = 0;
};

// Decodes `run`, in which line ends and what stands before the next line's first character are skipped.
bool decode_base64(std::string_view run, size_t symbols, std::string& text) {
  TextSink sink(text, symbols < kSureMin);
  uint32_t bits = 0;
  int held = 0;
  for (const char c : run) {
    const int value = base64_value(c);
    if (value < 0) continue;
    bits = (bits << 6) | static_cast<uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    if (!sink.add(static_cast<unsigned char>(bits >> held))) return false;
  }
  return sink.is_text();
}

size_t run_end(std::string_view in, size_t at) {
  while (at < in.size() && base64_value(in[at]) >= 0) ++at;
  return at;
}

// The end of the run when its lines are of one length, the last perhaps shorter; `end` when the next line is no part of it.
size_t lines_end(std::string_view in, size_t begin, size_t end, size_t& symbols) {
  const size_t width = end - begin;
  while (width >= kLineMin) {
    size_t next = end;
    if (at_or_nul(in, next) == '\r') ++next;
    if (at_or_nul(in, next) != '\n') return end;
    ++next;
    while (next < in.size() && (is_blank(in[next]) || in[next] == '>')) ++next;
    const size_t stop = run_end(in, next);
    const char after = at_or_nul(in, stop);
    const bool whole = after == '\0' || after == '=' || after == '\n' || after == '\r' || after == '"' || after == '\'' || after == ' ' || after == '<';
    if (stop == next || stop - next > width || !whole) return end;
    symbols += stop - next;
    const bool last = stop - next < width;
    end = stop;
    if (last) return end;
  }
  return end;
}

size_t past_padding(std::string_view in, size_t end) {
  const size_t stop = end + (in.substr(end).starts_with("==") ? 2 : in.substr(end).starts_with("=") ? 1 : 0);
  return is_alnum(at_or_nul(in, stop)) ? end : stop;  // "=41": quoted-printable
}

int hex_pair(std::string_view in, size_t at) {
  const int high = hex_value(at_or_nul(in, at));
  const int low = high < 0 ? -1 : hex_value(at_or_nul(in, at + 1));
  return low < 0 ? -1 : high * 16 + low;
}

// What stands between two bytes of a list: "", " ", ":", ", 0x" ...; npos: none of it.
size_t joint_at(std::string_view in, size_t at) {
  size_t end = at;
  while (end - at < 4 && end < in.size() && (is_space(in[end]) || in[end] == ',' || in[end] == ':' || in[end] == '-')) ++end;
  if (at_or_nul(in, end) == '0' && lower(at_or_nul(in, end + 1)) == 'x') end += 2;
  return end - at;
}

struct HexRun {
  size_t end = 0;
  size_t pairs = 0;
  bool text = true;
};
HexRun read_hex(std::string_view in, size_t begin, std::string& text) {
  const size_t joint = joint_at(in, begin + 2);
  const std::string_view first = in.substr(begin + 2, joint);
  TextSink sink(text, false);
  HexRun run{begin, 0, true};
  for (size_t at = begin; run.text;) {
    const int byte = hex_pair(in, at);
    if (byte < 0) break;
    run.text = sink.add(static_cast<unsigned char>(byte));
    ++run.pairs;
    run.end = at + 2;
    const size_t gap = joint_at(in, run.end);
    const bool line_break = gap > 0 && in[run.end] == '\n';
    if (!line_break && in.substr(run.end, gap) != first && !(gap > 0 && joint > 0 && in.substr(run.end, joint) == first)) break;
    at = run.end + gap;
  }
  run.text = run.text && sink.is_text();
  return run;
}

// Digits alone may be a number that happens to spell something: what it spells must look written.
bool wordlike(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || std::string_view(" -_.@/+=:,").find(c) != std::string_view::npos; });
}

// The bytes of one line of a dump; the line's extent without its end. False: no such line.
bool dump_line(std::string_view line, std::string& text) {
  size_t at = 0;
  while (at < line.size() && is_blank(line[at])) ++at;
  const size_t offset = at;
  while (at < line.size() && hex_value(line[at]) >= 0) ++at;
  if (at - offset < 4 || at - offset > 16) return false;
  if (at_or_nul(line, at) == ':') ++at;
  if (!is_blank(at_or_nul(line, at))) return false;
  TextSink sink(text, false);
  size_t blanks = 0;
  for (size_t bytes = 0; at < line.size() && bytes < 32;) {
    if (is_blank(line[at])) {
      ++at;
      if (++blanks > 2 && bytes > 0) break;  // the gutter
      continue;
    }
    const int byte = hex_pair(line, at);
    if (byte < 0 || (blanks == 2 && bytes > 0 && bytes != 8)) break;
    blanks = 0;
    if (!sink.add(static_cast<unsigned char>(byte))) return false;
    at += 2;
    ++bytes;
    if (hex_value(at_or_nul(line, at)) < 0 && !is_blank(at_or_nul(line, at)) && at < line.size()) return false;
  }
  return !text.empty() && sink.is_text();
}

// A quick look: an offset comes first, of four hex digits or more.
bool may_be_dump(std::string_view line) {
  return hex_value(line[3]) >= 0 && hex_value(line[2]) >= 0 && (hex_value(line[0]) >= 0 || is_blank(line[0]));
}

// The first symbols say whether a run can be text: most words and paths cannot.
bool plausible(std::string_view run) {
  constexpr size_t kLook = 16;
  uint32_t bits = 0;
  int held = 0;
  int odd = 0;
  bool open = false;  // within a multi-byte character
  for (const char c : run.substr(0, kLook)) {
    bits = (bits << 6) | static_cast<uint32_t>(base64_value(c));
    held += 6;
    if (held < 8) continue;
    held -= 8;
    const auto byte = static_cast<unsigned char>(bits >> held);
    const bool tail = (byte & 0xC0) == 0x80;
    odd += odd_byte(byte) || (tail && !open) || (open && !tail && byte >= 0x80) ? 1 : 0;
    open = byte >= 0xC2 || (tail && open);
  }
  return odd <= 1;
}

// A run may begin behind a path or a prefix of the same alphabet: "/files/aGVsbG8...", "v1-aGVsbG8...".
bool add_base64(std::string_view in, size_t begin, size_t end, std::string& text, Rewrites& out, size_t& next) {
  next = end;
  if (!plausible(in.substr(begin, end - begin))) return false;
  size_t symbols = end - begin;
  const size_t far = lines_end(in, begin, end, symbols);
  next = past_padding(in, far);
  if (symbols % 4 != 1 && next - begin <= kRunMax && decode_base64(in.substr(begin, far - begin), symbols, text)) {
    out.add({static_cast<uint32_t>(begin), static_cast<uint32_t>(next)}, text, Rank::run);
    return true;
  }
  next = past_padding(in, end);
  if (far != end && (end - begin) % 4 != 1 && decode_base64(in.substr(begin, end - begin), end - begin, text)) {
    out.add({static_cast<uint32_t>(begin), static_cast<uint32_t>(next)}, text, Rank::run);
    return true;
  }
  return false;
}

}  // namespace

void find_base64(std::string_view in, Rewrites& out) {
  std::string text;
  static constexpr ByteSet kAlphabet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");
  static_assert(ByteSet::kRun == kRunMin);
  for (size_t at = kAlphabet.next_run(in, 0); at < in.size() && !out.overflowed(); at = kAlphabet.next_run(in, at)) {
    const size_t begin = at;
    const size_t end = run_end(in, begin + kRunMin);
    size_t from = begin;
    size_t next = end;
    for (size_t tries = 0; tries < kRetries && end - from >= kRunMin; ++tries) {
      if (add_base64(in, from, end, text, out, next)) break;
      while (from < end && is_alnum(in[from])) ++from;
      if (from == end) break;
      ++from;
    }
    at = std::max(next, end);
  }
}

void find_hex(std::string_view in, Rewrites& out) {
  // Text in hex is made of bytes from 0x20 to 0x7E: a digit comes first.
  static constexpr ByteSet kFirst("234567");
  std::string text;
  for (size_t at = kFirst.next(in, 0); at + 2 * kPairsMin <= in.size() && !out.overflowed(); at = kFirst.next(in, at)) {
    if (hex_value(in[at + 1]) < 0 || (at > 0 && is_word(in[at - 1]) && lower(in[at - 1]) != 'x')) {
      ++at;
      continue;
    }
    // Two pairs more, and most numbers and words are out.
    const size_t second = at + 2 + joint_at(in, at + 2);
    if (hex_pair(in, second) < 0 || hex_pair(in, second + 2 + joint_at(in, second + 2)) < 0) {
      at += 2;
      continue;
    }
    const HexRun run = read_hex(in, at, text);
    const bool number = std::all_of(in.begin() + static_cast<ptrdiff_t>(at), in.begin() + static_cast<ptrdiff_t>(run.end), is_digit);
    if (run.text && run.pairs >= kPairsMin && !is_word(at_or_nul(in, run.end)) && (!number || wordlike(text))) {
      const bool prefixed = at >= 2 && in[at - 2] == '0' && lower(in[at - 1]) == 'x';
      out.add({static_cast<uint32_t>(prefixed ? at - 2 : at), static_cast<uint32_t>(run.end)}, text, Rank::run);
    }
    at = std::max(run.end, at + 1);
  }
}

// The lines of one dump that follow each other are one run.
void find_hex_dumps(std::string_view in, Rewrites& out) {
  std::string line_text;
  std::string text;
  Extent dump;
  const auto flush = [&] {
    if (!text.empty()) out.add(dump, text, Rank::run);
    text.clear();
  };
  for (size_t begin = 0; begin < in.size() && !out.overflowed();) {
    const size_t end = std::min(in.find('\n', begin), in.size());
    std::string_view line = in.substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.size() >= kDumpLineMin && line.size() <= kDumpLineMax && may_be_dump(line) && dump_line(line, line_text)) {
      if (text.empty()) dump.begin = static_cast<uint32_t>(begin);
      dump.end = static_cast<uint32_t>(begin + line.size());
      text += line_text;
    } else {
      flush();
    }
    begin = end + 1;
  }
  flush();
}

}  // namespace warden::classify
