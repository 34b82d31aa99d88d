// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/http2_provider.h"

#include <algorithm>

#include "agent/pipeline/http2.h"

namespace warden::pipeline {
namespace asio = boost::asio;
using http::Http2Setting;

namespace {

enum SettingId : uint16_t { header_table_size = 1, enable_push = 2, max_concurrent_streams = 3 };
constexpr uint32_t kTableBytesMax = 64 * 1024;
constexpr uint64_t kCreditMax = INT32_MAX;

// The client's settings, in its order. A pushed answer would have no request, and so no decision.
std::vector<Http2Setting> mirrored(std::span<const Http2Setting> client) {
  std::vector<Http2Setting> all(client.begin(), client.end());
  bool push_said = false;
  for (Http2Setting& setting : all) {
    if (setting.id == header_table_size) setting.value = std::min(setting.value, kTableBytesMax);
    if (setting.id != enable_push) continue;
    setting.value = 0;
    push_said = true;
  }
  if (!push_said) all.push_back({enable_push, 0});
  return all;
}

}  // namespace

void Http2Provider::settings(std::span<const Http2Setting> client) {
  if (leg_) {
    leg_->session.settings(mirrored(client));
    return leg_->flush();
  }
  if (!joint_.connection.provider || lost_) return;
  leg_ = std::make_unique<Http2Leg>(*joint_.connection.provider, Http2Leg::Role::client, *this, mirrored(client));
  joint_.spawn(leg_->write([this] { pass_credit(); }));
  joint_.spawn(run());
}

asio::awaitable<void> Http2Provider::run() {
  co_await leg_->read(&joint_.client, [] {});
  lost_ = true;
  const std::string_view why = leg_->session.failed_with() == http::no_error ? "the provider closed the connection"
                                                                             : "the provider's answer is not sound HTTP";
  leg_->close();
  for (const auto& [id, stream] : std::exchange(streams_, {})) stream->provider_lost(why);
  joint_.end_soon();
}

void Http2Provider::credit(uint32_t bytes) {
  credit_ += bytes;
  flush();
}

void Http2Provider::flush() {
  if (leg_) leg_->flush();
}

void Http2Provider::close() {
  if (leg_) leg_->close();
}

// What the client granted since the last look goes on at once, however many frames it came in.
void Http2Provider::pass_credit() {
  if (credit_ > 0) {
    const uint64_t now = std::min(credit_, kCreditMax);
    leg_->session.credit(0, static_cast<uint32_t>(now));
    credit_ -= now;
  }
  for (const auto& [id, stream] : streams_)
    if (stream->credit > 0 && leg_->session.is_open(id)) leg_->session.credit(id, std::exchange(stream->credit, 0));
}

bool Http2Provider::usable() const { return leg_ && !lost_ && !going_away_ && leg_->session.takes_requests(); }

Error<tls::StreamError> Http2Provider::why_not() const {
  if (joint_.connection.unreached) return *joint_.connection.unreached;
  return {tls::StreamError::closed, "the provider closed the connection"};
}

int32_t Http2Provider::send(Http2Stream& stream, const http::Fields& fields, std::optional<http::Http2Weight> weight,
                            std::string_view body) {
  if (!usable()) return -1;
  const int32_t id = leg_->session.request(fields, weight, !body.empty());
  if (id < 0) return id;
  streams_.emplace(id, &stream);
  if (!body.empty()) leg_->session.borrow(id, body);
  leg_->flush();
  return id;
}

void Http2Provider::forget(int32_t id, uint32_t code) {
  if (streams_.erase(id) == 0) return;
  leg_->session.release(id);
  leg_->session.reset(id, code);
  leg_->flush();
}

size_t Http2Provider::sent_body_bytes(int32_t id) const { return leg_ ? leg_->session.sent_body_bytes(id) : 0; }

Http2Stream* Http2Provider::find(int32_t id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

void Http2Provider::on_head(int32_t id, http::Http2Head kind, http::Fields fields, std::optional<http::Http2Weight>, bool end) {
  if (Http2Stream* stream = find(id)) stream->answer_head(kind, fields, end);
}

void Http2Provider::on_body(int32_t id, std::string_view bytes) {
  if (Http2Stream* stream = find(id)) return stream->answer_body(bytes);
  credit_ += bytes.size();  // nobody else will grant it again
}

void Http2Provider::on_end(int32_t id) {
  if (Http2Stream* stream = find(id)) stream->answer_end();
}

void Http2Provider::on_malformed(int32_t id) {
  if (Http2Stream* stream = find(id)) stream->answer_malformed();
}

void Http2Provider::on_sent(int32_t id) {
  if (Http2Stream* stream = find(id)) stream->request_sent();
}

void Http2Provider::on_closed(int32_t id, uint32_t code, size_t) {
  Http2Stream* stream = find(id);
  if (stream == nullptr) return;
  streams_.erase(id);
  stream->answer_closed(code);
}

void Http2Provider::on_settings(std::span<const Http2Setting> settings) { joint_.limit_streams(settings); }

void Http2Provider::on_goaway(uint32_t) {
  going_away_ = true;
  joint_.end_soon();
}

}  // namespace warden::pipeline
