// SPDX-License-Identifier: Apache-2.0
// The scan of a request: each segment's text, the layers hidden in it, and the seams between joined segments.
#include <algorithm>
#include <deque>

#include "agent/base/check.h"
#include "policy/classify/engine.h"
#include "policy/classify/layers.h"
#include "policy/classify/pack.h"
#include "policy/classify/resolve.h"
#include "policy/classify/text_scan.h"
#include "policy/classify/unicode.h"
#include "policy/classify/view.h"

namespace warden::classify {
namespace {

constexpr uint8_t kDepthMax = 3;
constexpr size_t kRunsMax = 64;  // encoded runs decoded per view
constexpr size_t kSeam = 64;     // bytes on each side of a joint that a value may span
constexpr int kMaskRounds = 3;
constexpr size_t kSegmentMax = 1u << 31;
constexpr size_t kKeptBytes = 1 << 20;  // of a buffer, from one scan to the next

}  // namespace

struct Scanner::State {
  explicit State(std::shared_ptr<const CompiledPack> loaded)
      : pack(std::move(loaded)),
        ready(pack->anchor_set->prepare(scratch) && pack->word_set->prepare(scratch)),
        scan(*pack, scratch) {}

  // A piece of the virtual text across a joint: out[begin, end) is the text view's [from, from + end -
  // begin).
  struct SeamPiece {
    uint32_t segment;
    const View* view;
    Extent out;
    uint32_t from;
  };

  void run(std::span<const Segment> segments, const Budget& budget);
  bool scan_masked(std::span<const Segment> segments);
  bool admit(const Segment& segment, const Budget& budget);
  View& new_view(const View* parent);
  const View* text_view(const Segment& segment);
  const View* folded(const View* view);
  void scan_segment(uint32_t index, const Segment& segment);
  void scan_view(uint32_t index, const View* view);
  void scan_layers(uint32_t index, const View* view);
  void scan_seam(std::span<const Segment> segments, uint32_t second);
  void add(uint32_t segment, const Hit& hit, Extent original);
  bool whole(const View& view);
  void forget();

  std::shared_ptr<const CompiledPack> pack;
  Scratch scratch;
  bool ready;
  TextScan scan;
  std::deque<View> views;  // of the segment in hand; addresses stay
  size_t views_used = 0;
  std::vector<EncodedRun> runs;
  std::vector<RankedFinding> found;
  std::vector<SeamPiece> pieces;
  std::string seam;
  std::string masked;
  size_t findings_max = 0;
  uint64_t decoded_max = 0;
  uint64_t decoded_left = 0;  // bytes that layers may still produce
  Report report;
};

View& Scanner::State::new_view(const View* parent) {
  if (views_used == views.size()) views.emplace_back();
  View& view = views[views_used++];
  view.parent = parent;
  view.mapped.clear();
  view.depth = parent == nullptr ? uint8_t{0} : parent->depth;
  return view;
}

// False: the derived text had too many pieces and is not looked at, which the report says.
bool Scanner::State::whole(const View& view) {
  if (view.mapped.overflowed()) report.status = std::max(report.status, ScanStatus::partial);
  return !view.mapped.overflowed();
}

const View* Scanner::State::folded(const View* view) {
  if (is_ascii(view->text)) return view;
  View& next = new_view(view);
  if (!fold(view->text, next.mapped) || !whole(next)) {
    --views_used;
    return view;
  }
  next.text = next.mapped.text();
  return &next;
}

// The text of a segment: escapes resolved and folded, without a copy where there is nothing to do.
const View* Scanner::State::text_view(const Segment& segment) {
  View& raw = new_view(nullptr);
  raw.text = segment.raw;
  const View* view = &raw;
  if (segment.encoding == Encoding::json_string && segment.raw.find('\\') != std::string_view::npos) {
    View& next = new_view(view);
    if (unescape_json(segment.raw, next.mapped) && whole(next)) {
      next.text = next.mapped.text();
      view = &next;
    } else {
      --views_used;
    }
  }
  return folded(view);
}

void Scanner::State::add(uint32_t segment, const Hit& hit, Extent original) {
  if (found.size() >= findings_max) return scan.stop();
  const Detector& detector = *pack->detectors[hit.detector];
  Finding finding;
  finding.detector = detector.id;
  finding.data_class = detector.data_class;
  finding.segment = segment;
  finding.begin = original.begin;
  finding.end = original.end;
  finding.tier = hit.match.tier;
  finding.confidence = hit.match.confidence;
  found.push_back({finding, pack->ranks[hit.detector]});
}

void Scanner::State::scan_view(uint32_t index, const View* view) {
  for (const Hit& hit : scan.scan(view->text)) add(index, hit, view->original(hit.match.span));
  if (view->depth < kDepthMax) scan_layers(index, view);
}

void Scanner::State::scan_layers(uint32_t index, const View* view) {
  const auto enter = [&](View& next) {
    next.depth = static_cast<uint8_t>(view->depth + 1);
    next.text = next.mapped.text();
    if (!whole(next)) return;
    if (next.text.size() > decoded_left) {
      report.status = std::max(report.status, ScanStatus::partial);
      return;
    }
    decoded_left -= next.text.size();
    scan_view(index, folded(&next));
  };
  const size_t mark = views_used;
  if (view->text.find('\\') != std::string_view::npos) {
    if (View& next = new_view(view); unescape_json(view->text, next.mapped)) enter(next);
    views_used = mark;
  }
  if (view->text.find('%') != std::string_view::npos) {
    if (View& next = new_view(view); decode_percent(view->text, next.mapped)) enter(next);
    views_used = mark;
  }
  find_base64_text(view->text, kRunsMax, runs);
  for (const EncodedRun& run : std::vector<EncodedRun>(std::move(runs))) {
    View& next = new_view(view);
    next.mapped.replace(run.text, run.span.begin, run.span.end);
    enter(next);
    views_used = mark;
  }
}

void Scanner::State::scan_segment(uint32_t index, const Segment& segment) {
  views_used = 0;
  scan.set_field(segment.label);
  scan_view(index, text_view(segment));
}

// A value may be cut by the joint of two content parts (or by several, when parts are tiny).
void Scanner::State::scan_seam(std::span<const Segment> segments, uint32_t second) {
  views_used = 0;
  pieces.clear();
  seam.clear();
  uint32_t first = second;
  for (size_t bytes = 0; first > 0 && bytes < kSeam && segments[first].joins_previous;)
    bytes += segments[--first].raw.size();
  uint32_t last = second + 1;
  for (size_t bytes = segments[second].raw.size();
       last < segments.size() && bytes < kSeam && segments[last].joins_previous && last - second < kSeam;
       ++last) {
    bytes += segments[last].raw.size();
  }
  // Parts of a byte each would have every seam look at a hundred of them.
  if (!scan.spend(last - first)) return;
  for (uint32_t index = first; index < last; ++index) {
    Segment part = segments[index];
    const View* view = text_view(part);
    const auto size = static_cast<uint32_t>(view->text.size());
    const uint32_t room = static_cast<uint32_t>(kSeam);
    const uint32_t from = index < second && size > room ? size - room : 0;
    const uint32_t take = std::min(size - from, index < second ? room : static_cast<uint32_t>(kSeam));
    const auto out = static_cast<uint32_t>(seam.size());
    pieces.push_back({index, view, {out, out + take}, from});
    seam.append(view->text.substr(from, take));
  }
  scan.set_field(segments[second].label);
  for (const Hit& hit : scan.scan(seam)) {
    const auto inside = [&](const SeamPiece& p) {
      return hit.match.span.begin >= p.out.begin && hit.match.span.end <= p.out.end;
    };
    if (std::any_of(pieces.begin(), pieces.end(), inside)) continue;  // found in its own segment
    for (const SeamPiece& piece : pieces) {
      const uint32_t begin = std::max(hit.match.span.begin, piece.out.begin);
      const uint32_t end = std::min(hit.match.span.end, piece.out.end);
      if (begin >= end) continue;
      const uint32_t shift =
          piece.from - piece.out.begin;  // wraps where the piece starts later than its source
      add(piece.segment, hit, piece.view->original({begin + shift, end + shift}));
    }
  }
}

// A value may only stand free once its neighbour is gone ("+49...+49..."), or have lost to a finding that
// covers part of it. So look again with the findings masked as redaction would leave them; true when that
// brought more.
bool Scanner::State::scan_masked(std::span<const Segment> segments) {
  const std::vector<RankedFinding> known = found;
  decoded_left = decoded_max;
  for (size_t first = 0; first < known.size();) {
    const uint32_t index = known[first].finding.segment;
    masked.assign(segments[index].raw);
    size_t after = first;
    bool any = false;
    for (; after < known.size() && known[after].finding.segment == index; ++after) {
      const Finding& f = known[after].finding;
      if (f.tier == Tier::suppressed || f.end - f.begin < 2) continue;
      std::fill(masked.begin() + f.begin, masked.begin() + f.end, 'X');  // a word, as in a token
      masked[f.begin] = '[';
      masked[f.end - 1] = ']';
      any = true;
    }
    Segment segment = segments[index];
    segment.raw = masked;
    if (any) scan_segment(index, segment);
    first = after;
  }
  const auto fresh = found.begin() + static_cast<ptrdiff_t>(known.size());
  return std::any_of(fresh, found.end(),
                     [](const RankedFinding& r) { return r.finding.tier != Tier::suppressed; });
}

bool Scanner::State::admit(const Segment& segment, const Budget& budget) {
  if (segment.raw.size() >= kSegmentMax || report.scanned_bytes + segment.raw.size() > budget.bytes_max) {
    report.status = std::max(report.status, ScanStatus::partial);
    return false;
  }
  report.scanned_bytes += segment.raw.size();
  if (!is_utf8(segment.raw))
    report.status = ScanStatus::error;  // scanned all the same: what is found is real
  return true;
}

void Scanner::State::run(std::span<const Segment> segments, const Budget& budget) {
  report = {};
  found.clear();
  findings_max = budget.findings_max;
  scan.begin_report(budget.candidates_max);
  decoded_left = 0;
  for (const Segment& segment : segments) decoded_left += segment.raw.size();
  decoded_max = decoded_left = std::min(decoded_left * 4, budget.bytes_max);
  for (uint32_t index = 0; index < segments.size(); ++index) {
    if (!admit(segments[index], budget)) continue;
    scan_segment(index, segments[index]);
    if (index > 0 && segments[index].joins_previous) scan_seam(segments, index);
  }
  if (scan.exhausted()) report.status = std::max(report.status, ScanStatus::partial);
  if (scan.failed() || !ready) report.status = ScanStatus::error;
  resolve_overlaps(found);
  // With the budget used up nothing more can be verified.
  for (int round = 0, more = 1; round < kMaskRounds && more != 0 && !scan.exhausted(); ++round) {
    more = scan_masked(segments) ? 1 : 0;
    resolve_overlaps(found);
  }
  for (const RankedFinding& one : found) report.findings.push_back(one.finding);
  forget();
}

// One request of millions of bytes must not make the scanner large for the rest of its life.
void Scanner::State::forget() {
  const auto large = [](const View& view) { return view.mapped.bytes_held() > kKeptBytes; };
  if (std::any_of(views.begin(), views.end(), large)) views.clear();
  if (masked.capacity() > kKeptBytes) masked = {};
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
