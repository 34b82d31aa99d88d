// SPDX-License-Identifier: Apache-2.0
// Http2: a connection of many exchanges at once (HTTP/2, in TLS or by prior knowledge), and where its two legs are joined. Flow
// control goes from leg to leg: what the client grants is what the provider is granted, so nothing gathers here but what the
// client's socket does not take, and of that only so much before the provider's is no longer read.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "agent/pipeline/connection.h"
#include "agent/pipeline/http2_leg.h"
#include "agent/pipeline/http2_provider.h"
#include "agent/pipeline/http2_stream.h"

namespace warden::pipeline {

class Http2 final : public http::Http2Events {
 public:
  explicit Http2(Connection& connection);
  // To the end of the connection.
  boost::asio::awaitable<void> serve();

  Connection& connection;
  Http2Leg client;
  Http2Provider provider;

  // For the streams and the provider leg.
  void start(const std::shared_ptr<Http2Stream>& stream);  // its request is read; the exchange runs soon
  void spawn(boost::asio::awaitable<void> work);           // the connection does not end before it
  void end_soon();                                         // what runs may end; nothing new comes
  void limit_streams(std::span<const http::Http2Setting> provider);
  void own_bytes(size_t bytes) { own_bytes_ += bytes; }
  void undelivered(size_t bytes, bool own);

  void on_head(int32_t stream, http::Http2Head kind, http::Fields fields, std::optional<http::Http2Weight> weight, bool end) override;
  void on_body(int32_t stream, std::string_view bytes) override;
  void on_end(int32_t stream) override;
  void on_malformed(int32_t stream) override;
  void on_sent(int32_t) override {}
  void on_closed(int32_t stream, uint32_t code, size_t lost_bytes) override;
  void on_window(int32_t stream, uint32_t bytes) override;
  void on_settings(std::span<const http::Http2Setting> settings) override { provider.settings(settings); }
  void on_goaway(uint32_t) override {}

 private:
  boost::asio::awaitable<void> run(std::shared_ptr<Http2Stream> stream);
  void run_started();
  void note_idle();
  void abandon_streams();
  [[nodiscard]] std::shared_ptr<Http2Stream> find(int32_t id) const;

  std::unordered_map<int32_t, std::shared_ptr<Http2Stream>> streams_;  // open on the client leg
  std::vector<std::shared_ptr<Http2Stream>> started_;
  size_t exchanges_ = 0;
  size_t running_ = 0;
  uint64_t own_bytes_ = 0;  // of our own answers: what the client grants for them is not the provider's
  bool ending_ = false;
  Signal over_;
};

boost::asio::awaitable<void> serve_http2(Connection& connection);

}  // namespace warden::pipeline
