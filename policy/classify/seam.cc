// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/seam.h"

#include <algorithm>

#include "policy/classify/chars.h"

namespace warden::classify {
namespace {

constexpr size_t kNear = 64;         // bytes on each side of a joint that a number with its label may take
constexpr size_t kTokenMax = 4096;   // of a token without a space that the joint cuts
constexpr size_t kPemMax = 32 * 1024;
constexpr size_t kPartsMax = 64;

// A PEM block with its last line whole.
bool closed(std::string_view pem) {
  const size_t end = pem.find("-----END ");
  return end != std::string_view::npos && pem.find("-----", end + 9) != std::string_view::npos;
}

// Bytes of the part's end that a value across the joint can begin in.
size_t left_room(std::string_view text) {
  size_t room = 0;
  while (room < text.size() && room < kTokenMax && !is_space(text[text.size() - room - 1])) ++room;
  room += kNear;  // the label before the token
  const size_t from = text.size() > kPemMax ? text.size() - kPemMax : 0;
  const size_t begin = text.substr(from).rfind("-----BEGIN ");
  if (begin != std::string_view::npos && !closed(text.substr(from + begin))) room = std::max(room, text.size() - from - begin + kNear);
  return std::min(room, text.size());
}

size_t right_room(std::string_view text, bool pem) {
  size_t room = 0;
  while (room < text.size() && room < kTokenMax && !is_space(text[room])) ++room;
  room += kNear;
  const size_t end = pem ? text.substr(0, kPemMax).find("-----END ") : std::string_view::npos;
  if (end != std::string_view::npos) room = std::max(room, end + kNear);
  return std::min(room, text.size());
}

}  // namespace

Seam::Range Seam::range(std::span<const Segment> segments, uint32_t second) {
  const auto goes_on = [&](size_t bytes, const Segment& part) {
    return bytes < kNear || (bytes < kTokenMax && std::none_of(part.raw.begin(), part.raw.end(), is_space));
  };
  Range range{second, second + 1};
  for (size_t bytes = 0; range.first > 0 && second - range.first < kPartsMax && segments[range.first].joins_previous;) {
    if (range.first < second && !goes_on(bytes, segments[range.first])) break;
    bytes += segments[--range.first].raw.size();
  }
  size_t bytes = segments[second].raw.size();
  while (range.last < segments.size() && range.last - second < kPartsMax && segments[range.last].joins_previous && goes_on(bytes, segments[range.last - 1]))
    bytes += segments[range.last++].raw.size();
  return range;
}

void Seam::clear() {
  parts_.clear();
  text_.clear();
}

void Seam::add(uint32_t segment, const View* view, bool left) {
  const bool pem = !left && (text_ + std::string(view->text.substr(0, kNear))).find("-----BEGIN ") != std::string::npos;
  const auto size = static_cast<uint32_t>(view->text.size());
  const auto take = static_cast<uint32_t>(left ? left_room(view->text) : right_room(view->text, pem));
  const uint32_t from = left ? size - take : 0;
  const auto out = static_cast<uint32_t>(text_.size());
  parts_.push_back({segment, view, {out, out + take}, from, left, take < size});
  text_.append(view->text.substr(from, take));
}

std::vector<Seam::Piece> Seam::place(Extent span) const {
  std::vector<Piece> pieces;
  const bool cut_off = (span.begin == 0 && parts_.front().cut && parts_.front().left) || (span.end == text_.size() && parts_.back().cut && !parts_.back().left);
  if (cut_off) return pieces;
  uint32_t joint = 0;
  for (const Part& part : parts_) joint = part.left ? part.out.end : joint;
  const bool leans = span.begin >= joint && span.begin - joint <= kNear;  // the label may stand before the joint
  if (span.end <= joint || (span.begin >= joint && !leans)) return pieces;
  for (const Part& part : parts_) {
    const uint32_t begin = std::max(span.begin, part.out.begin);
    const uint32_t end = std::min(span.end, part.out.end);
    if (begin >= end) continue;
    const uint32_t shift = part.from - part.out.begin;  // wraps where the part starts later than its source
    pieces.push_back({part.segment, part.view->original({begin + shift, end + shift})});
  }
  return pieces;
}

}  // namespace warden::classify
