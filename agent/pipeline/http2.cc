// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/http2.h"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <cstdlib>

#include "agent/pipeline/exchange.h"
#include "agent/pipeline/records.h"
#include "agent/pipeline/version.h"

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

constexpr uint32_t kStreamsMax = 256;
// A client that resets a stream may open another while the exchange of the first still waits for the log.
constexpr size_t kExchangesMax = 2 * kStreamsMax;
constexpr uint16_t kMaxConcurrentStreams = 3;
constexpr std::array<http::Http2Setting, 3> kSettings = {{
    {kMaxConcurrentStreams, kStreamsMax},
    {4, 1 << 20},   // INITIAL_WINDOW_SIZE: bodies are taken as they come, their sum is bounded by the worker's budget
    {6, 64 * 1024}  // MAX_HEADER_LIST_SIZE
}};
constexpr uint32_t kConnectionWindowBytes = 4 << 20;

}  // namespace

Http2::Http2(Connection& c)
    : connection(c),
      client(c.client.stream, Http2Leg::Role::server, *this, kSettings),
      provider(*this),
      over_(c.client.stream.socket().get_executor()) {
  client.session.credit(0, kConnectionWindowBytes);
}

asio::awaitable<void> Http2::serve() {
  spawn(client.write([this] { run_started(); }));
  note_idle();
  co_await client.read(nullptr, [this] { run_started(); }, std::move(connection.client.ahead));
  if (client.session.failed_with() != http::no_error) {
    connection.services.tally.count("http2_refused_total|" + std::string(http::http2_code_name(client.session.failed_with())));
    connection.services.supervisor.flow_record(connection.grant.flow,
                                               flow_draft(connection.grant, connection.host, "refused", "malformed_http"));
  }
  connection.services.idle.erase(&connection);
  ending_ = true;
  client.close();
  abandon_streams();
  provider.close();
  while (running_ > 0) co_await over_.wait();
}

// The application is gone. What was sent is cancelled, and what was not whole is recorded as such.
void Http2::abandon_streams() {
  for (const auto& [id, stream] : std::exchange(streams_, {})) stream->closed(http::cancel, 0);
  run_started();
}

void Http2::spawn(asio::awaitable<void> work) {
  ++running_;
  asio::co_spawn(connection.client.stream.socket().get_executor(), std::move(work), [this](const std::exception_ptr& bug) {
    if (bug) std::abort();  // our code throws nothing
    --running_;
    over_.raise();
  });
}

void Http2::start(const std::shared_ptr<Http2Stream>& stream) { started_.push_back(stream); }

void Http2::run_started() {
  for (const auto& stream : std::exchange(started_, {})) {
    ++exchanges_;
    spawn(run(stream));
  }
  note_idle();
}

asio::awaitable<void> Http2::run(std::shared_ptr<Http2Stream> stream) {
  (void)co_await run_exchange(connection, *stream);
  --exchanges_;
  if (connection.services.draining) end_soon();
  note_idle();
}

// Nothing is lost when a drain closes it now.
void Http2::note_idle() {
  if (streams_.empty() && exchanges_ == 0 && !ending_)
    connection.services.idle.insert(&connection);
  else
    connection.services.idle.erase(&connection);
}

void Http2::end_soon() {
  if (std::exchange(ending_, true)) return;
  client.session.goaway(http::no_error);
  client.flush();
}

void Http2::limit_streams(std::span<const http::Http2Setting> settings) {
  for (const http::Http2Setting& setting : settings) {
    if (setting.id != kMaxConcurrentStreams || setting.value >= kStreamsMax) continue;
    client.session.settings(std::span(&setting, 1));
    client.flush();
  }
}

void Http2::undelivered(size_t bytes, bool own) {
  if (own)
    own_bytes_ -= std::min<uint64_t>(own_bytes_, bytes);
  else if (bytes > 0)
    provider.credit(static_cast<uint32_t>(bytes));
}

std::shared_ptr<Http2Stream> Http2::find(int32_t id) const {
  const auto found = streams_.find(id);
  return found == streams_.end() ? nullptr : found->second;
}

void Http2::on_head(int32_t id, http::Http2Head kind, http::Fields fields, std::optional<http::Http2Weight> weight, bool) {
  if (kind != http::Http2Head::message) return on_malformed(id);  // trailers: nobody sends them, and they would go unread
  if (exchanges_ + started_.size() >= kExchangesMax) return client.session.reset(id, http::refused_stream);
  const auto stream = std::make_shared<Http2Stream>(*this, id, std::move(fields), weight);
  streams_.emplace(id, stream);
  stream->open();
}

void Http2::on_body(int32_t id, std::string_view bytes) {
  if (const auto stream = find(id)) stream->take_body(bytes);
}

void Http2::on_end(int32_t id) {
  if (const auto stream = find(id)) stream->take_end();
}

void Http2::on_malformed(int32_t id) {
  auto stream = find(id);
  if (!stream) stream = streams_.emplace(id, std::make_shared<Http2Stream>(*this, id, http::Fields(), std::nullopt)).first->second;
  stream->malformed();
}

void Http2::on_closed(int32_t id, uint32_t code, size_t lost_bytes) {
  const auto stream = find(id);
  if (!stream) return;
  streams_.erase(id);
  stream->closed(code, lost_bytes);
}

void Http2::on_window(int32_t id, uint32_t bytes) {
  if (id == 0) {
    const uint64_t own = std::min<uint64_t>(own_bytes_, bytes);
    own_bytes_ -= own;
    return provider.credit(bytes - static_cast<uint32_t>(own));
  }
  if (const auto stream = find(id)) {
    stream->credit = static_cast<uint32_t>(std::min<uint64_t>(uint64_t{stream->credit} + bytes, INT32_MAX));
    provider.flush();
  }
}

asio::awaitable<void> serve_http2(Connection& connection) {
  if (!connection.client.stream.is_tls()) co_await open_plain_http2(connection);
  Http2 joint(connection);
  co_await joint.serve();
}

}  // namespace warden::pipeline
