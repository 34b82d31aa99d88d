// SPDX-License-Identifier: Apache-2.0
// Rewrites: the places of a text that stand for something else (an escape, an encoded run, a joint in the middle of a value), and
// the text that results. The result holds the places and what stands around them, not the whole text: the rest was looked at
// already. Leaves to others: finding the places (escapes.h, encoded_runs.h, rejoin.h, hidden.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/classify/view.h"

namespace warden::classify {

class Rewrites {
 public:
  // Of places that share bytes the lower rank stays, then the earlier.
  enum class Rank : uint8_t { escape, run, loose };
  static constexpr size_t kMax = size_t{1} << 21;

  void clear();
  // `to` stands for in[from.begin, from.end); it may be empty.
  void add(Extent from, std::string_view to, Rank rank);
  // Drops the places that only write a mark or a space otherwise ("\\n", "&quot;") where nothing stands near that a value could be
  // made of: six digits, an '@', or one of the literals that end at `anchors` (ascending).
  void drop_idle(std::string_view in, std::span<const uint32_t> anchors);
  // Orders the places and drops those in conflict. True: some are left, and one of them is within `reach` of one of `near` (when
  // that is not null): otherwise they say nothing that was not known before those changes.
  bool settle(std::string_view in, const std::vector<Extent>* near, uint32_t reach);
  // The text that results, with its map; `in` is the text of the view that `out` comes from.
  void apply(std::string_view in, View& out) const;

  [[nodiscard]] bool overflowed() const { return overflowed_; }
  [[nodiscard]] size_t size() const { return places_.size(); }
  [[nodiscard]] size_t bytes_held() const { return text_.capacity() + places_.capacity() * sizeof(Place); }

 private:
  struct Place {
    Extent from;
    uint32_t text;  // offset in text_
    uint32_t bytes;
    Rank rank;
  };
  [[nodiscard]] std::string_view text_of(const Place& place) const { return std::string_view(text_).substr(place.text, place.bytes); }
  [[nodiscard]] bool cut_run(std::string_view in, size_t index) const;
  void drop_conflicts();

  std::vector<Place> places_;
  std::vector<Place> kept_;
  std::string text_;
  bool overflowed_ = false;
};

// True: `span` touches one of the ascending `changes`, or is closer than `reach` to it.
bool near_change(const std::vector<Extent>& changes, Extent span, uint32_t reach);

}  // namespace warden::classify
