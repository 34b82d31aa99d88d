// SPDX-License-Identifier: Apache-2.0
// Splice: carries a connection that is none of our business to where it wanted to go, undecrypted: splice(2) through a pipe each
// way, so the bytes never enter our memory. An end is passed on as an end, an error as a reset, each side's backpressure to the other.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"

namespace warden::forward {

// Pipes of one worker. A direction holds one while bytes are on their way, so that an idle connection costs none.
class Pipes {
 public:
  struct Pipe {
    Fd out, in;
  };
  // nullopt: no descriptor to be had; the connection is then reset.
  std::optional<Pipe> take();
  void give(Pipe pipe);  // must be empty

 private:
  static constexpr size_t kKeptMax = 64;
  std::vector<Pipe> kept_;
};

// Sees what a client sends, for as long as it asks to.
class Watch {
 public:
  virtual ~Watch() = default;
  enum class Say : uint8_t {
    wait,      // hold it back and look again when there is more
    pass,      // it may go on; what follows is looked at too
    pass_all,  // it may go on, as may all that follows
    stop,      // reset both sides
  };
  // `held`: not empty, everything since the last `pass`; it is for the watch to keep it from growing without end. `late`: the
  // client has said no more for a while, and may be waiting for an answer to that.
  virtual Say look(std::string_view held, bool late) = 0;
};

// What was read from the client already.
struct Ahead {
  std::string passed;      // goes on at once
  Watch* watch = nullptr;  // outlives the splice
  std::string held;        // is shown to the watch first
};

struct Spliced {
  uint64_t sent_bytes = 0;      // client to destination, what was read before included
  uint64_t received_bytes = 0;
};

// Ends when both directions have ended or either broke. `pipes` outlives it.
boost::asio::awaitable<Spliced> splice(boost::asio::ip::tcp::socket client, boost::asio::ip::tcp::socket destination, Pipes& pipes,
                                       Ahead ahead);

// Appends what the socket has to read, as soon as it has. `nothing`: not within `limit` (0: no limit).
enum class Heard : uint8_t { more, nothing, ended, broken };
boost::asio::awaitable<Heard> read_more(boost::asio::ip::tcp::socket& from, std::string& held, std::chrono::milliseconds limit);

// Waits until either has something to read, or has ended. True: `a`.
boost::asio::awaitable<bool> speaks_first(boost::asio::ip::tcp::socket& a, boost::asio::ip::tcp::socket& b);

}  // namespace warden::forward
