// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/view.h"

#include <algorithm>

namespace warden::classify {

void MappedText::clear() {
  text_.clear();
  pieces_.clear();
  overflowed_ = false;
}

// A unit that follows the last run of its kind without a gap belongs to it. False: one piece too many.
bool MappedText::extend(uint32_t in, uint32_t in_step, uint32_t out_step) {
  const auto out = static_cast<uint32_t>(text_.size());
  const bool continues = !pieces_.empty() && pieces_.back().in_step == in_step && pieces_.back().out_step == out_step &&
                         pieces_.back().source_of(out) == in;
  if (!continues && pieces_.size() == kPiecesMax) overflowed_ = true;
  if (!continues && !overflowed_) pieces_.push_back({out, in, in_step, out_step});
  return !overflowed_;
}

void MappedText::copy(std::string_view source, uint32_t begin, uint32_t end) {
  if (begin < end && extend(begin, 1, 1)) text_.append(source.substr(begin, end - begin));
}

void MappedText::replace(std::string_view out, uint32_t in_begin, uint32_t in_end) {
  if (!out.empty() && extend(in_begin, in_end - in_begin, static_cast<uint32_t>(out.size()))) text_.append(out);
}

const MappedText::Piece& MappedText::piece_at(uint32_t out) const {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), out,
                                      [](uint32_t offset, const Piece& piece) { return offset < piece.out; });
  return *(after - 1);
}

Extent MappedText::source(Extent span) const {
  if (pieces_.empty() || span.begin >= span.end) return {};
  const Piece& first = piece_at(span.begin);
  const Piece& last = piece_at(span.end - 1);
  return {first.source_of(span.begin), last.source_of(span.end - 1) + last.in_step};
}

uint32_t MappedText::out_of(uint32_t in, bool round_up) const {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), in, [](uint32_t offset, const Piece& piece) { return offset < piece.in; });
  if (after == pieces_.begin()) return 0;
  const Piece& piece = *(after - 1);
  const auto end = after == pieces_.end() ? static_cast<uint32_t>(text_.size()) : after->out;
  const uint32_t units = (in - piece.in + (round_up ? piece.in_step - 1 : 0)) / piece.in_step;
  return static_cast<uint32_t>(std::min<uint64_t>(end, piece.out + uint64_t{units} * piece.out_step));
}

Extent MappedText::derived(Extent source) const {
  const uint32_t begin = out_of(source.begin, false);
  return {begin, std::max(begin, out_of(source.end, true))};
}

Extent View::original(Extent span) const {
  for (const View* view = this; view->parent != nullptr; view = view->parent)
    span = view->mapped.source(span);
  return span;
}

}  // namespace warden::classify
