// SPDX-License-Identifier: Apache-2.0
// Tally: a worker's counters and stage times, kept without locks or formatting and reported to the supervisor as deltas. Names
// are "metric|label value|label value"; app/metrics.cc knows the label names.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace warden::pipeline {

enum class Stage : uint8_t { handshake, parse, classify, decide, record, connect, total };
inline constexpr std::array<std::string_view, 7> kStageNames = {"handshake", "parse",   "classify", "decide",
                                                                "record",    "connect", "total"};
// Upper bounds in microseconds of added_latency_seconds; one more bucket is beyond the last.
inline constexpr std::array<int64_t, 14> kBucketsUs = {10,   25,   50,    100,   200,    300,    500,
                                                       1000, 2500, 5000, 10000, 50000, 250000, 1000000};

class Tally {
 public:
  void count(std::string name, uint64_t n = 1) { counters_[std::move(name)] += n; }

  void time(Stage stage, int64_t us) {
    Histogram& histogram = stages_[static_cast<size_t>(stage)];
    size_t bucket = 0;
    while (bucket < kBucketsUs.size() && us > kBucketsUs[bucket]) ++bucket;
    ++histogram.buckets[bucket];
    histogram.sum_us += static_cast<uint64_t>(us > 0 ? us : 0);
  }

  // Everything since the last call.
  std::vector<std::pair<std::string, uint64_t>> take() {
    std::vector<std::pair<std::string, uint64_t>> all;
    for (auto& [name, n] : counters_) {
      if (n > 0) all.emplace_back(name, n);
      n = 0;
    }
    for (size_t i = 0; i < stages_.size(); ++i) {
      const std::string prefix = "stage|" + std::string(kStageNames[i]) + "|";
      for (size_t b = 0; b < stages_[i].buckets.size(); ++b)
        if (stages_[i].buckets[b] > 0) all.emplace_back(prefix + std::to_string(b), stages_[i].buckets[b]);
      if (stages_[i].sum_us > 0) all.emplace_back(prefix + "sum", stages_[i].sum_us);
      stages_[i] = {};
    }
    return all;
  }

 private:
  struct Histogram {
    std::array<uint64_t, kBucketsUs.size() + 1> buckets{};
    uint64_t sum_us = 0;
  };
  std::unordered_map<std::string, uint64_t> counters_;
  std::array<Histogram, kStageNames.size()> stages_{};
};

}  // namespace warden::pipeline
