// SPDX-License-Identifier: Apache-2.0
#include "audit/record/json.h"

#include <charconv>

#include "audit/chain/utf8.h"

namespace warden::audit {
namespace {

constexpr unsigned kDepthMax = 16;
constexpr int64_t kSafeInteger = int64_t{1} << 53;

void append_escape(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      break;
  }
  out += "\\u00";
  out += kHex[static_cast<uint8_t>(c) >> 4];
  out += kHex[static_cast<uint8_t>(c) & 15];
}

bool needs_escape(char c) {
  return static_cast<uint8_t>(c) < 0x20 || c == '"' || c == '\\';
}

// Length of the string token that `json` begins with, quotes included; 0 when it begins with none in
// canonical form.
size_t string_token(std::string_view json) {
  if (!json.starts_with('"')) return 0;
  for (size_t i = 1; i < json.size();) {
    const char c = json[i];
    if (c == '"') return i + 1;
    if (static_cast<uint8_t>(c) < 0x20) return 0;
    if (c == '\\') {
      if (i + 1 >= json.size()) return 0;
      const char e = json[i + 1];
      if (e == 'u') {
        const std::optional<std::string> character = unquote('"' + std::string(json.substr(i, 6)) + '"');
        std::string again;
        if (character) append_string(again, *character);
        if (!character || again != '"' + std::string(json.substr(i, 6)) + '"') return 0;
        i += 6;
      } else if (std::string_view("\"\\btnfr").find(e) != std::string_view::npos) {
        i += 2;
      } else {
        return 0;
      }
      continue;
    }
    const size_t length = chain::utf8_length(json.substr(i, 4));
    if (length == 0) return 0;
    i += length;
  }
  return 0;
}

size_t integer_token(std::string_view json) {
  size_t end = json.starts_with('-') ? 1 : 0;
  while (end < json.size() && json[end] >= '0' && json[end] <= '9') ++end;
  int64_t value = 0;
  const auto [stop, error] = std::from_chars(json.data(), json.data() + end, value);
  if (error != std::errc{} || stop != json.data() + end) return 0;
  char again[24];
  const auto written = std::to_chars(again, again + sizeof again, value);
  const std::string_view text(again, static_cast<size_t>(written.ptr - again));
  return text == json.substr(0, end) && value <= kSafeInteger && value >= -kSafeInteger ? end : 0;
}

size_t value_token(std::string_view json, unsigned depth);

// UTF-16 order of names: equal to byte order except that U+E000..U+FFFF come after the supplementary planes
// in UTF-16's view.
bool less_utf16(std::string_view a, std::string_view b) {
  const size_t common = std::min(a.size(), b.size());
  size_t i = 0;
  while (i < common && a[i] == b[i]) ++i;
  if (i == common) return a.size() < b.size();
  const auto x = static_cast<uint8_t>(a[i]), y = static_cast<uint8_t>(b[i]);
  const bool x_high = x >= 0xf0, y_high = y >= 0xf0;
  if (x_high != y_high && x >= 0xe0 && y >= 0xe0) {
    const uint8_t other = x_high ? y : x;
    if (other >= 0xee) return x_high;  // a surrogate pair sorts below U+E000 and above
  }
  return x < y;
}

size_t array_token(std::string_view json, unsigned depth) {
  size_t at = 1;
  if (json.substr(at).starts_with(']')) return 2;
  for (;;) {
    const size_t length = value_token(json.substr(at), depth + 1);
    if (length == 0 || at + length >= json.size()) return 0;
    at += length;
    if (json[at] == ']') return at + 1;
    if (json[at++] != ',') return 0;
  }
}

size_t object_token(std::string_view json, unsigned depth) {
  size_t at = 1;
  if (json.substr(at).starts_with('}')) return 2;
  std::optional<std::string> last;
  for (;;) {
    const size_t name_length = string_token(json.substr(at));
    if (name_length == 0) return 0;
    std::optional<std::string> name = unquote(json.substr(at, name_length));
    if (!name || (last && !less_utf16(*last, *name))) return 0;
    last = std::move(name);
    at += name_length;
    if (at >= json.size() || json[at++] != ':') return 0;
    const size_t length = value_token(json.substr(at), depth + 1);
    if (length == 0 || at + length >= json.size()) return 0;
    at += length;
    if (json[at] == '}') return at + 1;
    if (json[at++] != ',') return 0;
  }
}

size_t value_token(std::string_view json, unsigned depth) {
  if (json.empty() || depth > kDepthMax) return 0;
  switch (json.front()) {
    case '{':
      return object_token(json, depth);
    case '[':
      return array_token(json, depth);
    case '"':
      return string_token(json);
    case 't':
      return json.starts_with("true") ? 4 : 0;
    case 'f':
      return json.starts_with("false") ? 5 : 0;
    case 'n':
      return json.starts_with("null") ? 4 : 0;
    default:
      return integer_token(json);
  }
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  size_t clean = 0;  // start of the run not yet written
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (static_cast<uint8_t>(c) < 0x80 && !needs_escape(c)) {
      ++i;
      continue;
    }
    const size_t length = chain::utf8_length(text.substr(i, 4));
    if (length > 1) {
      i += length;
      continue;
    }
    out += text.substr(clean, i - clean);
    if (length == 0)
      out += "\xef\xbf\xbd";
    else
      append_escape(out, c);
    clean = ++i;
  }
  out += text.substr(clean);
  out += '"';
}

void append_integer(std::string& out, int64_t value) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  const bool quoted = value > kSafeInteger || value < -kSafeInteger;
  if (quoted) out += '"';
  out.append(text, end);
  if (quoted) out += '"';
}

bool is_canonical(std::string_view json) {
  return !json.empty() && value_token(json, 0) == json.size();
}

std::optional<std::string_view> find(std::string_view object, std::string_view path) {
  const size_t dot = path.find('.');
  const std::string wanted = '"' + std::string(path.substr(0, dot)) + '"';
  if (!object.starts_with('{')) return std::nullopt;
  for (size_t at = 1; at < object.size() && object[at] != '}';) {
    const size_t name_length = string_token(object.substr(at));
    if (name_length == 0 || at + name_length + 1 >= object.size()) return std::nullopt;
    const std::string_view name = object.substr(at, name_length);
    at += name_length + 1;
    const size_t length = value_token(object.substr(at), 0);
    if (length == 0) return std::nullopt;
    if (name == wanted) {
      const std::string_view value = object.substr(at, length);
      return dot == std::string_view::npos ? std::optional(value) : find(value, path.substr(dot + 1));
    }
    at += length;
    if (at < object.size() && object[at] == ',') ++at;
  }
  return std::nullopt;
}

std::optional<std::string> unquote(std::string_view json) {
  if (json.size() < 2 || json.front() != '"' || json.back() != '"') return std::nullopt;
  json = json.substr(1, json.size() - 2);
  std::string text;
  for (size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\') {
      text += json[i];
      continue;
    }
    if (++i >= json.size()) return std::nullopt;
    constexpr std::string_view kFrom = "\"\\btnfr", kTo = "\"\\\b\t\n\f\r";
    if (const size_t simple = kFrom.find(json[i]); simple != std::string_view::npos) {
      text += kTo[simple];
      continue;
    }
    // A leaf writes \u only for control characters; anything else stands as itself.
    unsigned code = 0;
    if (json[i] != 'u' || i + 4 >= json.size() + 0u) return std::nullopt;
    const auto [stop, error] = std::from_chars(json.data() + i + 1, json.data() + i + 5, code, 16);
    if (error != std::errc{} || stop != json.data() + i + 5 || code >= 0x20) return std::nullopt;
    text += static_cast<char>(code);
    i += 4;
  }
  return text;
}

std::string text_at(std::string_view object, std::string_view path) {
  const auto value = find(object, path);
  if (!value) return {};
  if (auto text = unquote(*value)) return *text;
  return std::string(*value);
}

}  // namespace warden::audit
