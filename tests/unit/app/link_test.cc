// SPDX-License-Identifier: Apache-2.0
#include "agent/app/link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>

namespace warden::app {
namespace {

struct Pair {
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0); }
  std::array<int, 2> ends{};
};

Stats stats_of(size_t bytes) { return {{{std::string(bytes, 'x'), 1}}}; }

TEST(Link, APeerThatDoesNotReadIsCutOffAtTheCap) {
  Pair pair;
  boost::asio::io_context io;
  std::optional<std::string> closed;
  auto link = Link::open(
      io, pair.ends[0], {.queue_bytes_max = 4 << 20}, [](MessageType, std::string_view) { return true; },
      [&](const char* why) { closed = why; });
  // More than the socket's buffer: the first write is stuck from here on.
  link->send(stats_of(1 << 20));
  io.poll();
  ASSERT_FALSE(closed);
  for (int i = 0; i < 3; ++i) link->send(stats_of(1 << 20));
  io.poll();
  EXPECT_TRUE(link->is_open());
  for (int i = 0; i < 64; ++i) link->send(stats_of(1 << 20));
  EXPECT_FALSE(link->is_open());
  EXPECT_FALSE(closed) << "closed from within send()";
  io.poll();
  EXPECT_EQ(closed, "the peer does not read");
  ::close(pair.ends[1]);
}

TEST(Link, MessagesArriveWholeAndAWrongOneClosesOnce) {
  Pair pair;
  boost::asio::io_context io;
  int received = 0, closed = 0;
  auto reader = Link::open(
      io, pair.ends[1], {}, [&](MessageType type, std::string_view) { return ++received, type == MessageType::pong; },
      [&](const char*) { ++closed; });
  auto writer = Link::open(
      io, pair.ends[0], {}, [](MessageType, std::string_view) { return true; }, [](const char*) {});
  for (uint64_t i = 0; i < 1000; ++i) writer->send(Pong{i});
  for (int i = 0; i < 100 && received < 1000; ++i) io.poll();
  EXPECT_EQ(received, 1000);
  writer->send(Ping{1});
  for (int i = 0; i < 100 && closed == 0; ++i) io.poll();
  reader->close("again");
  io.poll();
  EXPECT_EQ(closed, 1);
}

}  // namespace
}  // namespace warden::app
