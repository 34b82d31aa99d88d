// SPDX-License-Identifier: Apache-2.0
// Http2Stream: one stream of HTTP/2, which carries one exchange. It gathers the request as the client leg hands it over, and runs
// once that is whole or known to be refused; then it stands between a stream of each leg and passes the answer on as it comes.
#pragma once

#include <memory>
#include <optional>

#include "agent/pipeline/carrier.h"
#include "agent/pipeline/signal.h"
#include "tlsproxy/http/http2_session.h"

namespace warden::pipeline {

class Http2;

class Http2Stream final : public Carrier, public std::enable_shared_from_this<Http2Stream> {
 public:
  Http2Stream(Http2& joint, int32_t id, http::Fields fields, std::optional<http::Http2Weight> weight);

  [[nodiscard]] int32_t id() const { return id_; }
  [[nodiscard]] int32_t provider_id() const { return provider_id_; }
  uint32_t credit = 0;  // of its window, not yet passed on

  // From the client leg.
  void open();
  void take_body(std::string_view bytes);
  void take_end();
  void malformed();
  void closed(uint32_t code, size_t lost_bytes);

  // From the provider leg.
  void answer_head(http::Http2Head kind, const http::Fields& fields, bool end);
  void answer_body(std::string_view bytes);
  void answer_end();
  void answer_malformed();
  void answer_closed(uint32_t code);
  void request_sent();
  void provider_lost(std::string_view why);

  // Carrier.
  boost::asio::awaitable<ReadResult> read() override { co_return result_; }
  [[nodiscard]] Request& request() override { return request_; }
  boost::asio::awaitable<bool> refuse(const provider::Refusal& refusal, bool usable) override;
  tls::Async<void> reach(std::string_view credential_fingerprint) override;
  boost::asio::awaitable<Answer> relay(Sendable& sendable, const provider::Dialect* dialect) override;

 private:
  void finish(ReadResult result);
  void finish_answer(AnswerEnd end, std::string error = {});
  void cut(uint32_t code);

  Http2& joint_;
  int32_t id_;
  int32_t provider_id_ = -1;
  http::Fields fields_;
  std::optional<http::Http2Weight> weight_;
  http::Head head_;
  Request request_;
  ReadResult result_;
  bool reading_ = true;      // the request
  bool ended_ = false;       // our side towards the application: answered or cut
  bool gone_ = false;        // the application's stream, before that
  bool own_answer_ = false;
  bool turned_away_ = false;  // the provider leg takes no more: nothing was sent, and another connection may

  // While it is relayed.
  Sendable* sendable_ = nullptr;
  const provider::Dialect* dialect_ = nullptr;
  Answer answer_;
  Tap tap_;
  bool answered_ = false;  // there is no more to come
  int64_t sent_us_ = 0;
  uint32_t abort_code_ = 0;
  Signal changed_;
};

}  // namespace warden::pipeline
