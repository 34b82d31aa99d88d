// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/request.h"

#include <algorithm>

namespace warden::pipeline {
namespace asio = boost::asio;
using provider::Unreadable;

namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kReadBytesLeast = 4 * 1024;
constexpr size_t kReadBytesMost = 256 * 1024;  // where the sender has said that so much is to come

// Chunk framing may be longer than what it frames; what it may cost in memory is bounded all the same.
constexpr uint64_t raw_bytes_max(uint64_t body_bytes_max) { return body_bytes_max + body_bytes_max / 8 + 128 * 1024; }

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

ReadResult unreadable(Unreadable why, bool usable) { return {ReadEnd::unreadable, why, usable}; }

// What was held goes at once: the log may need the very disk to record it.
ReadResult no_room(Request& request, BodyFault fault) {
  request.drop_body();
  request.fault = fault;
  return {ReadEnd::unreadable, {}, false, fault};
}

// Why a request must not be read further, known from its head alone.
std::optional<ReadResult> refuse_head(const http::Head& head, Request& request, uint64_t body_bytes_max) {
  if (head.upgrade || head.method == "CONNECT") return unreadable(Unreadable::upgrade, false);
  if (head.content_length && *head.content_length > body_bytes_max)
    return unreadable(Unreadable::body_too_large, false);
  // One of several fields of a kind is what we would read; the provider might read another.
  for (const std::string_view name : {"content-encoding", "content-type"})
    if (std::ranges::count_if(head.headers, [&](const http::Header& h) { return same_name(h.name, name); }) > 1)
      return unreadable(Unreadable::unknown_coding, false);
  const std::string_view coding = head.header("content-encoding");
  const auto known = http::coding_of(coding.empty() ? "identity" : coding);
  if (!known) return unreadable(Unreadable::unknown_coding, false);
  request.coding = *known;
  return std::nullopt;
}

// Removes the content coding once the body is whole.
ReadResult decode_body(Request& request, uint64_t body_bytes_max) {
  const bool chunked = request.head().chunked;
  request.body = chunked ? request.unframed.view() : request.raw.view().substr(request.head().raw.size());
  if (request.coding == http::Coding::identity || request.body.empty()) return {ReadEnd::complete};
  const auto decoder = http::Decoder::make(request.coding, body_bytes_max);
  const auto into = [&request](std::string_view bytes) { return request.decoded.append(bytes); };
  auto result = decoder->decode(request.body, into);
  if (result) result = decoder->finish();
  if (request.decoded.fault() != BodyFault::none) return no_room(request, request.decoded.fault());
  if (!result) {
    const bool bomb = result.error().code == http::CodingError::too_large;
    return unreadable(bomb ? Unreadable::expansion_too_large : Unreadable::unknown_coding, true);
  }
  request.body = request.decoded.view();
  request.unframed.clear();
  return {ReadEnd::complete};
}

// Where the next bytes go. Of a body of known length no more is read than belongs to it.
std::span<char> room_for_more(Request& request) {
  const http::Head* head = request.parser.head_complete() ? &request.head() : nullptr;
  if (head == nullptr || !head->content_length) return request.raw.room(kReadBytesLeast, kReadBytes);
  const uint64_t missing = head->raw.size() + *head->content_length - request.raw.size();
  return request.raw.room(1, static_cast<size_t>(std::min<uint64_t>(missing, kReadBytesMost)));
}

}  // namespace

std::string_view Request::path() const {
  const std::string_view target = head().target;
  return target.substr(0, target.find('?'));
}

std::string_view Request::query() const {
  const std::string_view target = head().target;
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

void Request::drop_body() {
  raw.clear();
  unframed.clear();
  decoded.clear();
  body = {};
}

void Request::reset() {
  parser.reset();
  drop_body();
  coding = http::Coding::identity;
  fault = BodyFault::none;
}

std::string_view reason(const ReadResult& result) {
  if (result.end == ReadEnd::malformed) return "malformed_http";
  return result.fault != BodyFault::none ? name(result.fault) : provider::name(result.why);
}

std::string content_type(const http::Head& head) {
  const std::string_view value = head.header("content-type");
  std::string type(value.substr(0, value.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  for (char& c : type) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return type;
}

asio::awaitable<ReadResult> read_request(ClientLeg& client, Request& request, uint64_t body_bytes_max) {
  request.reset();
  if (!request.raw.append(client.ahead)) co_return no_room(request, request.raw.fault());
  client.ahead = {};
  size_t parsed = 0;
  bool head_seen = false;
  const auto on_body = [&](std::string_view span) {
    if (request.head().chunked) (void)request.unframed.append(span);
  };
  for (;;) {
    // The parser stops after the head once, so that limits and Expect are settled before the body.
    while (parsed < request.raw.size() && !request.parser.complete()) {
      const auto taken = request.parser.feed(request.raw.view().substr(parsed), on_body);
      if (!taken) co_return ReadResult{ReadEnd::malformed, {}, false};
      parsed += *taken;
      if (!head_seen && request.parser.head_complete()) {
        head_seen = true;
        if (const auto refused = refuse_head(request.head(), request, body_bytes_max)) co_return *refused;
        if (request.head().expects_continue && !request.parser.complete()) {
          const auto told = co_await client.stream.write(kContinue);
          if (!told) co_return ReadResult{ReadEnd::broken, {}, false};
        }
        if (request.head().content_length) request.raw.expect(parsed + *request.head().content_length);
      }
      if (request.unframed.fault() != BodyFault::none) co_return no_room(request, request.unframed.fault());
      if (request.unframed.size() > body_bytes_max || request.raw.size() > raw_bytes_max(body_bytes_max)) co_return unreadable(Unreadable::body_too_large, false);
      if (*taken == 0) break;
    }
    if (request.parser.complete()) break;

    const bool nothing_yet = request.raw.size() == 0;
    const std::span<char> room = room_for_more(request);
    if (room.empty()) co_return no_room(request, request.raw.fault());
    const auto size = co_await client.stream.read_some(room);
    if (!size || *size == 0) co_return ReadResult{nothing_yet ? ReadEnd::closed : ReadEnd::broken, {}, false};
    if (!request.raw.filled(*size)) co_return no_room(request, request.raw.fault());
  }
  client.ahead.assign(request.raw.view().substr(parsed));  // usually nothing
  request.raw.truncate(parsed);
  co_return decode_body(request, body_bytes_max);
}

}  // namespace warden::pipeline
