// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/bitcoin.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "agent/base/digest.h"
#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr size_t kAddress = 25;  // version, hash, checksum
constexpr size_t kLongest = 90;

bool base58_address(std::string_view text) {
  constexpr std::string_view alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::array<uint8_t, kAddress> bytes{};
  for (const char c : text) {
    const size_t at = alphabet.find(c);
    if (at == std::string_view::npos) return false;
    auto carry = static_cast<uint32_t>(at);
    for (size_t i = bytes.size(); i-- > 0;) {
      carry += bytes[i] * 58u;
      bytes[i] = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) return false;
  }
  if (bytes[0] != 0 && bytes[0] != 5) return false;
  const Digest once = sha256({reinterpret_cast<const char*>(bytes.data()), kAddress - 4});
  const Digest twice = sha256({reinterpret_cast<const char*>(once.data()), once.size()});
  return std::equal(bytes.end() - 4, bytes.end(), twice.begin());
}

uint32_t bech32_step(uint32_t state, uint32_t value) {
  constexpr uint32_t generator[] = {0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3};
  const uint32_t top = state >> 25;
  state = (state & 0x1FFFFFF) << 5 ^ value;
  for (int i = 0; i < 5; ++i) {
    if ((top >> i & 1) != 0) state ^= generator[i];
  }
  return state;
}

bool bech32_address(std::string_view text) {
  constexpr std::string_view alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  constexpr uint32_t plain = 1, modified = 0x2BC830A3;
  if (text.size() < 14 || text.size() > kLongest) return false;
  const bool capital = std::none_of(text.begin(), text.end(), is_lower);
  if (!capital && std::any_of(text.begin(), text.end(), is_upper)) return false;
  uint32_t state = 1;
  for (const char c : {'b', 'c'}) state = bech32_step(state, static_cast<uint32_t>(c) >> 5);
  state = bech32_step(state, 0);
  for (const char c : {'b', 'c'}) state = bech32_step(state, static_cast<uint32_t>(c) & 31);
  for (const char c : text.substr(3)) {
    const size_t at = alphabet.find(lower(c));
    if (at == std::string_view::npos) return false;
    state = bech32_step(state, static_cast<uint32_t>(at));
  }
  const size_t version = alphabet.find(lower(text[3]));
  const size_t program = (text.size() - 10) * 5 / 8;  // bytes
  if (version > 16 || program < 2 || program > 40) return false;
  return version == 0 ? state == plain && (program == 20 || program == 32) : state == plain || state == modified;
}

}  // namespace

bool is_bitcoin_address(std::string_view text) {
  if (text.starts_with('1') || text.starts_with('3')) return text.size() <= 35 && base58_address(text);
  return text.size() > 3 && equals_nocase(text.substr(0, 3), "bc1") && bech32_address(text);
}

}  // namespace warden::classify
