// SPDX-License-Identifier: Apache-2.0
// Relay: sends a decided request to the provider and carries the answer back, byte for byte and as it arrives, while a copy is
// read for status, usage and the end of the message.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
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

struct Outgoing {
  std::string_view head, body;  // exact bytes to send
};

// What is to be sent: the application's own bytes, or the edited body in the same coding under a head of its length.
struct Sendable {
  Sendable(const Request& request, bool edited, const std::string& edited_body);
  Sendable(const Sendable&) = delete;
  Sendable& operator=(const Sendable&) = delete;

  std::string head, body;
  Outgoing outgoing;
};

boost::asio::awaitable<Answer> relay(tls::Stream& client, tls::Stream& provider, const Request& request,
                                     const Outgoing& outgoing, const provider::Dialect* dialect);

}  // namespace warden::pipeline
