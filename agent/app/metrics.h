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

namespace prometheus {
class Gauge;
}

namespace warden::app {

enum class MetricsError { bad_address, cannot_listen };

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Deltas of a worker (pipeline::Tally::take). Names that are not a worker's, and labels that are no words, are counted as
  // unknown, not believed.
  void add(const std::vector<std::pair<std::string, uint64_t>>& counters);
  void count(std::string_view name, uint64_t n = 1);     // "metric|label value|..."
  // A counter that somebody else keeps: counts what it grew by since the last call.
  void count_up_to(std::string_view name, uint64_t total);
  prometheus::Gauge& set(std::string_view name, double value);  // "metric|label=value|..."
  void set_only(std::string_view name, double value);    // and removes the gauge's series with other labels
  void observe_commit_seconds(double seconds);
  [[nodiscard]] std::string text() const;                // the exposition format

  // Serves GET /metrics on "address:port". `refresh` runs before each scrape.
  Result<void, MetricsError> listen(boost::asio::io_context& io, const std::string& address, std::function<void()> refresh);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warden::app
