// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/head.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tlsproxy/http/media_type.h"

namespace warden::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// token of RFC 9110 section 5.6.2
constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kToken = token_table();

bool is_token(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

bool read_version(std::string_view text, Head& out) {
  if (text != "HTTP/1.1" && text != "HTTP/1.0") return false;
  out.minor_version = text.back() - '0';
  return true;
}

bool read_request_line(std::string_view line, Head& out) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == line.npos || last == first) return false;
  out.method = line.substr(0, first);
  return is_token(out.method) && read_version(line.substr(last + 1), out) &&
         read_target(out.method, line.substr(first + 1, last - first - 1), out);
}

bool read_status_line(std::string_view line, Head& out) {
  if (line.size() < 12 || line[8] != ' ' || !read_version(line.substr(0, 8), out)) return false;
  if (line.size() > 12 && line[12] != ' ') return false;
  const std::string_view digits = line.substr(9, 3);
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return false;
  out.status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  return out.status >= 100 && out.status <= 599;
}

template <class Visit>
void each_listed(std::string_view value, const Visit& visit) {
  while (!value.empty()) {
    const size_t comma = std::min(value.find(','), value.size());
    visit(trim(value.substr(0, comma)));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
}

struct Seen {
  bool host = false;
  bool close = false;
  bool keep_alive = false;
  bool asks_upgrade = false;
  bool upgrade = false;
};

// The headers that decide where the message ends and what follows it. False: malformed.
bool read_deciding(const Header& header, Head& out, Seen& seen) {
  const auto [name, value] = header;
  switch (name.size()) {
    case 4:
      if (!same_word(name, "host")) return true;
      return !std::exchange(seen.host, true);
    case 6:
      if (same_word(name, "expect")) out.expects_continue |= same_word(value, "100-continue");
      return true;
    case 7:
      if (same_word(name, "upgrade")) seen.upgrade = true;
      return true;
    case 10:
      if (!same_word(name, "connection")) return true;
      each_listed(value, [&](std::string_view word) {
        seen.close |= same_word(word, "close");
        seen.keep_alive |= same_word(word, "keep-alive");
        seen.asks_upgrade |= same_word(word, "upgrade");
      });
      return true;
    case 14:
      if (!same_word(name, "content-length")) return true;
      return !out.content_length && read_length(value, out);
    case 17:
      if (!same_word(name, "transfer-encoding")) return true;
      if (out.chunked || !same_word(value, "chunked")) return false;
      out.chunked = true;
      return true;
    default:
      return true;
  }
}

bool settle(Side side, Head& out, const Seen& seen) {
  if (out.chunked && (out.content_length || out.minor_version == 0)) return false;
  if (side == Side::request && out.minor_version == 1 && !seen.host) return false;
  const bool bodiless = side == Side::response && (out.status < 200 || out.status == 204);
  if (bodiless && (out.chunked || out.content_length.value_or(0) != 0)) return false;
  out.keep_alive = !seen.close && (out.minor_version == 1 || seen.keep_alive);
  out.upgrade = (seen.upgrade && seen.asks_upgrade) || out.method == "CONNECT" || out.status == 101;
  out.expects_continue = out.expects_continue && side == Side::request && out.minor_version == 1;
  return true;
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find("\r\n");
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

}  // namespace

// A fragment never belongs into a request, and raw bytes above ASCII are read differently by different
// servers.
bool read_target(std::string_view method, std::string_view target, Head& out) {
  const bool clean = std::ranges::all_of(target, [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (target.empty() || !clean) return false;
  out.target = target;
  if (method == "CONNECT") {
    out.target_form = TargetForm::authority;
    return target.find_first_of("/?@") == target.npos && target.find(':') != target.npos;
  }
  if (target.front() == '/') {
    out.target_form = TargetForm::origin;
    return true;
  }
  if (target == "*") {
    out.target_form = TargetForm::asterisk;
    return method == "OPTIONS";
  }
  out.target_form = TargetForm::absolute;
  const std::string_view scheme = target.substr(0, target.find("://"));
  return scheme.size() < target.size() && (same_word(scheme, "http") || same_word(scheme, "https"));
}

// Digits alone: no sign, no list ("5, 5"), no blank inside; 18 digits hold any real body and cannot overflow.
bool read_length(std::string_view value, Head& out) {
  if (value.empty() || value.size() > 18) return false;
  uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9') return false;
    length = length * 10 + static_cast<uint64_t>(c - '0');
  }
  out.content_length = length;
  return true;
}

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view media_type(std::string_view content_type) {
  return trim(content_type.substr(0, content_type.find(';')));
}

bool media_type_is(std::string_view content_type, std::string_view type) {
  return same_word(media_type(content_type), type);
}

bool read_field(std::string_view line, Header& out) {
  const size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon))) return false;  // also: leading or inner blank
  out = {line.substr(0, colon), trim(line.substr(colon + 1))};
  return true;
}

Result<void, ParseError> read_head(Side side, const Limits& limits, Head& out) {
  std::string_view rest = out.raw;
  const std::string_view start = take_line(rest);
  if (!(side == Side::request ? read_request_line(start, out) : read_status_line(start, out)))
    return fail(ParseError::malformed, "start line");
  Seen seen;
  while (rest.size() > 2) {
    if (out.headers.size() == limits.headers_max)
      return fail(ParseError::too_many_headers, "more headers than allowed");
    Header header;
    if (!read_field(take_line(rest), header)) return fail(ParseError::malformed, "header line");
    if (!read_deciding(header, out, seen)) return fail(ParseError::malformed, "framing header");
    out.headers.push_back(header);
  }
  if (!settle(side, out, seen)) return fail(ParseError::malformed, "framing");
  return {};
}

}  // namespace warden::http
