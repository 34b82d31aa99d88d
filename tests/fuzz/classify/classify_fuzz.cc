// SPDX-License-Identifier: Apache-2.0
// Any bytes, cut into up to four joined segments of any encoding: findings stay inside their segments, in
// order, without overlap, and redaction of all of them gives ascending edits.
#include <cstddef>
#include <cstdint>

#include "agent/base/check.h"
#include "policy/classify/engine.h"
#include "policy/classify/redact.h"

using namespace warden::classify;  // NOLINT: a fuzz target is one file

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Scanner scanner(*Pack::load());
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t count = data[0] % 4 + 1;
  Segment segments[4];
  for (size_t i = 0; i < count; ++i) {
    const size_t from = bytes.size() * i / count;
    segments[i].raw = bytes.substr(from, bytes.size() * (i + 1) / count - from);
    segments[i].encoding = static_cast<Encoding>((data[1] >> i) % 3);
    segments[i].joins_previous = i > 0 && (data[0] & 0x80) != 0;
    segments[i].label = (data[1] & 0x40) != 0 ? "password" : "ssn";
  }
  Budget budget;
  budget.candidates_max = 100'000;
  const Report& report = scanner.scan({segments, count}, budget);
  for (size_t i = 0; i < report.findings.size(); ++i) {
    const Finding& f = report.findings[i];
    WARDEN_CHECK(f.segment < count && f.begin < f.end && f.end <= segments[f.segment].raw.size());
    if (i == 0 || report.findings[i - 1].segment != f.segment) continue;
    WARDEN_CHECK(report.findings[i - 1].end <= f.begin);
  }
  WARDEN_CHECK(redact({segments, count}, report.findings, "key").has_value());
  return 0;
}
