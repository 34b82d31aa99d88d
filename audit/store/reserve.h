// SPDX-License-Identifier: Apache-2.0
// Reserve: disk blocks held back in a file, given up slice by slice when the disk is full, so that the
// outcomes of exchanges in flight and the gap record still find room. Its first block holds a short note that
// can be rewritten without new space.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/fd.h"

namespace warden::audit {

class Reserve {
 public:
  static constexpr uint64_t kNoteBytes = 4096;

  // Opens or makes the file; it may hold less than `bytes` (see whole()).
  Reserve(const std::string& path, uint64_t bytes);

  [[nodiscard]] bool whole() const { return held_ >= bytes_; }
  bool refill();         // true when whole again and room is left beyond it
  bool release_slice();  // false: nothing left to give

  [[nodiscard]] std::string note() const;
  bool set_note(std::string_view text);  // at most kNoteBytes

 private:
  uint64_t bytes_;
  uint64_t held_ = 0;
  Fd fd_;
};

}  // namespace warden::audit
