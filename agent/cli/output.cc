// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace warden::cli {
namespace {

// Characters, not bytes, so that names outside ASCII stay aligned; our own colours have no width.
size_t width(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b')
      i = std::min(text.find('m', i), text.size());
    else if ((text[i] & 0xc0) != 0x80)
      ++count;
  }
  return count;
}

}  // namespace

bool colours() {
  static const bool on = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return on;
}

std::string paint(std::string_view text, Colour colour) {
  static constexpr std::string_view kCodes[] = {"", "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m"};
  if (!colours() || colour == Colour::none) return std::string(text);
  return std::string(kCodes[static_cast<size_t>(colour)]) + std::string(text) + "\x1b[0m";
}

std::string printable(std::string_view text, size_t most) {
  std::string out;
  for (size_t i = 0; i < std::min(text.size(), most); ++i) {
    const auto at = [&](size_t n) { return n < text.size() ? static_cast<unsigned char>(text[n]) : 0u; };
    // U+0080 to U+009F are controls too, of one character each: U+009B begins what ESC [ begins.
    const bool c1 = at(i) == 0xc2 && at(i + 1) >= 0x80 && at(i + 1) < 0xa0;
    if (c1) ++i;
    out += c1 || at(i) < 0x20 || at(i) == 0x7f ? '?' : text[i];
  }
  if (text.size() > most) out += "...";
  return out;
}

std::string Table::text() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    out += (&row == &rows_.front() ? paint(line, Colour::dim) : line) + "\n";
  }
  return out;
}

int wrong(std::string_view what) {
  std::fprintf(stderr, "egresswarden: %.*s\n", static_cast<int>(what.size()), what.data());
  return 2;
}

}  // namespace warden::cli
