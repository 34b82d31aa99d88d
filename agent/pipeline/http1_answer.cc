// SPDX-License-Identifier: Apache-2.0
// The answer's half of Http1: byte for byte and as it arrives, while a copy is read for status, usage and the end of the message.
#include <array>

#include "agent/base/clock.h"
#include "agent/pipeline/hangup_watch.h"
#include "agent/pipeline/http1.h"
#include "agent/pipeline/joints.h"
#include "agent/pipeline/provider_leg.h"

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

constexpr size_t kHeadHeldMax = 64 * 1024;

std::string_view in_words(tls::StreamError error) {
  switch (error) {
    case tls::StreamError::closed: return "the provider closed the connection";
    case tls::StreamError::timeout: return "the provider did not answer in time";
    default: return "the provider's connection failed";
  }
}

struct Relayed {
  Answer answer;
  bool provider_reusable = false;
};

asio::awaitable<Relayed> carry(tls::Stream& client, tls::Stream& provider, Sendable& sendable, const provider::Dialect* dialect) {
  Relayed relayed;
  Answer& answer = relayed.answer;
  const Request& request = sendable.request();
  const int64_t begun_us = monotonic_ns() / 1000;
  bool client_gone = false;
  const HangupWatch watch(client.socket(), [&] {
    client_gone = true;
    provider.close();
  });

  const std::string edited = sendable.edited() ? edited_head(request.head(), sendable.bytes().size()) : std::string();
  const auto sent = co_await provider.write(edited, sendable.bytes());
  const int64_t sent_us = monotonic_ns() / 1000;
  if (!sent) {
    answer.end = client_gone ? AnswerEnd::client_abort : AnswerEnd::provider_error;
    answer.error = in_words(sent.error().code);
    co_return relayed;
  }
  answer.sent_bytes = edited.size() + sendable.bytes().size();
  sendable.sent();

  http::Parser parser(http::Side::response);
  if (request.head().method == "HEAD") parser.expect_no_body();
  Tap tap;
  bool tapped = false;
  const auto on_body = [&](std::string_view span) { tap.body(span); };
  std::array<char, 16 * 1024> block;
  std::string held, released;
  while (!parser.complete()) {
    const auto size = co_await provider.read_some(block);
    if (!size || *size == 0) {
      // An answer without length ends with the connection; anything else that ends here was cut, and must look cut.
      const bool proper = size && parser.finish();
      answer.end = proper ? AnswerEnd::complete : client_gone ? AnswerEnd::client_abort : AnswerEnd::provider_error;
      if (!proper) answer.error = size ? "the provider ended in the middle" : in_words(size.error().code);
      break;
    }
    if (answer.received_bytes == 0) answer.first_byte_us = monotonic_ns() / 1000 - sent_us;
    std::string_view bytes(block.data(), *size);
    std::string_view pass = bytes;  // what goes on to the application
    if (!held.empty() || (request.head().expects_continue && !tapped && !parser.head_complete())) {
      // The 100 that our own Expect caused must not reach the application a second time, so until a head is whole it waits.
      held += bytes;
      if (held.find("\r\n\r\n") == std::string::npos && held.size() < kHeadHeldMax) continue;
      released.swap(held);
      held.clear();
      bytes = pass = released;
    }
    bool surplus = false;
    while (!bytes.empty()) {
      const auto taken = parser.feed(bytes, on_body);
      if (!taken) {
        answer.error = "the provider's answer is not sound HTTP";
        answer.end = AnswerEnd::cut;
        co_return relayed;
      }
      bytes.remove_prefix(*taken);
      if (parser.head_complete() && parser.head().status >= 100 && parser.head().status < 200) {
        // The 100 that our own Expect caused was already given to the application.
        if (parser.head().status == 100 && request.head().expects_continue) pass = bytes;
        parser.reset();
        if (request.head().method == "HEAD") parser.expect_no_body();
        continue;
      }
      if (parser.head_complete() && !tapped) {
        tapped = true;
        answer.status = parser.head().status;
        tap.open(dialect, request, parser.head());
      }
      if (parser.complete()) {
        surplus = !bytes.empty();
        pass.remove_suffix(bytes.size());
        break;
      }
      if (*taken == 0) break;
    }
    answer.received_bytes += pass.size();
    answer.told = answer.received_bytes > 0;
    if (!pass.empty()) {
      const auto passed = co_await client.write(pass);
      if (!passed) {
        answer.end = AnswerEnd::client_abort;
        answer.usage = tap.finish();
        answer.duration_us = monotonic_ns() / 1000 - begun_us;
        co_return relayed;
      }
    }
    if (parser.complete()) {
      answer.end = AnswerEnd::complete;
      relayed.provider_reusable = parser.head().keep_alive && !surplus;
      answer.client_reusable = parser.head().keep_alive && request.head().keep_alive;
    }
  }
  answer.usage = tap.finish();
  answer.duration_us = monotonic_ns() / 1000 - begun_us;
  co_return relayed;
}

}  // namespace

asio::awaitable<Answer> Http1::relay(Sendable& sendable, const provider::Dialect* dialect) {
  Relayed relayed = co_await carry(connection_.client.stream, *connection_.provider, sendable, dialect);
  keep_or_drop_provider(connection_, relayed.provider_reusable);
  co_return std::move(relayed.answer);
}

}  // namespace warden::pipeline
