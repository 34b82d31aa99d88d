// SPDX-License-Identifier: Apache-2.0
// Views: the texts of one segment and how each is derived from another. Owns them, reuses their memory; a view lives until
// release() to an earlier mark. One per Scanner.
#pragma once

#include <deque>

#include "policy/classify/rewrites.h"
#include "policy/classify/segment.h"
#include "policy/classify/text_scan.h"
#include "policy/classify/view.h"

namespace warden::classify {

class Views {
 public:
  explicit Views(const CompiledPack& pack) : pack_(pack) {}

  void clear() { used_ = 0; }
  [[nodiscard]] size_t mark() const { return used_; }
  void release(size_t mark) { used_ = mark; }

  View* root(std::string_view raw);
  // `raw` with each of `places` (ascending, apart) masked as a redaction token masks it; only what stands around them.
  View* masked(const View* raw, std::span<const Extent> places);
  // A segment's text: the escapes of its encoding resolved.
  const View* text(const View* raw, Encoding encoding);
  const View* folded(const View* view);
  // What another layer of escapes or encodings gives, what hidden characters say, what joints inside values keep apart; null when
  // there is nothing of the kind.
  View* decoded(const View* view, const TextScan& scan);  // `scan`: of this view, just now
  View* revealed(const View* unfolded);
  View* rejoined(const View* view, TextScan& scan);

  [[nodiscard]] bool overflowed() const { return overflowed_; }  // some text had too many pieces and was not looked at
  void begin_report() { overflowed_ = false; }
  void forget_large(size_t bytes);

 private:
  View& next(const View* parent);
  View* derive(const View* parent, const std::vector<Extent>* near);
  void carry_changes(const View& from, View& to) const;
  bool whole(const View& view);

  const CompiledPack& pack_;
  std::deque<View> views_;  // addresses stay
  size_t used_ = 0;
  Rewrites rewrites_;
  bool overflowed_ = false;
};

// A derived view's hit counts when a change is part of it, or of what speaks for it.
constexpr uint32_t kChangeReach = 72;

}  // namespace warden::classify
