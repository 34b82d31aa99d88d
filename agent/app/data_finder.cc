// SPDX-License-Identifier: Apache-2.0
#include "agent/app/data_finder.h"

namespace warden::app {
namespace {

constexpr size_t kShortest = 6;  // no detector finds anything in less
constexpr size_t kCleanMax = 512;

}  // namespace

bool DataFinder::operator()(std::string_view value) {
  if (value.size() < kShortest) return false;
  std::string key(value);
  if (clean_.contains(key)) return false;
  classify::Segment segment;
  segment.raw = value;
  const classify::Report& report = scanner_.scan({&segment, 1});
  // Suppressed findings count too: a digest too many costs nothing here. So does a scan that did not end.
  if (report.status != classify::ScanStatus::complete || !report.findings.empty()) return true;
  if (clean_.size() >= kCleanMax) clean_.clear();
  clean_.insert(std::move(key));
  return false;
}

}  // namespace warden::app
