// SPDX-License-Identifier: Apache-2.0
// Buffer: the bytes that an encoder is writing, kept from record to record. Like a std::string without the
// call into the library for each piece, which was most of an encoding's cost. The JSON that it writes is that
// of json.h.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "audit/record/json.h"

namespace warden::audit {

// What a text is made of, as bits that hold for all of it.
constexpr uint8_t kPlainBytes = 1;      // A-Z a-z 0-9 . _ : / @ -
constexpr uint8_t kPrintableBytes = 2;  // ASCII from space to tilde
constexpr uint8_t kVerbatimBytes = 4;   // printable, and JSON needs no escape for it

constexpr std::array<uint8_t, 256> byte_bits() {
  std::array<uint8_t, 256> bits{};
  for (unsigned c = 0x20; c < 0x7f; ++c)
    bits[c] = c == '"' || c == '\\' ? kPrintableBytes : kPrintableBytes | kVerbatimBytes;
  for (const char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-"))
    bits[static_cast<uint8_t>(c)] |= kPlainBytes;
  return bits;
}
inline constexpr std::array<uint8_t, 256> kByteBits = byte_bits();

inline uint8_t bits_of(std::string_view text) {
  uint8_t bits = kPlainBytes | kPrintableBytes | kVerbatimBytes;
  for (const char c : text) bits &= kByteBits[static_cast<uint8_t>(c)];
  return bits;
}

// Two characters for each 12 bits: half the look-ups of one for each six.
constexpr std::array<std::array<char, 2>, 4096> base64url_pairs() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<std::array<char, 2>, 4096> pairs{};
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
  return pairs;
}
inline constexpr auto kBase64urlPairs = base64url_pairs();

constexpr size_t base64url_bytes(size_t bytes) {
  return bytes / 3 * 4 + (bytes % 3 == 0 ? 0 : bytes % 3 + 1);
}

// Writes base64url_bytes(bytes.size()) characters, without padding.
inline void write_base64url(char* to, std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])); };
  const size_t whole = bytes.size() / 3 * 3, left = bytes.size() - whole;
  for (size_t i = 0; i < whole; i += 3, to += 4) {
    const uint32_t bits = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    std::memcpy(to, kBase64urlPairs[bits >> 12].data(), 2);
    std::memcpy(to + 2, kBase64urlPairs[bits & 0xfff].data(), 2);
  }
  if (left == 0) return;
  const uint32_t bits = at(whole) << 16 | (left == 2 ? at(whole + 1) << 8 : 0);
  std::memcpy(to, kBase64urlPairs[bits >> 12].data(), 2);
  if (left == 2) to[2] = kBase64urlPairs[bits & 0xfff][0];
}

class Buffer {
 public:
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }
  [[nodiscard]] char back() const { return bytes_[size_ - 1]; }
  void clear() { size_ = 0; }

  void put(char c) { *take(1) = c; }
  void put(std::string_view text) { std::memcpy(take(text.size()), text.data(), text.size()); }
  void put_base64url(std::string_view bytes) { write_base64url(take(base64url_bytes(bytes.size())), bytes); }

  void put_quoted(std::string_view verbatim) {
    char* to = take(verbatim.size() + 2);
    *to++ = '"';
    std::memcpy(to, verbatim.data(), verbatim.size());
    to[verbatim.size()] = '"';
  }
  void put_string(std::string_view text) {
    if ((bits_of(text) & kVerbatimBytes) != 0) return put_quoted(text);
    escaped_.clear();
    append_string(escaped_, text);
    put(escaped_);
  }
  void put_integer(int64_t value) {
    constexpr int64_t kAlwaysBare = int64_t{1} << 53;
    if (value > kAlwaysBare || value < -kAlwaysBare) {
      escaped_.clear();
      append_integer(escaped_, value);
      return put(escaped_);
    }
    constexpr size_t kDigitsMax = 24;
    char* const to = take(kDigitsMax);
    const char* const end = std::to_chars(to, to + kDigitsMax, value).ptr;
    size_ -= kDigitsMax - static_cast<size_t>(end - to);
  }

  // Room for `count` more bytes, which the caller fills.
  char* take(size_t count) {
    if (bytes_.size() - size_ < count) [[unlikely]]
      grow(count);
    size_ += count;
    return bytes_.data() + (size_ - count);
  }

 private:
  [[gnu::noinline]] void grow(size_t count) {
    bytes_.resize(std::max(2 * bytes_.size(), size_ + count + 1024));
  }

  std::string bytes_;  // its size is the room there is
  size_t size_ = 0;
  std::string escaped_;
};

}  // namespace warden::audit
