// SPDX-License-Identifier: Apache-2.0
// Link: one end of the Unix socket between supervisor and worker, in an io_context of one thread. Messages sent within one turn
// of the loop leave in one write. A peer that breaks the framing or lets its queue grow past the cap is cut off; `closed` is then
// called from the loop, never from within send(), so that whoever sends may be going through a list of links.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/app/messages.h"
#include "agent/app/wire.h"

namespace warden::app {

class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Limits {
    size_t frame_bytes_max = 1 << 20;   // of what is received
    size_t queue_bytes_max = 64 << 20;  // of what waits to be sent
  };
  using Receive = std::function<bool(MessageType, std::string_view payload)>;  // false: the peer broke the protocol
  using Closed = std::function<void(const char* why)>;

  // Takes the descriptor over. `unread`: what an earlier link read from it and did not deliver.
  static std::shared_ptr<Link> open(boost::asio::io_context& io, int fd, Limits limits, Receive receive, Closed closed,
                                    std::string unread = {});

  template <class Message>
  void send(const Message& message) {
    if (!open_) return;
    pack(message, out_);
    flush_later();
  }
  void close(const char* why);
  [[nodiscard]] bool is_open() const { return open_; }

  // To pass the descriptor on to another process of ours: delivers nothing from here on, and still sends.
  void pause() { paused_ = true; }
  [[nodiscard]] bool all_sent() const { return out_.empty() && !flush_pending_; }
  // The descriptor of a paused link, which is of no use afterwards. What was read and not delivered is in unread() once the
  // io_context has run what it had ready.
  [[nodiscard]] int release();
  [[nodiscard]] std::string_view unread() const { return std::string_view(in_).substr(0, in_used_); }

 private:
  Link(boost::asio::io_context& io, int fd, Limits limits, Receive receive, Closed closed);
  void start();
  void read();
  void flush_later();
  void flush();
  bool deliver();

  boost::asio::io_context& io_;
  boost::asio::local::stream_protocol::socket socket_;
  Limits limits_;
  Receive receive_;
  Closed closed_;
  std::string in_, out_, sending_;
  size_t in_used_ = 0;
  bool flush_pending_ = false;
  bool open_ = true;
  bool paused_ = false;
};

}  // namespace warden::app
