// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/relay.h"

#include <array>
#include <memory>

#include "agent/base/clock.h"
#include "agent/pipeline/hangup_watch.h"
#include "agent/pipeline/joints.h"

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

constexpr size_t kHeadHeldMax = 64 * 1024;
constexpr uint64_t kUsageBytesMax = 64ull << 20;  // decoded answer bytes looked at for usage

// The reader's copy of the answer: undoes the content coding, feeds the dialect. A fault here costs the usage, nothing else.
class Tap {
 public:
  void open(const provider::Dialect* dialect, const Request& request, const http::Head& head) {
    if (dialect == nullptr) return;
    const std::string type = content_type(head);
    const std::string request_type = content_type(request.head());
    reader_ = dialect->answer({request.head().method, request.path(), request.query(), request_type}, head.status, type);
    const std::string_view coding = head.header("content-encoding");
    const auto known = http::coding_of(coding.empty() ? "identity" : coding);
    if (!known) return reader_.reset();
    if (*known != http::Coding::identity) decoder_ = http::Decoder::make(*known, kUsageBytesMax);
  }
  void body(std::string_view bytes) {
    if (!reader_) return;
    if (!decoder_) return reader_->body(bytes);
    decoded_.clear();
    if (!decoder_->decode(bytes, decoded_)) return reader_.reset();
    reader_->body(decoded_);
  }
  provider::Usage finish() { return reader_ ? reader_->finish() : provider::Usage{}; }

 private:
  std::unique_ptr<provider::AnswerReader> reader_;
  std::unique_ptr<http::Decoder> decoder_;
  std::string decoded_;
};

std::string_view in_words(tls::StreamError error) {
  switch (error) {
    case tls::StreamError::closed: return "the provider closed the connection";
    case tls::StreamError::timeout: return "the provider did not answer in time";
    default: return "the provider's connection failed";
  }
}

}  // namespace

std::string_view name(AnswerEnd end) {
  switch (end) {
    case AnswerEnd::complete: return "complete";
    case AnswerEnd::client_abort: return "client_abort";
    case AnswerEnd::provider_error: return "provider_error";
    case AnswerEnd::cut: return "cut";
  }
  return "cut";
}

Sendable::Sendable(Request& request, std::optional<BodyBuffer>& edited_body) : request_(request), edited_(edited_body) {
  if (edited_) head_ = edited_head(request.head(), edited_->size());
}

void Sendable::sent() {
  request_.drop_body();
  if (edited_) edited_->release();
}

asio::awaitable<Answer> relay(tls::Stream& client, tls::Stream& provider, Sendable& sendable,
                              const provider::Dialect* dialect) {
  Answer answer;
  const Request& request = sendable.request();
  const int64_t begun_us = monotonic_ns() / 1000;
  bool client_gone = false;
  const HangupWatch watch(client.socket(), [&] {
    client_gone = true;
    provider.close();
  });

  const auto sent = co_await provider.write(sendable.first(), sendable.second());
  const int64_t sent_us = monotonic_ns() / 1000;
  if (!sent) {
    answer.end = client_gone ? AnswerEnd::client_abort : AnswerEnd::provider_error;
    answer.error = in_words(sent.error().code);
    co_return answer;
  }
  answer.sent_bytes = sendable.first().size() + sendable.second().size();
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
        co_return answer;
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
    if (!pass.empty()) {
      const auto passed = co_await client.write(pass);
      if (!passed) {
        answer.end = AnswerEnd::client_abort;
        answer.usage = tap.finish();
        answer.duration_us = monotonic_ns() / 1000 - begun_us;
        co_return answer;
      }
    }
    if (parser.complete()) {
      answer.end = AnswerEnd::complete;
      answer.provider_reusable = parser.head().keep_alive && !surplus;
      answer.client_reusable = parser.head().keep_alive && request.head().keep_alive;
    }
  }
  answer.usage = tap.finish();
  answer.duration_us = monotonic_ns() / 1000 - begun_us;
  co_return answer;
}

}  // namespace warden::pipeline
