// SPDX-License-Identifier: Apache-2.0
// Relay: sends a decided request to the provider and carries the answer back, byte for byte and as it arrives, while a copy is
// read for status, usage and the end of the message.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/pipeline/request.h"
#include "tlsproxy/provider/dialect.h"
#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

enum class AnswerEnd : uint8_t { complete, client_abort, provider_error, cut };
std::string_view name(AnswerEnd end);

struct Answer {
  int status = 0;              // 0: none came
  AnswerEnd end = AnswerEnd::provider_error;
  std::string error;           // operator's words, never content
  uint64_t sent_bytes = 0;     // to the provider
  uint64_t received_bytes = 0;
  int64_t first_byte_us = 0;   // from the last request byte to the first answer byte
  int64_t duration_us = 0;
  provider::Usage usage;
  bool provider_reusable = false;
  bool client_reusable = false;
};

// What is to be sent: the application's own bytes, or the edited body under a head of its length. It holds the body only until
// it is sent: an answer may stream for many minutes.
class Sendable {
 public:
  Sendable(Request& request, std::optional<BodyBuffer>& edited_body);
  Sendable(const Sendable&) = delete;
  Sendable& operator=(const Sendable&) = delete;

  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] std::string_view first() const { return edited_ ? std::string_view(head_) : request_.raw.view(); }
  [[nodiscard]] std::string_view second() const { return edited_ ? edited_->view() : std::string_view(); }
  void sent();

 private:
  Request& request_;
  std::optional<BodyBuffer>& edited_;
  std::string head_;
};

boost::asio::awaitable<Answer> relay(tls::Stream& client, tls::Stream& provider, Sendable& sendable,
                                     const provider::Dialect* dialect);

}  // namespace warden::pipeline
