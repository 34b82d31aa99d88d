// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/http2_stream.h"

#include <utility>

#include "agent/base/clock.h"
#include "agent/pipeline/http2.h"
#include "agent/pipeline/refusal.h"
#include "tlsproxy/http/http2_head.h"

namespace warden::pipeline {
namespace asio = boost::asio;
using http::Http2Head;

namespace {

const http::Fields kContinue = {{":status", "100"}};

uint64_t bytes_of(const http::Fields& fields) {
  uint64_t total = 0;
  for (const http::Field& field : fields) total += field.name.size() + field.value.size();
  return total;
}

int64_t now_us() { return monotonic_ns() / 1000; }

}  // namespace

Http2Stream::Http2Stream(Http2& joint, int32_t id, http::Fields fields, std::optional<http::Http2Weight> weight)
    : joint_(joint),
      id_(id),
      fields_(std::move(fields)),
      weight_(weight),
      request_(joint.connection.services.bodies),
      changed_(joint.connection.client.stream.socket().get_executor()) {}

void Http2Stream::open() {
  const std::string_view scheme = joint_.connection.service->tls ? "https" : "http";
  if (!http::read_http2_request(fields_, scheme, head_)) return malformed();
  request_.known_head = &head_;
  const uint64_t body_bytes_max = joint_.connection.services.body_bytes_max;
  if (auto refused = refuse_head(request_, body_bytes_max)) return finish(*refused);
  if (head_.expects_continue) joint_.client.session.head(id_, Http2Head::interim, kContinue, false);
  if (head_.content_length) request_.raw.expect(*head_.content_length);
}

void Http2Stream::take_body(std::string_view bytes) {
  if (!reading_) return;
  if (!request_.raw.append(bytes)) return finish(no_room(request_, request_.raw.fault()));
  if (request_.raw.size() > joint_.connection.services.body_bytes_max)
    finish(unreadable(provider::Unreadable::body_too_large, false));
}

void Http2Stream::take_end() {
  if (!reading_) return;
  request_.whole = true;
  finish(decode_body(request_, request_.raw.view(), joint_.connection.services.body_bytes_max));
}

void Http2Stream::malformed() {
  if (!reading_) return;
  request_.known_head = nullptr;
  finish({ReadEnd::malformed, {}, false});
}

void Http2Stream::finish(ReadResult result) {
  reading_ = false;
  result_ = result;
  if (result.end != ReadEnd::complete) request_.drop_body();
  joint_.start(shared_from_this());
}

void Http2Stream::closed(uint32_t code, size_t lost_bytes) {
  joint_.undelivered(lost_bytes, own_answer_);
  if (ended_) return;
  gone_ = true;
  abort_code_ = code == http::no_error ? static_cast<uint32_t>(http::cancel) : code;
  if (reading_) return finish({ReadEnd::broken, {}, false});
  changed_.raise();
}

asio::awaitable<bool> Http2Stream::refuse(const provider::Refusal& refusal, bool) {
  request_.drop_body();
  if (gone_ || ended_) co_return false;
  if (turned_away_) {
    cut(http::refused_stream);
    co_return true;
  }
  const std::string body = error_body(*joint_.connection.service, refusal);
  http::Fields fields = {{":status", std::to_string(refusal.status)},
                         {"content-type", "application/json"},
                         {"content-length", std::to_string(body.size())},
                         {"x-egresswarden-request", std::string(refusal.request_id)}};
  if (refusal.status == 502) fields.push_back({"x-should-retry", "false"});
  const bool bodiless = head_.method == "HEAD";
  ended_ = own_answer_ = true;
  joint_.client.session.head(id_, Http2Head::message, fields, bodiless);
  if (!bodiless) {
    joint_.own_bytes(body.size());
    joint_.client.session.body(id_, body);
    joint_.client.session.end(id_);
  }
  joint_.client.flush();
  co_return true;
}

tls::Async<void> Http2Stream::reach(std::string_view) {
  if (gone_) co_return fail(tls::StreamError::cancelled, "the application left");
  turned_away_ = joint_.provider.going_away();
  if (!joint_.provider.usable()) co_return std::unexpected(joint_.provider.why_not());
  co_return Result<void, tls::StreamError>{};
}

asio::awaitable<Answer> Http2Stream::relay(Sendable& sendable, const provider::Dialect* dialect) {
  const int64_t begun_us = now_us();
  sendable_ = &sendable;
  dialect_ = dialect;
  if (!gone_) {
    provider_id_ = joint_.provider.send(*this, sendable.edited() ? http::with_length(fields_, sendable.bytes().size()) : fields_,
                                        weight_, sendable.bytes());
    if (provider_id_ < 0) finish_answer(AnswerEnd::provider_error, "the provider's connection takes no more requests");
  }
  while (!answered_ && !gone_) co_await changed_.wait();
  if (!answered_) finish_answer(AnswerEnd::client_abort);
  if (answer_.sent_bytes == 0 && provider_id_ > 0) answer_.sent_bytes = joint_.provider.sent_body_bytes(provider_id_);
  joint_.provider.forget(provider_id_, gone_ ? abort_code_ : static_cast<uint32_t>(http::cancel));
  sendable_ = nullptr;
  answer_.usage = tap_.finish();
  answer_.duration_us = now_us() - begun_us;
  co_return std::move(answer_);
}

void Http2Stream::request_sent() {
  if (sendable_ == nullptr || sent_us_ != 0) return;
  sent_us_ = now_us();
  answer_.sent_bytes = bytes_of(fields_) + sendable_->bytes().size();
  sendable_->sent();
}

void Http2Stream::finish_answer(AnswerEnd end, std::string error) {
  if (answered_) return;
  answered_ = true;
  answer_.end = end;
  answer_.error = std::move(error);
  changed_.raise();
}

void Http2Stream::cut(uint32_t code) {
  if (std::exchange(ended_, true) || gone_) return;
  joint_.client.session.cut(id_, code);
  joint_.client.flush();
}

void Http2Stream::answer_head(Http2Head kind, const http::Fields& fields, bool end) {
  if (gone_ || answered_) return;
  // The 100 that our own Expect caused was already given to the application.
  if (kind == Http2Head::interim && fields.front().value == "100" && head_.expects_continue) return;
  if (kind == Http2Head::message) {
    http::Head head;
    http::read_http2_answer(fields, head);
    answer_.status = head.status;
    answer_.first_byte_us = sent_us_ == 0 ? 0 : now_us() - sent_us_;
    tap_.open(dialect_, request_, head);
  }
  answer_.received_bytes += bytes_of(fields);
  answer_.told = true;
  ended_ = end || kind == Http2Head::trailers;
  joint_.client.session.head(id_, kind, fields, end);
  joint_.client.flush();
}

void Http2Stream::answer_body(std::string_view bytes) {
  if (gone_ || answered_) return joint_.undelivered(bytes.size(), false);
  tap_.body(bytes);
  answer_.received_bytes += bytes.size();
  joint_.client.session.body(id_, bytes);
  joint_.client.flush();
}

void Http2Stream::answer_end() {
  if (gone_ || answered_) return;
  if (!std::exchange(ended_, true)) joint_.client.session.end(id_);
  joint_.client.flush();
  finish_answer(AnswerEnd::complete);
}

void Http2Stream::answer_malformed() {
  if (answered_) return;
  cut(http::internal_error);
  finish_answer(AnswerEnd::cut, "the provider's answer is not sound HTTP");
}

// The application sees what the provider said: a stream that was refused may be tried again, one that was cut looks cut.
void Http2Stream::answer_closed(uint32_t code) {
  provider_id_ = -1;
  if (answered_) return;
  cut(code == http::no_error ? static_cast<uint32_t>(http::internal_error) : code);
  answer_.told = true;
  finish_answer(AnswerEnd::provider_error, "the provider reset the stream (" + std::string(http::http2_code_name(code)) + ")");
}

void Http2Stream::provider_lost(std::string_view why) {
  provider_id_ = -1;
  if (answered_) return;
  if (answer_.told) cut(http::internal_error);
  finish_answer(AnswerEnd::provider_error, std::string(why));
}

}  // namespace warden::pipeline
