// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/view.h"

#include <algorithm>

namespace warden::classify {

void MappedText::clear() {
  text_.clear();
  pieces_.clear();
}

void MappedText::copy(std::string_view source, uint32_t begin, uint32_t end) {
  if (begin >= end) return;
  const auto out = static_cast<uint32_t>(text_.size());
  const bool continues =
      !pieces_.empty() && !pieces_.back().atomic && pieces_.back().in + (out - pieces_.back().out) == begin;
  if (!continues) pieces_.push_back({out, begin, begin, false});
  text_.append(source.substr(begin, end - begin));
}

void MappedText::replace(std::string_view out, uint32_t in_begin, uint32_t in_end) {
  if (out.empty()) return;
  pieces_.push_back({static_cast<uint32_t>(text_.size()), in_begin, in_end, true});
  text_.append(out);
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
  return {first.atomic ? first.in : first.in + (span.begin - first.out),
          last.atomic ? last.in_end : last.in + (span.end - last.out)};
}

Extent View::original(Extent span) const {
  for (const View* view = this; view->parent != nullptr; view = view->parent)
    span = view->mapped.source(span);
  return span;
}

}  // namespace warden::classify
