// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/request.h"

#include <algorithm>

namespace warden::pipeline {
namespace asio = boost::asio;
using provider::Unreadable;

namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kKeptBytesMax = 256 * 1024;  // of a buffer that an idle connection keeps

// Chunk framing may be longer than what it frames; what it may cost in memory is bounded all the same.
constexpr uint64_t raw_bytes_max(uint64_t body_bytes_max) { return body_bytes_max + body_bytes_max / 8 + 128 * 1024; }

void clear(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBytesMax) buffer.shrink_to_fit();
}
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

ReadResult unreadable(Unreadable why, bool usable) { return {ReadEnd::unreadable, why, usable}; }

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
  const std::string_view wire =
      request.head().chunked ? std::string_view(request.unframed)
                             : std::string_view(request.raw).substr(request.head().raw.size());
  request.body = wire;
  if (request.coding == http::Coding::identity || wire.empty()) return {ReadEnd::complete};
  const auto decoder = http::Decoder::make(request.coding, body_bytes_max);
  auto result = decoder->decode(wire, request.decoded);
  if (result) result = decoder->finish();
  if (!result) {
    const bool bomb = result.error().code == http::CodingError::too_large;
    return unreadable(bomb ? Unreadable::expansion_too_large : Unreadable::unknown_coding, true);
  }
  request.body = request.decoded;
  return {ReadEnd::complete};
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

void Request::reset() {
  parser.reset();
  clear(raw);
  clear(unframed);
  clear(decoded);
  body = {};
  coding = http::Coding::identity;
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
  request.raw.swap(client.ahead);
  size_t parsed = 0;
  bool head_seen = false;
  const auto on_body = [&](std::string_view span) {
    if (request.head().chunked) request.unframed += span;
  };
  for (;;) {
    // The parser stops after the head once, so that limits and Expect are settled before the body.
    while (parsed < request.raw.size() && !request.parser.complete()) {
      const auto taken = request.parser.feed(std::string_view(request.raw).substr(parsed), on_body);
      if (!taken) co_return ReadResult{ReadEnd::malformed, {}, false};
      parsed += *taken;
      if (!head_seen && request.parser.head_complete()) {
        head_seen = true;
        if (const auto refused = refuse_head(request.head(), request, body_bytes_max)) co_return *refused;
        if (request.head().expects_continue && !request.parser.complete()) {
          const auto told = co_await client.stream.write(kContinue);
          if (!told) co_return ReadResult{ReadEnd::broken, {}, false};
        }
        if (request.head().content_length) request.raw.reserve(parsed + *request.head().content_length);
      }
      if (request.unframed.size() > body_bytes_max || request.raw.size() > raw_bytes_max(body_bytes_max)) co_return unreadable(Unreadable::body_too_large, false);
      if (*taken == 0) break;
    }
    if (request.parser.complete()) break;

    const size_t held = request.raw.size();
    const size_t spare = request.raw.capacity() > held ? request.raw.capacity() - held : 0;
    request.raw.resize(held + std::max(kReadBytes, std::min<size_t>(spare, 256 * 1024)));
    const auto size = co_await client.stream.read_some(std::span(request.raw).subspan(held));
    request.raw.resize(held + (size ? *size : 0));
    if (!size) co_return ReadResult{held == 0 ? ReadEnd::closed : ReadEnd::broken, {}, false};
    if (*size == 0) co_return ReadResult{held == 0 ? ReadEnd::closed : ReadEnd::broken, {}, false};
  }
  client.ahead.assign(request.raw, parsed);  // usually nothing
  request.raw.resize(parsed);
  co_return decode_body(request, body_bytes_max);
}

}  // namespace warden::pipeline
