// SPDX-License-Identifier: Apache-2.0
#include "agent/app/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>
#include <map>

#include "agent/pipeline/tally.h"

namespace warden::app {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

struct Shape {
  std::string_view name;
  std::string_view help;
  std::array<std::string_view, 3> labels;
  bool workers = false;  // a worker may count it
};

// Every counter that a worker or the control thread may name, with its labels in the order of the name's parts.
constexpr std::array kCounters = {
    Shape{"decisions_total", "Exchanges decided", {"verdict", "action", "provider"}, true},
    Shape{"connections_total", "Redirected connections by what became of them", {"capture"}, true},
    Shape{"not_evaluated_total", "Requests that could not be evaluated", {"reason"}, true},
    Shape{"unresolved_identity_total", "Decisions with an unresolved identity fact", {}, true},
    Shape{"kernel_events_dropped_total", "Kernel events lost", {}},
    Shape{"kernel_connects_total", "LLM-bound connects seen by the kernel half", {"outcome"}},
    Shape{"audit_records_total", "Records made durable", {"kind"}},
    Shape{"audit_failures_total", "Records that could not be made durable", {"fault"}},
    Shape{"tls_handshakes_total", "TLS handshakes", {"leg", "result"}, true},
    Shape{"http2_refused_total", "HTTP/2 connections ended for the application's fault (RFC 9113 section 7)", {"code"}, true},
    Shape{"untrusting_clients_total", "Clients that refused the host's authority", {}, true},
    Shape{"policy_loads_total", "Policy bundles loaded or refused", {"result"}},
    Shape{"worker_restarts_total", "Workers that ended and were started again", {}},
    Shape{"flow_records_suppressed_total", "Flow records over a user's or the host's rate", {}},
    Shape{"strict_passed_total", "Connections to unknown addresses that strict mode passed on, by what they began with", {"opening"}, true},
    Shape{"strict_unserved_total", "Connections that strict mode could not look at, their network namespace not being served yet", {}},
    Shape{"strict_suspensions_total", "Times that strict mode had no room for new connections, which then went their own way", {}},
    Shape{"tampering_total", "Acts of root against the guard: pins removed, programs detached, processes taken out of the guarded tree", {"what"}},
    Shape{"connections_forged_total", "Connections to the workers' port from where another process had been redirected", {}},
    Shape{"namespaces_refused_total", "Network namespaces that could not be served; the kernel refuses their LLM connections", {"reason"}},
    Shape{"stats_unknown_total", "Counters of workers with a name nobody knows", {}},
};

// Series that stand at zero rather than being absent, so that a dashboard can tell "none" from "not there".
constexpr std::array<std::string_view, 21> kFromTheStart = {
    "connections_total|proxied",       "connections_total|spliced",         "connections_total|refused",
    "not_evaluated_total|unreadable:body_budget", "not_evaluated_total|unreadable:body_spool",
    "not_evaluated_total|request_incomplete", "unresolved_identity_total",  "kernel_events_dropped_total",
    "audit_records_total|decision",    "audit_records_total|outcome",       "audit_records_total|flow",
    "tls_handshakes_total|client|ok",  "tls_handshakes_total|client|failed", "tls_handshakes_total|client|untrusted",
    "tls_handshakes_total|provider|ok", "tls_handshakes_total|provider|failed", "untrusting_clients_total",
    "worker_restarts_total",           "flow_records_suppressed_total",     "stats_unknown_total",
    "policy_loads_total|refused"};

constexpr size_t kSeriesMax = 10'000;  // a worker that invents labels cannot fill our memory
constexpr size_t kLabelBytesMax = 64;
constexpr size_t kScrapesMax = 8;
constexpr auto kScrapeTimeout = std::chrono::seconds(5);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // out of descriptors or memory

bool is_printable(std::string_view label) {
  return label.size() <= kLabelBytesMax && std::ranges::all_of(label, [](char c) { return c >= ' ' && c < '\x7f'; });
}

const Shape* shape_of(std::string_view name) {
  const auto found = std::ranges::find(kCounters, name, &Shape::name);
  return found == kCounters.end() ? nullptr : &*found;
}

std::vector<std::string_view> split(std::string_view name) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t bar = name.find('|');
    parts.push_back(name.substr(0, bar));
    if (bar == std::string_view::npos) return parts;
    name.remove_prefix(bar + 1);
  }
}

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;
  std::map<std::string, prometheus::Family<prometheus::Counter>*, std::less<>> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*, std::less<>> gauges;
  prometheus::Family<prometheus::Histogram>* latency = nullptr;
  std::map<std::string, prometheus::Histogram*, std::less<>> stages;
  prometheus::Histogram* commit = nullptr;
  size_t series = 0;
  std::map<std::string, uint64_t, std::less<>> totals;                              // count_up_to
  std::map<std::string, std::pair<std::string, prometheus::Gauge*>, std::less<>> only;  // set_only
  std::shared_ptr<size_t> scrapes = std::make_shared<size_t>(0);  // one may outlive us by a turn
  std::unique_ptr<asio::steady_timer> pause;
  std::unique_ptr<tcp::acceptor> acceptor;
  std::function<void()> refresh;

  void add_stage(const std::vector<std::string_view>& parts, uint64_t n);
  void accept(const Metrics& metrics);
};

Metrics::Metrics() : state_(std::make_unique<State>()) {
  for (const Shape& shape : kCounters)
    state_->counters[std::string(shape.name)] = &prometheus::BuildCounter()
                                                     .Name("egresswarden_" + std::string(shape.name))
                                                     .Help(std::string(shape.help))
                                                     .Register(state_->registry);
  std::vector<double> bounds;
  for (const int64_t us : pipeline::kBucketsUs) bounds.push_back(static_cast<double>(us) / 1e6);
  state_->latency = &prometheus::BuildHistogram()
                         .Name("egresswarden_added_latency_seconds")
                         .Help("Time the agent adds to an exchange, by stage")
                         .Register(state_->registry);
  for (const std::string_view stage : pipeline::kStageNames)
    state_->stages[std::string(stage)] = &state_->latency->Add({{"stage", std::string(stage)}}, bounds);
  state_->commit = &prometheus::BuildHistogram()
                        .Name("egresswarden_audit_commit_seconds")
                        .Help("Duration of group commits")
                        .Register(state_->registry)
                        .Add({}, bounds);
  for (const std::string_view name : kFromTheStart) count(name, 0);
}

Metrics::~Metrics() = default;

void Metrics::State::add_stage(const std::vector<std::string_view>& parts, uint64_t n) {
  const auto stage = parts.size() == 3 ? stages.find(parts[1]) : stages.end();
  if (stage == stages.end() || parts[2] == "sum") return;
  size_t bucket = 0;
  std::from_chars(parts[2].data(), parts[2].data() + parts[2].size(), bucket);
  // The sum is told from the buckets' upper bounds' side by prometheus-cpp's own increments.
  std::vector<double> increments(pipeline::kBucketsUs.size() + 1);
  if (bucket >= increments.size()) return;
  increments[bucket] = static_cast<double>(n);
  stage->second->ObserveMultiple(increments, 0);
}

void Metrics::add(const std::vector<std::pair<std::string, uint64_t>>& counters) {
  for (const auto& [name, n] : counters) {
    if (!name.starts_with("stage|")) {
      const Shape* const shape = shape_of(std::string_view(name).substr(0, name.find('|')));
      count(shape != nullptr && shape->workers ? std::string_view(name) : "stats_unknown_total", n);
      continue;
    }
    const std::vector<std::string_view> parts = split(name);
    if (parts.size() == 3 && parts[2] == "sum") {
      if (const auto stage = state_->stages.find(parts[1]); stage != state_->stages.end())
        stage->second->ObserveMultiple(std::vector<double>(pipeline::kBucketsUs.size() + 1), static_cast<double>(n) / 1e6);
    } else {
      state_->add_stage(parts, n);
    }
  }
}

void Metrics::count(std::string_view name, uint64_t n) {
  const std::vector<std::string_view> parts = split(name);
  const Shape* const shape = shape_of(parts[0]);
  const size_t labels = shape == nullptr
                            ? 0
                            : static_cast<size_t>(std::ranges::count_if(shape->labels, [](auto l) { return !l.empty(); }));
  const bool printable = std::all_of(parts.begin(), parts.end(), is_printable);
  if (shape == nullptr || !printable || parts.size() != labels + 1 || state_->series > kSeriesMax) {
    state_->counters.find("stats_unknown_total")->second->Add({}).Increment();
    return;
  }
  prometheus::Labels set;
  for (size_t i = 0; i < labels; ++i) set.emplace(std::string(shape->labels[i]), std::string(parts[i + 1]));
  auto* family = state_->counters.find(parts[0])->second;
  if (!family->Has(set)) ++state_->series;
  family->Add(set).Increment(static_cast<double>(n));
}

prometheus::Gauge& Metrics::set(std::string_view name, double value) {
  const std::vector<std::string_view> parts = split(name);
  auto& family = state_->gauges[std::string(parts[0])];
  if (family == nullptr)
    family = &prometheus::BuildGauge().Name("egresswarden_" + std::string(parts[0])).Register(state_->registry);
  prometheus::Labels labels;
  for (size_t i = 1; i < parts.size(); ++i)
    if (const size_t equals = parts[i].find('='); equals != std::string_view::npos)
      labels.emplace(std::string(parts[i].substr(0, equals)), std::string(parts[i].substr(equals + 1)));
  prometheus::Gauge& gauge = family->Add(labels);
  gauge.Set(value);
  return gauge;
}

void Metrics::count_up_to(std::string_view name, uint64_t total) {
  auto& known = state_->totals[std::string(name)];
  if (total > known) count(name, total - known);
  known = std::max(known, total);
}

void Metrics::set_only(std::string_view name, double value) {
  const std::string metric(name.substr(0, name.find('|')));
  auto& last = state_->only[metric];
  if (last.first == name) return last.second->Set(value);
  if (last.second != nullptr) state_->gauges[metric]->Remove(last.second);
  last = {std::string(name), &set(name, value)};
}

void Metrics::observe_commit_seconds(double seconds) { state_->commit->Observe(seconds); }

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(state_->registry.Collect()); }

namespace {

// One scrape: request in, text out, connection closed. Holds itself alive by its handlers.
class Scrape : public std::enable_shared_from_this<Scrape> {
 public:
  Scrape(tcp::socket socket, std::shared_ptr<size_t> running, std::function<std::string()> text)
      : socket_(std::move(socket)), running_(std::move(running)), text_(std::move(text)), deadline_(socket_.get_executor()) {
    ++*running_;
  }
  ~Scrape() { --*running_; }
  Scrape(const Scrape&) = delete;
  Scrape& operator=(const Scrape&) = delete;

  void run() {
    deadline_.expires_after(kScrapeTimeout);
    deadline_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      boost::system::error_code ignored;
      if (const auto self = weak.lock(); self && !error) self->socket_.close(ignored);
    });
    parser_.body_limit(0);
    parser_.header_limit(8192);
    http::async_read(socket_, buffer_, parser_, [self = shared_from_this()](boost::system::error_code error, size_t) {
      if (!error) self->answer();
    });
  }

 private:
  void answer() {
    const bool known = parser_.get().target() == "/metrics" && parser_.get().method() == http::verb::get;
    response_.result(known ? http::status::ok : http::status::not_found);
    response_.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    response_.body() = known ? text_() : "metrics are at /metrics\n";
    response_.keep_alive(false);
    response_.prepare_payload();
    http::async_write(socket_, response_, [self = shared_from_this()](boost::system::error_code, size_t) {
      boost::system::error_code ignored;
      self->socket_.shutdown(tcp::socket::shutdown_send, ignored);
    });
  }
  tcp::socket socket_;
  std::shared_ptr<size_t> running_;
  std::function<std::string()> text_;
  asio::steady_timer deadline_;
  boost::beast::flat_buffer buffer_{16384};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

void Metrics::State::accept(const Metrics& metrics) {
  acceptor->async_accept([this, &metrics](boost::system::error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error && *scrapes < kScrapesMax)
      std::make_shared<Scrape>(std::move(socket), scrapes, [this, &metrics] {
        refresh();
        return metrics.text();
      })->run();
    if (!error) return accept(metrics);
    pause->expires_after(kAcceptPause);
    pause->async_wait([this, &metrics](boost::system::error_code stopped) {
      if (!stopped) accept(metrics);
    });
  });
}

Result<void, MetricsError> Metrics::listen(asio::io_context& io, const std::string& address, std::function<void()> refresh) {
  const size_t colon = address.rfind(':');
  boost::system::error_code error;
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto ip = asio::ip::make_address(host, error);
  unsigned port = 0;
  const std::string_view digits = std::string_view(address).substr(colon + 1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error || colon == std::string::npos || parsed.ec != std::errc() || port > 65535)
    return fail(MetricsError::bad_address, "metrics.listen: '" + address + "' is not ADDRESS:PORT");
  state_->refresh = std::move(refresh);
  state_->acceptor = std::make_unique<tcp::acceptor>(io);
  state_->pause = std::make_unique<asio::steady_timer>(io);
  const tcp::endpoint endpoint(ip, static_cast<uint16_t>(port));
  auto& acceptor = *state_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail(MetricsError::cannot_listen, "metrics.listen " + address + ": " + error.message());
  state_->accept(*this);
  return {};
}

}  // namespace warden::app
