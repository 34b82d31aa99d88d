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

TEST(Link, PassedOnItLosesAndRepeatsNothing) {
  Pair pair;
  boost::asio::io_context io;
  std::vector<uint64_t> received;
  const auto receive = [&](MessageType, std::string_view payload) {
    Pong pong;
    return unpack(payload, pong) && (received.push_back(pong.nonce), true);
  };
  const auto closed = [](const char* why) { ADD_FAILURE() << why; };
  std::string frames;
  for (uint64_t nonce = 1; nonce <= 3; ++nonce) pack(Pong{nonce}, frames);
  const size_t part = frames.size() / 3 + 4;  // one frame and the beginning of the next

  auto first = Link::open(io, pair.ends[0], {}, receive, closed);
  ASSERT_EQ(::write(pair.ends[1], frames.data(), part), static_cast<ssize_t>(part));
  io.poll();
  EXPECT_EQ(received, (std::vector<uint64_t>{1}));
  first->pause();
  first->send(Ping{9});
  EXPECT_FALSE(first->all_sent());
  ASSERT_EQ(::write(pair.ends[1], frames.data() + part, 5), 5);
  io.poll();
  EXPECT_TRUE(first->all_sent());
  const int fd = first->release();
  io.poll();
  EXPECT_EQ(received.size(), 1u);
  EXPECT_EQ(first->unread(), frames.substr(frames.size() / 3, 9));

  io.restart();  // it ran out of work
  auto second = Link::open(io, fd, {}, receive, closed, std::string(first->unread()));
  const size_t rest = part + 5;
  ASSERT_EQ(::write(pair.ends[1], frames.data() + rest, frames.size() - rest), static_cast<ssize_t>(frames.size() - rest));
  for (int i = 0; i < 10; ++i) io.poll();
  EXPECT_EQ(received, (std::vector<uint64_t>{1, 2, 3}));
  std::array<char, 64> sent{};
  EXPECT_EQ(::read(pair.ends[1], sent.data(), sent.size()), static_cast<ssize_t>(kFrameHead + 8));
  ::close(pair.ends[1]);
}

}  // namespace
}  // namespace warden::app
