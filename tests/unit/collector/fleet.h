// SPDX-License-Identifier: Apache-2.0
// A small fleet on loopback for tests: certificates as operators make them, a real log and its writer, a real
// collector.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "agent/base/digest.h"
#include "agent/base/uuid.h"
#include "audit/collector/collector.h"
#include "audit/record/schema.h"
#include "audit/ship/shipper.h"
#include "audit/store/reader.h"
#include "audit/store/writer.h"

namespace warden::audit {

inline bool eventually(const std::function<bool()>& true_at_last, int seconds = 20) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < until) {
    if (true_at_last()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true_at_last();
}

class Fleet : public testing::Test {
 protected:
  // Certificates are made once for the whole program.
  static const std::string& keys() {
    static const struct Keys {
      std::string folder;
      Keys() {
        char pattern[] = "/tmp/warden-fleet-XXXXXX";
        folder = ::mkdtemp(pattern);
        const std::string make = std::string(WARDEN_SOURCE_DIR) + "/packaging/make-fleet-certificates ";
        if (std::system((make + folder + "/one && " + make + folder + "/other").c_str()) != 0) std::abort();
      }
      ~Keys() { std::filesystem::remove_all(folder); }
    } kKeys;
    return kKeys.folder;
  }

  void SetUp() override {
    char pattern[] = "/tmp/warden-collector-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    log_config_.state_dir = folder_ + "/audit";
    log_config_.log_domain = "log.example";
    log_config_.tenant = "t1";
    log_config_.host_id = "h1";
    log_config_.reserve_bytes = 1 << 20;
  }
  void TearDown() override {
    shipper_.reset();
    writer_.reset();
    collector_.reset();
    std::filesystem::remove_all(folder_);
  }

  // On the port of the first start, as a restarted service is.
  void start_collector() {
    CollectorSettings settings;
    settings.listen = *Endpoint::parse("127.0.0.1", port_);
    settings.state_dir = folder_ + "/collector";
    settings.cert = keys() + "/one/collector.pem";
    settings.key = keys() + "/one/collector.key";
    settings.client_ca = keys() + "/one/ca.pem";
    settings.name = "collector.example";
    auto collector = Collector::start(settings);
    ASSERT_TRUE(collector) << collector.error().detail;
    collector_ = std::move(*collector);
    port_ = collector_->port();
  }
  void open_writer() {
    auto writer = Writer::open(log_config_, [](const std::vector<Committed>&) {});
    ASSERT_TRUE(writer) << writer.error().detail;
    writer_ = std::move(*writer);
  }
  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] ShipConfig ship_config() const {
    ShipConfig config;
    config.url = url();
    config.cert = keys() + "/one/agent.pem";
    config.key = keys() + "/one/agent.key";
    config.ca = keys() + "/one/ca.pem";
    config.state_dir = log_config_.state_dir;
    config.interval = std::chrono::milliseconds(100);
    config.confirm_within = std::chrono::milliseconds(400);
    config.retry_min = std::chrono::milliseconds(20);
    config.retry_max = std::chrono::milliseconds(200);
    return config;
  }
  void start_shipper() { start_shipper(ship_config()); }
  void start_shipper(const ShipConfig& config) {
    auto shipper = Shipper::start(config, *writer_);
    ASSERT_TRUE(shipper) << shipper.error().detail;
    shipper_ = std::move(*shipper);
  }
  // A client with one of the certificates of the fleet ("agent", "reader").
  [[nodiscard]] std::unique_ptr<HttpsClient> client(const std::string& who,
                                                    const std::string& fleet = "one") const {
    const std::string folder = keys() + '/' + fleet + '/';
    auto made = HttpsClient::make({url(), folder + who + ".pem", folder + who + ".key",
                                   keys() + "/one/ca.pem", std::chrono::seconds(5)});
    EXPECT_TRUE(made);
    return std::move(*made);
  }

  static Draft decision(int number, const std::string& req = uuid7()) {
    Draft draft(Kind::decision);
    draft.set(Field::req, req);
    draft.set(Field::proc_comm, std::string(number % 3 == 0 ? "curl" : "node"));
    draft.set(Field::proc_exe, std::string("/usr/bin/curl"));
    draft.set(Field::user_uid, int64_t{1000 + number % 2});
    draft.set(Field::user_name, std::string(number % 2 == 0 ? "alice" : "bob"));
    draft.set(Field::llm_provider, std::string("openai"));
    draft.set(Field::llm_model, std::string("gpt-5"));
    draft.set(Field::dec_verdict, std::string(number % 5 == 0 ? "block" : "allow"));
    draft.set(Field::pol_rules, std::vector<std::string>{number % 5 == 0 ? "no-keys" : "default"});
    return draft;
  }
  void record(int count, int from = 0) {
    const uint64_t before = writer_->status().size;
    for (int i = from; i < from + count; ++i) ASSERT_TRUE(writer_->submit(1, decision(i)));
    ASSERT_TRUE(eventually([&] { return writer_->status().size >= before + static_cast<uint64_t>(count); }));
  }
  [[nodiscard]] bool all_cosigned() const {
    const LogStatus status = writer_->status();
    return status.cosigned == status.size;
  }

  std::string folder_;
  LogConfig log_config_;
  uint16_t port_ = 0;
  std::unique_ptr<Collector> collector_;
  std::unique_ptr<Writer> writer_;
  std::unique_ptr<Shipper> shipper_;
};

}  // namespace warden::audit
