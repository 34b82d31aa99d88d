// SPDX-License-Identifier: Apache-2.0
// GapCounts: what could not be recorded, by process and kind, until one `gap` record says so.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "audit/record/draft.h"

namespace warden::audit {

class GapCounts {
 public:
  void add(const Draft& draft, std::string_view reason, int64_t wall_us);  // the first reason stays
  void add(const GapCounts& other);
  [[nodiscard]] bool empty() const { return by_.empty(); }
  [[nodiscard]] uint64_t of(Kind kind) const;
  void clear() { *this = {}; }
  [[nodiscard]] Draft record() const;

  // The form kept in the reserve file over a restart; parse() ignores what it does not understand.
  [[nodiscard]] std::string text() const;
  static GapCounts parse(std::string_view text);

 private:
  std::map<std::pair<std::string, Kind>, uint64_t> by_;  // bounded: further processes count as "other"
  std::string reason_;
  int64_t since_us_ = 0;
};

}  // namespace warden::audit
