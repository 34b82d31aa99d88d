// SPDX-License-Identifier: Apache-2.0
// Seam: the virtual text across the joint of two adjacent parts, long enough for any value that the joint may cut. Owns the text;
// views of the parts must stay.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "policy/classify/segment.h"
#include "policy/classify/view.h"

namespace warden::classify {

class Seam {
 public:
  // Segments [first, last) take part in the seam between `second` - 1 and `second`.
  struct Range {
    uint32_t first;
    uint32_t last;
  };
  static Range range(std::span<const Segment> segments, uint32_t second);

  void clear();
  // Parts in order; `left`: the joint lies behind it.
  void add(uint32_t segment, const View* view, bool left);
  [[nodiscard]] const std::string& text() const { return text_; }

  // The parts of `span` (of the seam's text) as extents of the segments. Empty when the span says nothing new: it lies on one
  // side of the joint without leaning on the other, or was cut off by the seam's own ends.
  struct Piece {
    uint32_t segment;
    Extent original;
  };
  [[nodiscard]] std::vector<Piece> place(Extent span) const;

 private:
  // out[begin, end) of the seam is the view's [from, from + end - begin).
  struct Part {
    uint32_t segment;
    const View* view;
    Extent out;
    uint32_t from;
    bool left;
    bool cut;  // not taken to the end that is away from the joint
  };
  std::vector<Part> parts_;
  std::string text_;
};

}  // namespace warden::classify
