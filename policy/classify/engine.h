// SPDX-License-Identifier: Apache-2.0
// The classification engine: Pack (detectors, compiled once, immutable, shared between threads) and Scanner (one per
// thread: Hyperscan scratch and reusable buffers). Same bytes, same pack, same findings: on any thread, chunking or CPU.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "agent/base/bytes.h"
#include "agent/base/result.h"
#include "policy/classify/finding.h"
#include "policy/classify/segment.h"

namespace warden::classify {

enum class PackError { unreadable, invalid, engine };

class Pack {
 public:
  // The detectors built into the product; `folder` (may be empty) adds the pack files found there.
  static Result<std::shared_ptr<const Pack>, PackError> load(const std::string& folder = {});
  virtual ~Pack() = default;
  [[nodiscard]] virtual const Digest& digest() const = 0;  // of every pattern, table and lexicon: `cls.ruleset` of records
  [[nodiscard]] virtual bool knows_detector(std::string_view id) const = 0;
  [[nodiscard]] virtual bool knows_class(std::string_view name) const = 0;
};

// Scan cost is bounded: work units are candidate verifications plus bytes; running out gives ScanStatus::partial. So does a
// finding too many: each costs a few hundred bytes until the request is judged and edited.
struct Budget {
  uint64_t bytes_max = 64ull << 20;
  uint64_t candidates_max = 2'000'000;
  size_t findings_max = size_t{1} << 16;
};

class Scanner {
 public:
  explicit Scanner(std::shared_ptr<const Pack> pack);
  ~Scanner();
  Scanner(const Scanner&) = delete;
  Scanner& operator=(const Scanner&) = delete;
  // The report is valid until the next scan; its string_views belong to the pack.
  const Report& scan(std::span<const Segment> segments, const Budget& budget = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warden::classify
