// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/rewrites.h"

#include <algorithm>

#include "policy/classify/byte_set.h"
#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr uint32_t kBefore = 192;      // of context in front of a change: a label, and what speaks against it
constexpr uint32_t kAfter = 96;
constexpr uint32_t kTokenMax = 4096;   // of a token that a change is part of
constexpr std::string_view kGap = "\f\n";  // for what was left out: no value and no label reaches over it

// What stands between values and in none.
bool separates(char c) {
  return is_space(c) || c == '"' || c == '\'' || c == '<' || c == '>';
}

// What an encoded run never goes on with.
bool delimiter(char c) {
  return is_space(c) || std::string_view("\"'`:,;{}[]()<>&|?#").find(c) != std::string_view::npos;
}

uint32_t token_begin(std::string_view in, uint32_t at, uint32_t limit) {
  const uint32_t stop = std::max(limit, at > kTokenMax ? at - kTokenMax : 0);
  while (at > stop && !is_space(in[at - 1])) --at;
  return at;
}

uint32_t token_end(std::string_view in, uint32_t at, uint32_t limit) {
  const auto stop = static_cast<uint32_t>(std::min<size_t>(limit, size_t{at} + kTokenMax));
  while (at < stop && !is_space(in[at])) ++at;
  return at;
}

}  // namespace

bool near_change(const std::vector<Extent>& changes, Extent span, uint32_t reach) {
  const auto next = std::partition_point(changes.begin(), changes.end(), [&](const Extent& c) { return uint64_t{c.end} + reach < span.begin; });
  return next != changes.end() && next->begin <= uint64_t{span.end} + reach;
}

void Rewrites::clear() {
  places_.clear();
  text_.clear();
  overflowed_ = false;
}

void Rewrites::add(Extent from, std::string_view to, Rank rank) {
  if (places_.size() == kMax) {
    overflowed_ = true;
    return;
  }
  places_.push_back({from, static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(to.size()), rank});
  text_.append(to);
}

// An escape right beside an encoded run stands for more of the run: the run is not whole before the escape is undone.
bool Rewrites::cut_run(std::string_view in, size_t index) const {
  const Place& run = places_[index];
  const auto more = [&](const Place& place) {
    return place.rank != Rank::run && (place.bytes == 0 || !delimiter(text_[place.text]));
  };
  if (run.rank != Rank::run || run.from.end > in.size()) return false;
  if (index > 0 && places_[index - 1].from.end == run.from.begin && more(places_[index - 1])) return true;
  return index + 1 < places_.size() && places_[index + 1].from.begin == run.from.end && more(places_[index + 1]);
}

namespace {

// Digits of each 64 bytes, an '@' counting as many.
class Interest {
 public:
  Interest(std::string_view in, std::span<const uint32_t> anchors) : anchors_(anchors) {
    static constexpr ByteSet kDigits("0123456789");
    for (size_t at = 0; at < in.size(); at += ByteSet::kBlock) {
      const std::string_view block = in.substr(at, ByteSet::kBlock);
      size_t digits = 0;
      if (block.size() == ByteSet::kBlock)
        digits = static_cast<size_t>(__builtin_popcountll(kDigits.members(block.data())));
      else
        digits = static_cast<size_t>(std::count_if(block.begin(), block.end(), is_digit));
      blocks_.push_back(static_cast<uint8_t>(block.find('@') != std::string_view::npos ? kDigitsMin : digits));
    }
  }
  bool near(Extent place) const {
    const uint32_t begin = place.begin > kBefore ? place.begin - kBefore : 0;
    const auto anchor = std::lower_bound(anchors_.begin(), anchors_.end(), begin);
    if (anchor != anchors_.end() && *anchor <= place.end + kBefore) return true;
    size_t digits = 0;
    const size_t last = std::min(blocks_.size() - 1, size_t{place.end + kBefore} / ByteSet::kBlock);
    for (size_t block = begin / ByteSet::kBlock; block <= last; ++block) digits += blocks_[block];
    return digits >= kDigitsMin;
  }

 private:
  static constexpr size_t kDigitsMin = 6;
  std::span<const uint32_t> anchors_;
  std::vector<uint8_t> blocks_;
};

}  // namespace

void Rewrites::drop_idle(std::string_view in, std::span<const uint32_t> anchors) {
  if (places_.empty()) return;
  const Interest interest(in, anchors);
  std::erase_if(places_, [&](const Place& place) {
    const bool idle = place.rank == Rank::escape && place.bytes == 1 && separates(text_[place.text]);
    return idle && !interest.near(place.from);
  });
}

void Rewrites::drop_conflicts() {
  kept_.clear();
  for (const Place& place : places_) {
    while (!kept_.empty() && kept_.back().from.end > place.from.begin && place.rank < kept_.back().rank) kept_.pop_back();
    if (kept_.empty() || kept_.back().from.end <= place.from.begin) kept_.push_back(place);
  }
  places_.swap(kept_);
}

bool Rewrites::settle(std::string_view in, const std::vector<Extent>* near, uint32_t reach) {
  std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
    return a.from.begin != b.from.begin ? a.from.begin < b.from.begin : a.rank != b.rank ? a.rank < b.rank : a.from.end > b.from.end;
  });
  drop_conflicts();
  kept_.clear();
  bool any = near == nullptr;
  for (size_t i = 0; i < places_.size(); ++i) {
    if (cut_run(in, i)) continue;
    kept_.push_back(places_[i]);
    any = any || near_change(*near, places_[i].from, reach);
  }
  places_.swap(kept_);
  return any && !places_.empty();
}

void Rewrites::apply(std::string_view in, View& out) const {
  const auto size = static_cast<uint32_t>(in.size());
  out.mapped.clear();
  out.changes.clear();
  out.partial = false;
  uint32_t done = 0;  // of `in`: copied, replaced or left out
  uint32_t want = 0;  // up to here the text around the last place is wanted
  for (size_t i = 0; i < places_.size() && !out.mapped.overflowed(); ++i) {
    const Place& place = places_[i];
    const uint32_t next = i + 1 < places_.size() ? places_[i + 1].from.begin : size;
    uint32_t begin = token_begin(in, place.from.begin, done);
    begin = begin > done + kBefore ? begin - kBefore : done;
    if (begin > want) {
      out.mapped.copy(in, done, want);
      out.mapped.replace(kGap, std::max(done, want), begin);
      done = begin;
      out.partial = true;
    }
    out.mapped.copy(in, done, place.from.begin);
    const auto at = static_cast<uint32_t>(out.mapped.text().size());
    out.mapped.replace(text_of(place), place.from.begin, place.from.end);
    const auto end = static_cast<uint32_t>(out.mapped.text().size());
    if (!out.changes.empty() && out.changes.back().end >= at)
      out.changes.back().end = end;
    else
      out.changes.push_back({at, end});
    done = place.from.end;
    want = std::min(size, token_end(in, done, next) + kAfter);
  }
  if (!places_.empty()) out.mapped.copy(in, done, std::max(done, want));
  out.partial = out.partial || want < size;
}

}  // namespace warden::classify
