// SPDX-License-Identifier: Apache-2.0
#include "agent/app/link.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace warden::app {
namespace asio = boost::asio;

namespace {
constexpr size_t kReadBytes = 64 * 1024;
}

std::shared_ptr<Link> Link::open(asio::io_context& io, int fd, Limits limits, Receive receive, Closed closed,
                                 std::string unread) {
  std::shared_ptr<Link> link(new Link(io, fd, limits, std::move(receive), std::move(closed)));
  if (unread.empty()) return link->read(), link;
  link->in_used_ = unread.size();
  link->in_ = std::move(unread);
  // Not from within open(): whoever receives may want to send by what it returns.
  asio::post(io, [link] { link->start(); });
  return link;
}

Link::Link(asio::io_context& io, int fd, Limits limits, Receive receive, Closed closed)
    : io_(io),
      socket_(io, asio::local::stream_protocol(), fd),
      limits_(limits),
      receive_(std::move(receive)),
      closed_(std::move(closed)) {}

void Link::close(const char* why) {
  if (!open_) return;
  open_ = false;
  boost::system::error_code ignored;
  socket_.close(ignored);
  asio::post(io_, [self = shared_from_this(), why] { self->closed_(why); });
}

void Link::start() {
  if (!open_ || paused_) return;
  if (!deliver()) return close("the peer broke the protocol");
  if (open_) read();
}

int Link::release() {
  boost::system::error_code ignored;
  return socket_.release(ignored);
}

void Link::read() {
  if (in_.size() < in_used_ + kReadBytes) in_.resize(in_used_ + kReadBytes);
  socket_.async_read_some(asio::buffer(in_.data() + in_used_, in_.size() - in_used_),
                          [self = shared_from_this()](boost::system::error_code error, size_t size) {
                            if (!self->open_ || error == asio::error::operation_aborted) return;
                            if (error) return self->close("the peer is gone");
                            self->in_used_ += size;
                            if (self->paused_) return;
                            if (!self->deliver()) return self->close("the peer broke the protocol");
                            if (self->open_) self->read();
                          });
}

bool Link::deliver() {
  size_t at = 0;
  while (open_ && !paused_ && in_used_ - at >= kFrameHead) {
    uint32_t size = 0;
    std::memcpy(&size, in_.data() + at, sizeof size);
    if (size > limits_.frame_bytes_max) return false;
    if (in_used_ - at - kFrameHead < size) break;
    const auto type = static_cast<MessageType>(in_[at + 4]);
    if (!receive_(type, std::string_view(in_).substr(at + kFrameHead, size))) return false;
    at += kFrameHead + size;
  }
  in_used_ -= at;
  if (at > 0 && in_used_ > 0) std::memmove(in_.data(), in_.data() + at, in_used_);
  return true;
}

void Link::flush_later() {
  // First of all: while a write is stuck everything else only makes the queue longer.
  if (out_.size() > limits_.queue_bytes_max) return close("the peer does not read");
  if (flush_pending_) return;
  flush_pending_ = true;
  asio::post(io_, [self = shared_from_this()] { self->flush(); });
}

void Link::flush() {
  if (!open_ || out_.empty()) {
    flush_pending_ = false;
    return;
  }
  sending_.clear();
  sending_.swap(out_);
  asio::async_write(socket_, asio::buffer(sending_), [self = shared_from_this()](boost::system::error_code error, size_t) {
    if (!self->open_) return;
    if (error) return self->close("the peer is gone");
    self->flush();
  });
}

}  // namespace warden::app
