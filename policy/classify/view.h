// SPDX-License-Identifier: Apache-2.0
// View: a text as the detectors read it, derived from another text (escapes resolved, Unicode folded, a layer
// decoded), with the map back to the bytes it came from. A span of a view maps to the whole original extent:
// every escape and every dropped zero-width byte inside it belongs to it. Leaves to others: which layers to
// build (layers.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warden::classify {

struct Extent {
  uint32_t begin = 0;
  uint32_t end = 0;  // exclusive
  auto operator<=>(const Extent&) const = default;
};

// Derived text under construction: pieces copied one to one, and pieces that replace their source as a whole. Neighbours of
// the same lengths (a text of nothing but \\u escapes) are one piece; how many there may be is bounded, since a body can be made
// of which each byte would cost many.
class MappedText {
 public:
  static constexpr size_t kPiecesMax = size_t{1} << 21;

  void clear();
  void reserve(size_t bytes) { text_.reserve(bytes); }
  void copy(std::string_view source, uint32_t begin, uint32_t end);  // source[begin, end) as it is
  void replace(std::string_view out, uint32_t in_begin,
               uint32_t in_end);  // `out` stands for in[in_begin, in_end)

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }  // more pieces than may be: the text is not whole
  [[nodiscard]] size_t bytes_held() const { return text_.capacity() + pieces_.capacity() * sizeof(Piece); }
  [[nodiscard]] Extent source(Extent span) const;
  // Where a span of the source went; a span that was dropped is an empty one at its place.
  [[nodiscard]] Extent derived(Extent source) const;

 private:
  // A run of units: each `in_step` bytes of the source became `out_step` bytes. Bytes copied are units of one.
  struct Piece {
    uint32_t out;
    uint32_t in;
    uint32_t in_step;
    uint32_t out_step;
    [[nodiscard]] uint32_t source_of(uint32_t offset) const { return in + (offset - out) / out_step * in_step; }
  };
  [[nodiscard]] bool extend(uint32_t in, uint32_t in_step, uint32_t out_step);
  [[nodiscard]] const Piece& piece_at(uint32_t out) const;
  [[nodiscard]] uint32_t out_of(uint32_t in, bool round_up) const;

  std::string text_;
  std::vector<Piece> pieces_;
  bool overflowed_ = false;
};

struct View {
  std::string_view text;
  const View* parent = nullptr;  // null: `text` is the segment's raw bytes
  MappedText mapped;             // holds the bytes of `text` when there is a parent
  uint8_t depth = 0;             // decoded layers below the segment's own encoding
  bool partial = false;          // holds only what stands around the changes, not the whole of its source
  bool named = false;            // the names of columns stand before their values already
  std::vector<Extent> changes;   // where it differs from its source, ascending; what was left out has length zero

  [[nodiscard]] Extent original(Extent span) const;
};

}  // namespace warden::classify
