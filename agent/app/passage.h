// SPDX-License-Identifier: Apache-2.0
// Passage: open descriptors on their way from the supervisor to one worker, beside the link, which carries bytes only. One
// message of the socket pair (SOCK_SEQPACKET) for each parcel, its descriptors attached (SCM_RIGHTS, unix(7)).
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "agent/base/fd.h"

namespace warden::app {

enum class ParcelKind : uint32_t {
  listener = 1,  // of a network namespace: IPv4, and IPv6 where there is one; accept there until told otherwise
  socket,        // the answer to a SocketQuery: one, or none when it could not be made
};

struct ParcelHead {
  ParcelKind kind{};
  uint32_t reserved = 0;
  uint64_t number = 0;  // listener: the namespace's; socket: the query's
};
static_assert(sizeof(ParcelHead) == 16);

constexpr size_t kParcelDescriptorsMax = 2;

struct Parcel {
  ParcelHead head;
  std::array<Fd, kParcelDescriptorsMax> descriptors;  // the first ones, as many as were sent
};

// The supervisor's side. What the socket does not take waits: a new worker is given the listeners of every namespace while it
// is still starting. One that never takes them is noticed by the pings that it does not answer either.
class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  static constexpr size_t kMax = 16'384;  // parcels that wait
  static std::shared_ptr<Outbox> open(boost::asio::io_context& io, Fd socket);

  // False: too many wait already, or the worker is gone.
  bool send(const ParcelHead& head, std::array<Fd, kParcelDescriptorsMax> descriptors);
  [[nodiscard]] bool all_sent() const { return waiting_.empty() && !broken_; }
  // The descriptor, for another process of ours; this outbox is of no use afterwards.
  [[nodiscard]] int release() { return socket_.release(); }

 private:
  Outbox(boost::asio::io_context& io, int socket) : socket_(io, socket) {}
  void wait();

  boost::asio::posix::stream_descriptor socket_;
  std::deque<Parcel> waiting_;
  bool broken_ = false;
};

// The worker's side, in its io_context.
class Passage {
 public:
  // `receive` gets each parcel; what it does not keep is closed.
  Passage(boost::asio::io_context& io, int socket, std::function<void(Parcel)> receive);

 private:
  void wait();
  bool take();  // false: nothing there, or the end

  boost::asio::posix::stream_descriptor socket_;
  std::function<void(Parcel)> receive_;
};

}  // namespace warden::app
