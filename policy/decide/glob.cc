// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/glob.h"

namespace warden::policy {

bool Glob::is_glob(std::string_view pattern) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == '*' || pattern[i] == '?') {
      return true;
    }
  }
  return false;
}

std::string Glob::unescape(std::string_view pattern) {
  std::string text;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    text += pattern[i];
  }
  return text;
}

std::optional<Glob> Glob::compile(std::string_view pattern) {
  if (pattern.size() > kBytesMax) return std::nullopt;
  Glob glob;
  glob.pattern_ = pattern;
  glob.pieces_.emplace_back();
  for (size_t i = 0; i < pattern.size(); ++i) {
    Piece& piece = glob.pieces_.back();
    if (pattern[i] == '*') {
      glob.pieces_.emplace_back();
      continue;
    }
    if (pattern[i] == '?') {
      piece.any.resize(piece.bytes.size());
      piece.any.push_back(true);
      piece.bytes += '?';
      continue;
    }
    if (pattern[i] == '\\' && ++i == pattern.size()) return std::nullopt;
    piece.bytes += pattern[i];
  }
  if (glob.pieces_.size() > kStarsMax + 1) return std::nullopt;
  for (Piece& piece : glob.pieces_)
    if (!piece.any.empty()) piece.any.resize(piece.bytes.size());
  return glob;
}

bool Glob::equal_at(std::string_view text, size_t at, const Piece& piece) {
  if (text.size() - at < piece.bytes.size()) return false;
  if (piece.any.empty()) return text.substr(at, piece.bytes.size()) == piece.bytes;
  for (size_t i = 0; i < piece.bytes.size(); ++i)
    if (!piece.any[i] && text[at + i] != piece.bytes[i]) return false;
  return true;
}

size_t Glob::find(std::string_view text, size_t from, const Piece& piece) {
  if (piece.any.empty()) return text.find(piece.bytes, from);
  for (size_t at = from; at + piece.bytes.size() <= text.size(); ++at)
    if (equal_at(text, at, piece)) return at;
  return std::string_view::npos;
}

bool Glob::matches(std::string_view text) const {
  const Piece& first = pieces_.front();
  if (pieces_.size() == 1) return text.size() == first.bytes.size() && equal_at(text, 0, first);
  if (!equal_at(text, 0, first)) return false;
  size_t at = first.bytes.size();
  // The leftmost place of each middle piece is always good enough: a later one only leaves less for the rest.
  for (size_t i = 1; i + 1 < pieces_.size(); ++i) {
    const size_t found = find(text, at, pieces_[i]);
    if (found == std::string_view::npos) return false;
    at = found + pieces_[i].bytes.size();
  }
  const Piece& last = pieces_.back();
  return text.size() - at >= last.bytes.size() && equal_at(text, text.size() - last.bytes.size(), last);
}

}  // namespace warden::policy
