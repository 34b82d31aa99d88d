// SPDX-License-Identifier: Apache-2.0
// Http2Provider: the provider leg of an HTTP/2 connection. There is one for each client leg and never a second: it opens with the
// client's settings and windows, and when it goes away the client is told so and takes another connection, as it would by itself.
#pragma once

#include <memory>
#include <optional>
#include <unordered_map>

#include "agent/pipeline/http2_leg.h"
#include "agent/pipeline/http2_stream.h"

namespace warden::pipeline {

class Http2Provider final : public http::Http2Events {
 public:
  explicit Http2Provider(Http2& joint) : joint_(joint) {}

  void settings(std::span<const http::Http2Setting> client);  // the first ones open the leg
  void credit(uint32_t bytes);                                // the connection's window
  void flush();
  void close();
  [[nodiscard]] bool usable() const;
  [[nodiscard]] bool going_away() const { return going_away_; }
  [[nodiscard]] Error<tls::StreamError> why_not() const;

  // -1: it takes no more. `body` must live until request_sent() or forget().
  int32_t send(Http2Stream& stream, const http::Fields& fields, std::optional<http::Http2Weight> weight, std::string_view body);
  void forget(int32_t id, uint32_t code);
  [[nodiscard]] size_t sent_body_bytes(int32_t id) const;

  void on_head(int32_t stream, http::Http2Head kind, http::Fields fields, std::optional<http::Http2Weight> weight, bool end) override;
  void on_body(int32_t stream, std::string_view bytes) override;
  void on_end(int32_t stream) override;
  void on_malformed(int32_t stream) override;
  void on_sent(int32_t stream) override;
  void on_closed(int32_t stream, uint32_t code, size_t lost_bytes) override;
  void on_window(int32_t, uint32_t) override {}
  void on_settings(std::span<const http::Http2Setting> settings) override;
  void on_goaway(uint32_t code) override;

 private:
  boost::asio::awaitable<void> run();
  void pass_credit();
  [[nodiscard]] Http2Stream* find(int32_t id) const;

  Http2& joint_;
  std::unique_ptr<Http2Leg> leg_;
  std::unordered_map<int32_t, Http2Stream*> streams_;  // by the number on this leg
  uint64_t credit_ = 0;
  bool going_away_ = false;
  bool lost_ = false;
};

}  // namespace warden::pipeline
