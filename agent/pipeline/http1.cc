// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/http1.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "agent/pipeline/exchange.h"
#include "agent/pipeline/provider_leg.h"
#include "agent/pipeline/refusal.h"
#include "tlsproxy/tls/deadline.h"

namespace warden::pipeline {
namespace asio = boost::asio;
using provider::Unreadable;

namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kReadBytesLeast = 4 * 1024;
constexpr size_t kReadBytesMost = 256 * 1024;  // where the sender has said that so much is to come
constexpr auto kLinger = std::chrono::seconds(2);
constexpr uint64_t kLingerBytesMax = 64ull << 20;

// Chunk framing may be longer than what it frames; what it may cost in memory is bounded all the same.
constexpr uint64_t raw_bytes_max(uint64_t body_bytes_max) { return body_bytes_max + body_bytes_max / 8 + 128 * 1024; }

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view reason_phrase(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 502: return "Bad Gateway";
    default: return "Service Unavailable";
  }
}

// An application that is still sending would lose our answer to a reset: take what it sends, for a bounded while.
asio::awaitable<void> linger(tls::Stream& stream) {
  (void)co_await stream.shutdown();
  const tls::Deadline deadline(stream.socket().get_executor(), kLinger, [&stream] { stream.close(); });
  std::array<char, 16 * 1024> block;
  uint64_t total = 0;
  while (total < kLingerBytesMax) {
    const auto size = co_await stream.read_some(block);
    if (!size || *size == 0) break;
    total += *size;
  }
}

}  // namespace

asio::awaitable<ReadResult> Http1::read() {
  Services& services = connection_.services;
  ClientLeg& client = connection_.client;
  parser_.reset();
  request_.reset();
  if (client.ahead.empty() && !client.stream.has_buffered()) {
    services.idle.insert(&connection_);
    const auto woken = co_await client.stream.wait_readable();
    services.idle.erase(&connection_);
    if (!woken || services.draining) co_return ReadResult{};
  }
  co_return co_await read_request();
}

// Where the next bytes go. Of a body of known length no more is read than belongs to it.
std::span<char> Http1::room_for_more() {
  const http::Head* head = request_.known_head;
  if (head == nullptr || !head->content_length) return request_.raw.room(kReadBytesLeast, kReadBytes);
  const uint64_t missing = head->raw.size() + *head->content_length - request_.raw.size();
  return request_.raw.room(1, static_cast<size_t>(std::min<uint64_t>(missing, kReadBytesMost)));
}

asio::awaitable<ReadResult> Http1::read_request() {
  ClientLeg& client = connection_.client;
  const uint64_t body_bytes_max = connection_.services.body_bytes_max;
  if (!request_.raw.append(client.ahead)) co_return no_room(request_, request_.raw.fault());
  client.ahead = {};
  size_t parsed = 0;
  const auto on_body = [this](std::string_view span) {
    if (parser_.head().chunked) (void)request_.unframed.append(span);
  };
  for (;;) {
    // The parser stops after the head once, so that limits and Expect are settled before the body.
    while (parsed < request_.raw.size() && !parser_.complete()) {
      const auto taken = parser_.feed(request_.raw.view().substr(parsed), on_body);
      if (!taken) {
        request_.known_head = nullptr;
        co_return ReadResult{ReadEnd::malformed, {}, false};
      }
      parsed += *taken;
      if (request_.known_head == nullptr && parser_.head_complete()) {
        request_.known_head = &parser_.head();
        request_.whole = parser_.complete();
        if (auto refused = refuse_head(request_, body_bytes_max)) {
          if (refused->why == Unreadable::upgrade) refused->status = 426;
          co_return *refused;
        }
        if (request_.head().expects_continue && !parser_.complete()) {
          const auto told = co_await client.stream.write(kContinue);
          if (!told) co_return ReadResult{ReadEnd::broken, {}, false};
        }
        if (request_.head().content_length) request_.raw.expect(parsed + *request_.head().content_length);
      }
      if (request_.unframed.fault() != BodyFault::none) co_return no_room(request_, request_.unframed.fault());
      if (request_.unframed.size() > body_bytes_max || request_.raw.size() > raw_bytes_max(body_bytes_max)) co_return unreadable(Unreadable::body_too_large, false);
      if (*taken == 0) break;
    }
    if (parser_.complete()) break;

    const bool nothing_yet = request_.raw.size() == 0;
    const std::span<char> room = room_for_more();
    if (room.empty()) co_return no_room(request_, request_.raw.fault());
    const auto size = co_await client.stream.read_some(room);
    if (!size || *size == 0) co_return ReadResult{nothing_yet ? ReadEnd::closed : ReadEnd::broken, {}, false};
    if (!request_.raw.filled(*size)) co_return no_room(request_, request_.raw.fault());
  }
  request_.whole = true;
  client.ahead.assign(request_.raw.view().substr(parsed));  // usually nothing
  request_.raw.truncate(parsed);
  const http::Head& head = request_.head();
  const std::string_view sent = head.chunked ? request_.unframed.view() : request_.raw.view().substr(head.raw.size());
  co_return decode_body(request_, sent, body_bytes_max);
}

asio::awaitable<bool> Http1::refuse(const provider::Refusal& refusal, bool usable) {
  const bool keep = usable && request_.head().keep_alive && refusal.status < 500;
  request_.drop_body();
  const std::string body = error_body(*connection_.service, refusal);
  std::string head = "HTTP/1.1 " + std::to_string(refusal.status) + " " + std::string(reason_phrase(refusal.status));
  head += "\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(body.size());
  head += "\r\nx-egresswarden-request: " + std::string(refusal.request_id);
  if (refusal.status == 502) head += "\r\nx-should-retry: false";
  if (refusal.status == 426) head += "\r\nupgrade: HTTP/1.1";
  if (!keep) head += "\r\nconnection: close";
  head += "\r\n\r\n";
  const bool bodiless = request_.head().method == "HEAD";
  const auto written = co_await connection_.client.stream.write(head, bodiless ? std::string_view() : body);
  if (!written) co_return false;
  if (keep) co_return true;
  co_await linger(connection_.client.stream);
  co_return false;
}

tls::Async<void> Http1::reach(std::string_view credential_fingerprint) {
  return reach_provider(connection_, credential_fingerprint);
}

asio::awaitable<void> serve_http1(Connection& connection) {
  Http1 carrier(connection);
  ExchangeEnd end = ExchangeEnd::next;
  while (end == ExchangeEnd::next && !connection.services.draining) end = co_await run_exchange(connection, carrier);
  release_provider(connection);
  if (end == ExchangeEnd::cut) {
    // A clean end would make a cut answer look whole to nearly every SDK.
    boost::system::error_code ignored;
    connection.client.stream.socket().set_option(asio::socket_base::linger(true, 0), ignored);
    connection.client.stream.close();
    co_return;
  }
  (void)co_await connection.client.stream.shutdown();
}

}  // namespace warden::pipeline
