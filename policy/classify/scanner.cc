// SPDX-License-Identifier: Apache-2.0
// The scan of a request: each segment's text, the layers hidden in it, and the seams between joined segments.
#include <algorithm>

#include "agent/base/check.h"
#include "policy/classify/engine.h"
#include "policy/classify/pack.h"
#include "policy/classify/resolve.h"
#include "policy/classify/seam.h"
#include "policy/classify/text_scan.h"
#include "policy/classify/unicode.h"
#include "policy/classify/views.h"

namespace warden::classify {
namespace {

constexpr uint8_t kDepthMax = 4;  // layers one in another, joints included
constexpr int kMaskRounds = 3;
constexpr uint64_t kDecodedSpare = 4096;  // so that a short text is looked at to the last layer
constexpr size_t kSegmentMax = 1u << 31;
constexpr size_t kKeptBytes = 1 << 20;  // of a buffer, from one scan to the next

}  // namespace

struct Scanner::State {
  explicit State(std::shared_ptr<const CompiledPack> loaded)
      : pack(std::move(loaded)),
        ready(pack->anchor_set->prepare(scratch) && pack->word_set->prepare(scratch)),
        scan(*pack, scratch),
        views(*pack) {}

  void run(std::span<const Segment> segments, const Budget& budget);
  bool admit(const Segment& segment, const Budget& budget);
  bool scan_masked(std::span<const Segment> segments);
  void scan_segment(uint32_t index, const Segment& segment);
  void scan_seam(std::span<const Segment> segments, uint32_t second);
  void walk(const View* unfolded);
  void enter(View* derived);
  void scan_view(const View* view);
  void add(uint32_t segment, const Hit& hit, Extent original);
  void worsen(ScanStatus status) { report.status = std::max(report.status, status); }
  void forget();

  std::shared_ptr<const CompiledPack> pack;
  Scratch scratch;
  bool ready;
  TextScan scan;
  Views views;
  Seam seam;
  bool in_layer = false;  // the view in hand is a derived one
  bool in_seam = false;   // the view in hand is of the seam, not of a segment
  uint32_t segment = 0;   // otherwise: whose text it is
  std::vector<RankedFinding> found;
  std::vector<Extent> places;
  size_t findings_max = 0;
  uint64_t decoded_max = 0;
  uint64_t decoded_left = 0;  // bytes that layers may still produce
  Report report;
};

void Scanner::State::add(uint32_t index, const Hit& hit, Extent original) {
  if (found.size() >= findings_max) return scan.stop();
  const Detector& detector = *pack->detectors[hit.detector];
  Finding finding;
  finding.detector = detector.id;
  finding.data_class = detector.data_class;
  finding.segment = index;
  finding.begin = original.begin;
  finding.end = original.end;
  finding.tier = hit.match.tier;
  finding.confidence = hit.match.confidence;
  const bool encoded = original.end - original.begin > hit.match.span.end - hit.match.span.begin;
  found.push_back({finding, pack->ranks[hit.detector], encoded && in_layer});
}

// Of a derived view only what its changes brought is new; near its edges less is known of the surroundings.
void Scanner::State::scan_view(const View* view) {
  in_layer = view->depth > 0;
  for (const Hit& hit : scan.scan(view->text, view->partial)) {
    if (!view->changes.empty() && !near_change(view->changes, hit.match.span, kChangeReach)) continue;
    if (view->partial && view->text.substr(hit.match.span.begin, hit.match.span.end - hit.match.span.begin).find('\f') != std::string_view::npos)
      continue;  // reaches over what was left out
    const Extent original = view->original(hit.match.span);
    if (!in_seam) {
      add(segment, hit, original);
      continue;
    }
    for (const Seam::Piece& piece : seam.place(original)) add(piece.segment, hit, piece.original);
  }
}

void Scanner::State::enter(View* derived) {
  if (derived == nullptr) return;
  if (derived->text.size() > decoded_left) return worsen(ScanStatus::partial);
  decoded_left -= derived->text.size();
  ++derived->depth;
  walk(derived);
}

// Looks at a text, then at what its layers hide, one in another. Each layer is undone for all of the text at once, so their
// number bounds the work, not the number of ways to order them.
void Scanner::State::walk(const View* unfolded) {
  const View* view = views.folded(unfolded);
  scan_view(view);
  if (view->depth >= kDepthMax || scan.exhausted()) return;
  const size_t mark = views.mark();
  enter(views.decoded(view, scan));
  views.release(mark);
  enter(views.rejoined(view, scan));
  views.release(mark);
  if (unfolded != view) enter(views.revealed(unfolded));
  views.release(mark);
  if (views.overflowed()) worsen(ScanStatus::partial);
}

void Scanner::State::scan_segment(uint32_t index, const Segment& of) {
  views.clear();
  in_seam = false;
  segment = index;
  scan.set_field(of.label);
  walk(views.text(views.root(of.raw), of.encoding));
}

// A value may be cut by the joint of two content parts (or by several, when parts are tiny), or named before the joint.
void Scanner::State::scan_seam(std::span<const Segment> segments, uint32_t second) {
  const Seam::Range range = Seam::range(segments, second);
  // Parts of a byte each would have every seam look at many of them.
  if (!scan.spend(range.last - range.first)) return;
  views.clear();
  seam.clear();
  for (uint32_t index = range.first; index < range.last; ++index) {
    const Segment& part = segments[index];
    seam.add(index, views.folded(views.text(views.root(part.raw), part.encoding)), index < second);
  }
  in_seam = true;
  scan.set_field(segments[second].label);
  walk(views.root(seam.text()));
}

// A value may only stand free once its neighbour is gone ("+49...+49..."), or have lost to a finding that
// covers part of it. So look again with the findings masked as redaction would leave them; true when that
// brought more.
bool Scanner::State::scan_masked(std::span<const Segment> segments) {
  const std::vector<RankedFinding> known = found;
  decoded_left = decoded_max;
  in_seam = false;
  scan.look_for_names(false);
  for (size_t first = 0; first < known.size();) {
    segment = known[first].finding.segment;
    places.clear();
    size_t after = first;
    for (; after < known.size() && known[after].finding.segment == segment; ++after) {
      const Finding& f = known[after].finding;
      if (f.tier != Tier::suppressed && f.end - f.begin >= 2) places.push_back({f.begin, f.end});
    }
    first = after;
    if (places.empty()) continue;
    views.clear();
    scan.set_field(segments[segment].label);
    if (const View* masked = views.masked(views.root(segments[segment].raw), places)) walk(views.text(masked, segments[segment].encoding));
  }
  const auto fresh = found.begin() + static_cast<ptrdiff_t>(known.size());
  return std::any_of(fresh, found.end(),
                     [](const RankedFinding& r) { return r.finding.tier != Tier::suppressed; });
}

bool Scanner::State::admit(const Segment& of, const Budget& budget) {
  if (of.raw.size() >= kSegmentMax || report.scanned_bytes + of.raw.size() > budget.bytes_max) {
    worsen(ScanStatus::partial);
    return false;
  }
  report.scanned_bytes += of.raw.size();
  if (!is_utf8(of.raw)) report.status = ScanStatus::error;  // scanned all the same: what is found is real
  return true;
}

void Scanner::State::run(std::span<const Segment> segments, const Budget& budget) {
  report = {};
  found.clear();
  findings_max = budget.findings_max;
  scan.begin_report(budget.candidates_max);
  views.begin_report();
  scan.look_for_names(true);
  decoded_left = 0;
  for (const Segment& of : segments) decoded_left += of.raw.size();
  decoded_max = decoded_left = std::min(decoded_left * 4 + kDecodedSpare, budget.bytes_max);
  for (uint32_t index = 0; index < segments.size(); ++index) {
    if (!admit(segments[index], budget)) continue;
    scan_segment(index, segments[index]);
    if (index > 0 && segments[index].joins_previous) scan_seam(segments, index);
  }
  if (scan.exhausted()) worsen(ScanStatus::partial);
  if (scan.failed() || !ready) report.status = ScanStatus::error;
  resolve_overlaps(found);
  // With the budget used up nothing more can be verified.
  for (int round = 0, more = found.empty() ? 0 : 1; round < kMaskRounds && more != 0 && !scan.exhausted(); ++round) {
    more = scan_masked(segments) ? 1 : 0;
    resolve_overlaps(found);
  }
  for (const RankedFinding& one : found) report.findings.push_back(one.finding);
  forget();
}

// One request of millions of bytes must not make the scanner large for the rest of its life.
void Scanner::State::forget() {
  views.forget_large(kKeptBytes);
  if (found.capacity() * sizeof(RankedFinding) > kKeptBytes) found = {};
}

Scanner::Scanner(std::shared_ptr<const Pack> pack) {
  auto compiled = std::dynamic_pointer_cast<const CompiledPack>(std::move(pack));
  WARDEN_CHECK(compiled != nullptr);
  state_ = std::make_unique<State>(std::move(compiled));
}

Scanner::~Scanner() = default;

const Report& Scanner::scan(std::span<const Segment> segments, const Budget& budget) {
  state_->run(segments, budget);
  return state_->report;
}

}  // namespace warden::classify
