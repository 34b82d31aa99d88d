// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/rejoin.h"

#include <algorithm>
#include <array>
#include <string>

#include "policy/classify/byte_set.h"
#include "policy/classify/chars.h"
#include "policy/classify/numbers.h"
#include "policy/classify/pack.h"

namespace warden::classify {
namespace {

using Rank = Rewrites::Rank;

constexpr size_t kSeamMax = 96;       // between two pieces of a concatenation
constexpr size_t kFoldedMin = 16;     // of a token at the end of a line, to go on in the next
constexpr size_t kRestMax = 3;        // of a token, that may look like a word
constexpr size_t kPrefixMax = 16;
constexpr size_t kDigitsMin = 7;
constexpr size_t kDigitsMax = 24;
constexpr size_t kWordMin = 3;
constexpr size_t kWordMax = 24;

bool quote(char c) {
  return c == '"' || c == '\'' || c == '`';
}

size_t past_space(std::string_view in, size_t at, size_t limit) {
  while (at < in.size() && at < limit && is_space(in[at])) ++at;
  return at;
}

// The operators that put two literals together; "" where only space stands between them (C, Python).
size_t past_join(std::string_view in, size_t at) {
  static constexpr ByteSet kFirst("+|.&~\\");
  if (!kFirst.contains(at_or_nul(in, at))) return at;
  for (const std::string_view join : {"+", "||", "..", ".", "&", "~", "\\\n", "\\\r\n"}) {
    if (in.substr(at, join.size()) == join) return at + join.size();
  }
  return at;
}

// The whole seam behind the closing quote at `at`: its end, or `at`.
size_t seam_end(std::string_view in, size_t at) {
  const size_t limit = at + kSeamMax;
  size_t next = past_space(in, at + 1, limit);
  const size_t joined = past_join(in, next);
  if (joined == at + 1) return at;  // '""' is an empty literal or a doubled quote
  next = past_space(in, joined, limit);
  if (at_or_nul(in, next) == '_' && is_space(at_or_nul(in, next + 1))) next = past_space(in, next + 1, limit);  // goes on in the next line (Basic)
  const char prefix = lower(at_or_nul(in, next));  // f"..", b"..", L".."
  if ((prefix == 'f' || prefix == 'b' || prefix == 'r' || prefix == 'u' || prefix == 'l') && quote(at_or_nul(in, next + 1))) ++next;
  if (at_or_nul(in, next) != in[at]) return at;
  // What ends or begins with a bracket or a separator is text put together, not a value.
  constexpr std::string_view kEdges = "{}[]<>$,;\"'`\n";
  return kEdges.find(at_or_nul(in, at - 1)) == std::string_view::npos && kEdges.find(at_or_nul(in, next + 1)) == std::string_view::npos ? next + 1 : at;
}

// An odd quote of its line closes nothing: it opens a literal, which may well begin with a space or an operator.
bool opens(std::string_view in, size_t at) {
  constexpr size_t kLineMax = 512;
  size_t quotes = 0;
  for (size_t i = at; i > 0 && at - i < kLineMax && in[i - 1] != '\n'; --i) quotes += in[i - 1] == in[at] ? 1 : 0;
  return quotes % 2 == 0;
}

bool token_char(char c) {
  static constexpr ByteSet kSet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.~@");
  return kSet.contains(c);
}

// What stands before the text of a quoted, commented, numbered or changed line.
size_t prefix_end(std::string_view in, size_t begin) {
  size_t at = begin;
  const auto blanks = [&] {
    while (at - begin < kPrefixMax && is_blank(at_or_nul(in, at))) ++at;
  };
  blanks();
  const size_t digits = at;
  while (at - digits < 6 && is_digit(at_or_nul(in, at))) ++at;
  if (at > digits) {
    blanks();
    const char mark = at_or_nul(in, at);
    if (mark != ':' && mark != '|' && mark != ')' && mark != '.' && mark != '>') return begin;
    if (mark != '|' && !is_blank(at_or_nul(in, at + 1))) return begin;  // "12.50", "10:30"
    ++at;
    blanks();
    return at;
  }
  while (at - begin < kPrefixMax && (at_or_nul(in, at) == '>' || at_or_nul(in, at) == '|' || at_or_nul(in, at) == '#' || at_or_nul(in, at) == '*' ||
                                     at_or_nul(in, at) == ';' || (at_or_nul(in, at) == '/' && at_or_nul(in, at + 1) == '/'))) {
    at += in[at] == '/' ? 2 : 1;
    blanks();
  }
  if (at == digits && (at_or_nul(in, at) == '+' || at_or_nul(in, at) == '-') && at_or_nul(in, at + 1) != in[at]) ++at;
  return at;
}

size_t token_begin(std::string_view in, size_t end) {
  size_t begin = end;
  while (begin > 0 && end - begin < 256 && token_char(in[begin - 1])) --begin;
  return begin;
}

// Random, not a word: digits and letters, or small and capital letters in turn.
bool random_token(std::string_view token) {
  size_t digits = 0;
  size_t turns = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    digits += is_digit(token[i]) ? 1 : 0;
    turns += i > 0 && is_lower(token[i - 1]) && is_upper(token[i]) ? 1 : 0;
  }
  return (digits >= 1 && digits < token.size()) || turns >= 3;
}

// Most lines: they end in a word, so that neither a long token nor a number can go on in the next one, nor a PEM block begin.
bool plain_line(std::string_view in, size_t end) {
  const char last = at_or_nul(in, end - 1);
  if (!token_char(last)) return true;
  if (is_digit(last) || last == '-' || is_upper(last)) return false;
  for (size_t at = end; at > 0 && end - at < kFoldedMin; --at) {
    if (is_space(in[at - 1])) return true;
  }
  return false;
}

// The line from `begin` when it is one token and nothing else; `last`: text may follow, as after the last line of a long run.
std::string_view token_line(std::string_view in, size_t begin, bool last) {
  size_t end = begin;
  while (end < in.size() && token_char(in[end])) ++end;
  const std::string_view token = in.substr(begin, end - begin);
  while (end < in.size() && (in[end] == '\r' || in[end] == '"' || in[end] == '\'' || in[end] == ',' || in[end] == ';')) ++end;
  return end == in.size() || in[end] == '\n' || (last && is_blank(in[end])) ? token : std::string_view{};
}

// `left` ends a line, `right` begins the next; `width`: of the token's line that `left` is, 0 for its first.
bool goes_on(std::string_view left, std::string_view right, size_t width, bool marked) {
  if (right.empty() || left.size() < kFoldedMin || !random_token(left)) return false;
  if (width != 0 && (left.size() < width || right.size() > width)) return false;
  const bool word = std::all_of(right.begin(), right.end(), is_lower) || (is_upper(right[0]) && std::all_of(right.begin() + 1, right.end(), is_lower));
  return !word || (marked && right.size() <= kRestMax);
}

// A number cut by a line end: digits (or capitals) on both sides, and enough of them before.
bool number_cut(std::string_view in, size_t end, size_t next) {
  const auto part = [](char c) { return is_digit(c) || is_upper(c); };
  size_t digits = 0;
  for (size_t at = end; at > 0 && end - at < 12 && (part(in[at - 1]) || in[at - 1] == ' ' || in[at - 1] == '-'); --at) digits += is_digit(in[at - 1]) ? 1 : 0;
  if (is_blank(at_or_nul(in, next))) ++next;
  return digits >= 4 && part(at_or_nul(in, next)) && (is_digit(in[next]) || is_digit(at_or_nul(in, next + 1)) || !is_alnum(at_or_nul(in, next + 1)));
}

bool dashes(std::string_view in, size_t at) {
  return in.substr(at, 5) == "-----";
}

// The line that ends here opens a PEM block.
bool begins_pem(std::string_view before) {
  constexpr size_t kLabelMax = 64;
  return before.substr(before.size() > kLabelMax ? before.size() - kLabelMax : 0).find("-----BEGIN ") != std::string_view::npos;
}

}  // namespace

void find_concatenations(std::string_view in, Rewrites& out) {
  static constexpr ByteSet kQuotes("\"'`");
  kQuotes.each(in, [&](size_t at) {
    const size_t end = seam_end(in, at);
    if (end > at && !opens(in, at)) out.add({static_cast<uint32_t>(at), static_cast<uint32_t>(end)}, {}, Rank::run);
    return std::max(end, at + 1);
  });
}

// A line end inside a token goes, with the prefix of the next line; inside a PEM block the prefixes alone go. The next line must
// be the rest of the token and nothing else, and lines of one token are of one width but for the first and the last.
void find_folded_lines(std::string_view in, Rewrites& out) {
  bool pem = false;
  size_t width = 0;  // of the token's line in hand; 0: its first
  for (size_t at = in.find('\n'); at != std::string_view::npos && !out.overflowed(); at = in.find('\n', at + 1)) {
    const size_t end = at > 0 && in[at - 1] == '\r' ? at - 1 : at;
    if (!pem && plain_line(in, end)) {
      width = 0;
      continue;
    }
    const size_t begin = token_begin(in, end);
    const std::string_view left = in.substr(begin, end - begin);
    const size_t next = prefix_end(in, at + 1);
    if (left.ends_with("-----")) pem = pem || begins_pem(in.substr(0, end));
    if (pem || dashes(in, next)) {
      if (next > at + 1) out.add({static_cast<uint32_t>(at + 1), static_cast<uint32_t>(next)}, {}, Rank::run);
      pem = pem && in.substr(next, 9) != "-----END ";
      continue;
    }
    const bool marked = in.substr(at + 1, next - at - 1).find_first_not_of(" \t") != std::string_view::npos;
    const std::string_view right = token_line(in, next, width != 0);
    const bool token = goes_on(left, right, width, marked);
    width = !token ? 0 : right.size() < left.size() ? std::string_view::npos : right.size();  // a shorter line is the last
    if (token || (marked && number_cut(in, end, next))) out.add({static_cast<uint32_t>(end), static_cast<uint32_t>(next)}, {}, Rank::run);
  }
}

namespace {

// Emphasis around a token that may be a value: long, or with a digit in it.
bool marks_value(std::string_view in, size_t at, size_t end) {
  size_t begin = at;
  size_t stop = end;
  if (is_space(at_or_nul(in, end)) || end == in.size())
    begin = token_begin(in, at);
  else
    while (stop < in.size() && stop - end < 64 && token_char(in[stop])) ++stop;
  const std::string_view token = stop > end ? in.substr(end, stop - end) : in.substr(begin, at - begin);
  return token.size() >= kFoldedMin || std::any_of(token.begin(), token.end(), is_digit);
}

}  // namespace

void find_emphasis(std::string_view in, Rewrites& out) {
  for (size_t at = in.find('*'); at != std::string_view::npos && !out.overflowed(); at = in.find('*', at)) {
    size_t end = at;
    while (at_or_nul(in, end) == '*') ++end;
    const char before = at_or_nul(in, at - 1);
    const char after = at_or_nul(in, end);
    const bool inside = is_digit(before) || is_digit(after) || (is_alnum(before) && token_char(after)) || (token_char(before) && is_alnum(after));
    if (end - at <= 3 && (inside || marks_value(in, at, end))) out.add({static_cast<uint32_t>(at), static_cast<uint32_t>(end)}, {}, Rank::run);
    at = end;
  }
}

namespace {

struct Spread {
  std::array<Extent, kDigitsMax> joints;
  size_t joint_count = 0;
  size_t digits = 0;
  size_t singles = 0;  // groups of one digit
  size_t end = 0;
  size_t first = 0;    // sizes of groups
  size_t second = 0;
  bool uneven = false;  // groups after the first are not all of one size
  bool odd = false;     // joined in a way that numbers are not
};

bool loose_joint(char c) {
  return is_space(c) || c == '-' || c == '.' || c == '/' || c == '_' || c == '|' || c == '*' || c == '~' || c == '>' || c == '(' || c == ')';
}

// The groups from `begin`; false: more digits than any number has, or a letter right behind.
bool read_spread(std::string_view in, size_t begin, Spread& spread) {
  spread = {};
  size_t at = begin;
  std::string_view first;
  for (;;) {
    const size_t group = at;
    while (is_digit(at_or_nul(in, at))) ++at;
    const size_t size = at - group;
    if (spread.joint_count == 0) spread.first = size;
    if (spread.joint_count == 1) spread.second = size;
    spread.uneven = spread.uneven || (spread.joint_count > 1 && size != spread.second);
    spread.digits += size;
    spread.singles += size == 1 ? 1 : 0;

    spread.end = at;
    size_t next = at;
    while (next - at < 5 && loose_joint(at_or_nul(in, next))) ++next;
    if (next == at || !is_digit(at_or_nul(in, next))) break;
    const size_t line = in.substr(at, next - at).find('\n');
    if (line != std::string_view::npos && prefix_end(in, at + line + 1) > at + line + 1) break;  // a line's number
    if (spread.digits >= kDigitsMax || spread.joint_count == spread.joints.size()) {
      while (next < in.size() && (is_digit(in[next]) || loose_joint(in[next]))) ++next;
      spread.end = next;
      return false;
    }
    const std::string_view joint = in.substr(at, next - at);
    if (joint.find_first_not_of('*') == std::string_view::npos) {  // emphasis, no separator
      at = next;
      continue;
    }
    const bool area = spread.joint_count == 0 && at_or_nul(in, begin - 1) == '(' && joint.starts_with(")");  // (212) 555-0100
    if (spread.joint_count == 0 || first.starts_with(")")) first = joint;
    spread.odd = spread.odd || (!area && (joint != first || joint.size() > 1 || (joint != " " && joint != "-" && joint != ".")));
    spread.joints[spread.joint_count++] = {static_cast<uint32_t>(at), static_cast<uint32_t>(next)};
    at = next;
  }
  return spread.digits <= kDigitsMax && !is_word(at_or_nul(in, spread.end));
}

// The letter that a character stands for in a disguised word; 0: it stands in none.
constexpr std::array<char, 256> letters(char one) {
  std::array<char, 256> table{};
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = table[static_cast<size_t>(c - 32)] = c;
  constexpr std::string_view from = "01!34@5$789";
  const std::array<char, 11> to = {'o', one, one, 'e', 'a', 'a', 's', 's', 't', 'b', 'g'};
  for (size_t i = 0; i < from.size(); ++i) table[static_cast<size_t>(from[i])] = to[i];
  return table;
}
constexpr std::array<char, 256> kOneIsI = letters('i');
constexpr std::array<char, 256> kOneIsL = letters('l');

char letter_for(char c, const std::array<char, 256>& table) {
  return table[static_cast<unsigned char>(c)];
}

}  // namespace

void find_spread_numbers(std::string_view in, Rewrites& out, bool (*named)(void* context, uint32_t at), void* context) {
  Spread spread;
  for (size_t at = next_digit_or_at(in, 0); at < in.size() && !out.overflowed(); at = next_digit_or_at(in, at)) {
    const char before = at_or_nul(in, at - 1);
    if (in[at] == '@' || is_word(before)) {
      ++at;
      while (is_digit(at_or_nul(in, at))) ++at;
      continue;
    }
    const bool whole = read_spread(in, at, spread);
    // 4-4-4-4, 3-2-4, 3-3-4, 2-2-2-2 are base forms; what is grouped by no rule at all was grouped to hide.
    const bool by_no_rule = spread.joint_count > 2 && spread.uneven && spread.first > 1 && spread.first != spread.second;
    const bool decimal = spread.joint_count == 1 && at_or_nul(in, spread.joints[0].begin) == '.';
    const bool unusual = (spread.odd && !decimal) || by_no_rule || spread.singles * 2 > spread.joint_count;
    if (whole && unusual && spread.joint_count > 0 && spread.digits >= kDigitsMin && named(context, static_cast<uint32_t>(at))) {
      for (size_t i = 0; i < spread.joint_count; ++i) out.add(spread.joints[i], {}, Rank::run);
    }
    at = spread.end;
  }
}

void find_disguised_words(std::string_view in, const CompiledPack& pack, Rewrites& out) {
  std::string word;
  static constexpr ByteSet kDisguises("01345789$@!");
  kDisguises.each(in, [&](size_t at) {
    size_t begin = at;
    size_t end = at + 1;
    if (!is_alpha(at_or_nul(in, at - 1)) && !is_alpha(at_or_nul(in, end)) && !kDisguises.contains(at_or_nul(in, end))) return end;
    while (begin > 0 && at - begin <= kWordMax && letter_for(in[begin - 1], kOneIsI) != 0) --begin;
    while (end < in.size() && end - begin <= kWordMax && letter_for(in[end], kOneIsI) != 0) ++end;
    const std::string_view token = in.substr(begin, end - begin);
    if (token.size() < kWordMin || token.size() > kWordMax) return end;
    const auto disguised = std::count_if(token.begin(), token.end(), [](char c) { return !is_alpha(c); });
    if (static_cast<size_t>(disguised) * 3 > token.size() * 2) return end;
    for (const auto* table : {&kOneIsI, &kOneIsL}) {
      word.clear();
      for (const char c : token) word += letter_for(c, *table);
      if (!pack.is_label_word(word)) continue;
      out.add({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)}, word, Rank::loose);
      break;
    }
    return end;
  });
}

}  // namespace warden::classify
