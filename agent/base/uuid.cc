// SPDX-License-Identifier: Apache-2.0
#include "agent/base/uuid.h"

#include <cstdint>

#include "agent/base/bytes.h"
#include "agent/base/clock.h"
#include "agent/base/digest.h"

namespace warden {

std::string uuid7() {
  // One draw from the generator serves many ids: a system call per request would show in a profile.
  thread_local std::string pool;
  thread_local size_t used = 0;
  constexpr size_t kDraw = 10;
  if (used + kDraw > pool.size()) {
    pool = random_bytes(kDraw * 64);
    used = 0;
  }
  std::string raw(6, '\0');
  const uint64_t ms = static_cast<uint64_t>(wall_us() / 1000);
  for (int i = 0; i < 6; ++i) raw[static_cast<size_t>(i)] = static_cast<char>(ms >> (40 - 8 * i));
  raw += pool.substr(used, kDraw);
  used += kDraw;
  raw[6] = static_cast<char>((raw[6] & 0x0f) | 0x70);
  raw[8] = static_cast<char>((raw[8] & 0x3f) | 0x80);
  std::string text = hex(raw);
  for (const size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

}  // namespace warden
