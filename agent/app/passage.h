// SPDX-License-Identifier: Apache-2.0
// Passage: open descriptors on their way from the supervisor to one worker, beside the link, which carries bytes only. One
// message of the socket pair (SOCK_SEQPACKET) for each parcel, its descriptors attached (SCM_RIGHTS, unix(7)).
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <span>

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

// The supervisor's side, without a queue: a worker that lets the socket's buffer fill up does not work. False then.
bool send_parcel(int socket, const ParcelHead& head, std::span<const Fd> descriptors);

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
