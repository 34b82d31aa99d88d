// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/http2_leg.h"

#include <chrono>
#include <memory>

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kWriteBytes = 32 * 1024;
constexpr size_t kKeptBytes = 4 * 1024;        // of the write buffer, by a leg that has nothing to say
constexpr size_t kQueuedBytesMax = 256 * 1024;  // of answers' bodies that the peer has not taken
constexpr size_t kWaitingFramesMax = 10'000;   // resets and window updates for a peer that does not read them
constexpr auto kLinger = std::chrono::seconds(2);

}  // namespace

Http2Leg::Http2Leg(tls::Stream& stream, Role role, http::Http2Events& events, std::span<const http::Http2Setting> settings)
    : session(role, events, settings),
      stream_(stream),
      output_(stream.socket().get_executor()),
      room_(stream.socket().get_executor()) {}

void Http2Leg::close() {
  closed_ = true;
  stream_.close();
  output_.raise();
  room_.raise();
}

// The peer reads why before the connection goes.
void Http2Leg::close_soon() {
  if (!lingering_) lingering_.emplace(stream_.socket().get_executor(), kLinger, [this] { close(); });
}

asio::awaitable<void> Http2Leg::room() {
  while (!closed_ && session.queued_bytes() > kQueuedBytesMax) co_await room_.wait();
}

asio::awaitable<void> Http2Leg::read(Http2Leg* source, std::function<void()> after, std::string ahead) {
  std::unique_ptr<char[]> block;
  bool sound = ahead.empty() || session.feed(ahead);
  after();
  flush();
  while (!closed_) {
    if (source != nullptr) co_await source->room();
    if (!block) {
      const auto woken = co_await stream_.wait_readable();
      if (!woken) break;
      block = std::make_unique_for_overwrite<char[]>(kReadBytes);
    }
    const auto size = co_await stream_.read_some({block.get(), kReadBytes});
    if (!size || *size == 0) break;
    sound = sound && session.feed({block.get(), *size}) && session.waiting_frames() <= kWaitingFramesMax;
    after();
    flush();
    if (!sound) close_soon();
    if (!stream_.has_buffered()) block.reset();
  }
}

asio::awaitable<void> Http2Leg::write(std::function<void()> before) {
  std::string out;
  while (!closed_) {
    before();
    out.clear();
    session.take(out, kWriteBytes);
    if (session.queued_bytes() <= kQueuedBytesMax) room_.raise();
    if (!out.empty()) {
      const auto written = co_await stream_.write(out);
      if (!written) co_return close();
      continue;
    }
    if (session.over()) break;
    if (out.capacity() > kKeptBytes) out = {};
    co_await output_.wait();
  }
  if (closed_) co_return;
  (void)co_await stream_.shutdown();
  close_soon();
}

}  // namespace warden::pipeline
