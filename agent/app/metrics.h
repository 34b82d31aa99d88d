// SPDX-License-Identifier: Apache-2.0
// Metrics: the Prometheus registry of the agent and its HTTP listener. Workers report deltas by name; everything else sets or
// adds directly. Control thread only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace warden::app {

enum class MetricsError { bad_address, cannot_listen };

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Deltas of a worker (pipeline::Tally::take). Names we do not know are counted, not believed.
  void add(const std::vector<std::pair<std::string, uint64_t>>& counters);
  void count(std::string_view name, uint64_t n = 1);     // "metric|label value|..."
  void set(std::string_view name, double value);         // gauges
  void observe_commit_seconds(double seconds);
  [[nodiscard]] std::string text() const;                // the exposition format

  // Serves GET /metrics on "address:port". `refresh` runs before each scrape.
  Result<void, MetricsError> listen(boost::asio::io_context& io, const std::string& address, std::function<void()> refresh);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warden::app
