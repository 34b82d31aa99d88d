// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/redact.h"

#include <algorithm>
#include <tuple>

#include "agent/base/digest.h"
#include "policy/classify/chars.h"
#include "policy/classify/layers.h"
#include "policy/classify/unicode.h"

namespace warden::classify {
namespace {

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648, lower case
constexpr size_t kTokenHashChars = 6;

std::string decoded(const Segment& segment, std::string_view raw) {
  MappedText text;
  std::string value(raw);
  if (segment.encoding == Encoding::json_string && unescape_json(value, text)) value = text.text();
  MappedText ascii;
  return fold(value, ascii) ? ascii.text() : value;
}

// One value in its spellings gives one token: separators and case do not count, except where case is part of
// the value.
std::string normal_form(const Segment& segment, std::string_view raw, std::string_view data_class) {
  std::string value = decoded(segment, raw);
  if (data_class == "secret") return value;
  const bool keep_marks = value.find('@') != std::string::npos;
  std::string normal;
  for (const char c : value) {
    if (keep_marks || is_word(c)) normal += lower(c);
  }
  return normal;
}

std::string token(const Finding& finding, std::string_view value, std::string_view key) {
  std::string text = "[";
  const std::string_view top = finding.data_class.substr(0, finding.data_class.find('.'));
  for (const char c : top) text += upper(c);
  text += ':';
  for (const char c : finding.detector) text += c == '.' ? '_' : upper(c);
  text += '#';
  const Digest hash = hmac_sha256(key, value);
  uint64_t bits = 0;
  for (size_t i = 0; i < 5; ++i) bits = (bits << 8) | hash[i];
  for (size_t i = 0; i < kTokenHashChars; ++i) text += kBase32[(bits >> (35 - 5 * i)) & 31];
  return text + "]";
}

struct Place {
  const Finding* finding;
  uint32_t begin;
  uint32_t end;
};

// Findings that share bytes become one edit, named after the first (the longest of those that begin there).
std::vector<Place> merged(std::span<const Finding> chosen) {
  std::vector<Place> places;
  for (const Finding& finding : chosen) places.push_back({&finding, finding.begin, finding.end});
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::make_tuple(a.finding->segment, a.begin, b.end, a.finding->detector) <
           std::make_tuple(b.finding->segment, b.begin, a.end, b.finding->detector);
  });
  std::vector<Place> out;
  for (const Place& place : places) {
    const bool meets =
        !out.empty() && out.back().finding->segment == place.finding->segment && place.begin < out.back().end;
    if (meets) {
      out.back().end = std::max(out.back().end, place.end);
    } else {
      out.push_back(place);
    }
  }
  return out;
}

}  // namespace

std::optional<std::vector<Edit>> redact(std::span<const Segment> segments, std::span<const Finding> chosen,
                                        std::string_view key) {
  std::vector<Edit> edits;
  for (const Finding& finding : chosen) {
    if (finding.segment >= segments.size() || !segments[finding.segment].editable) return std::nullopt;
    if (finding.begin >= finding.end || finding.end > segments[finding.segment].raw.size())
      return std::nullopt;
  }
  for (Place place : merged(chosen)) {
    const Segment& segment = segments[place.finding->segment];
    const bool scalar = segment.encoding == Encoding::json_scalar;
    if (scalar) {  // part of a number cannot be a string: the whole scalar becomes one
      if (!edits.empty() && edits.back().segment == place.finding->segment) continue;
      place.begin = 0;
      place.end = static_cast<uint32_t>(segment.raw.size());
    }
    const std::string_view raw = segment.raw.substr(place.begin, place.end - place.begin);
    std::string replacement =
        token(*place.finding, normal_form(segment, raw, place.finding->data_class), key);
    if (scalar) replacement = '"' + replacement + '"';
    edits.push_back({place.finding->segment, place.begin, place.end, std::move(replacement),
                     place.finding->data_class, place.finding->detector});
  }
  return edits;
}

}  // namespace warden::classify
