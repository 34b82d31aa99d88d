// SPDX-License-Identifier: Apache-2.0
// What the guard costs those it does not concern: connect() to no LLM, inside and outside the guarded
// cgroup, and the packets that follow.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

#include "agent/base/clock.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr int kRounds = 15, kConnects = 20'000;

// Nanoseconds per connect() of a UDP socket: the cheapest there is, so the hook shows most.
double measure(const std::string& cgroup) {
  Child child(cgroup, [](int out) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int64_t start_ns = monotonic_ns();
    for (int i = 0; i < kConnects; ++i)
      if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 1;
    const double each_ns = static_cast<double>(monotonic_ns() - start_ns) / kConnects;
    return ::write(out, &each_ns, sizeof each_ns) == sizeof each_ns ? 0 : 1;
  });
  double each_ns = 0;
  const std::string bytes = child.read(sizeof each_ns);
  if (bytes.size() == sizeof each_ns) std::memcpy(&each_ns, bytes.data(), sizeof each_ns);
  EXPECT_EQ(child.wait(), 0);
  return each_ns;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + kRounds / 2, values.end());
  return values[kRounds / 2];
}

// Nanoseconds the kernel itself counted per run of a pinned link's program, clock reads included.
double run_time_ns(const std::string& link_path) {
  const Fd link(bpf_obj_get(link_path.c_str()));
  bpf_link_info attached{};
  uint32_t length = sizeof attached;
  if (!link || bpf_obj_get_info_by_fd(link.get(), &attached, &length) != 0) return -1;
  const Fd program(bpf_prog_get_fd_by_id(attached.prog_id));
  bpf_prog_info info{};
  length = sizeof info;
  if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &length) != 0 || info.run_cnt == 0) return -1;
  return static_cast<double>(info.run_time_ns) / static_cast<double>(info.run_cnt);
}

TEST(Cost, OfAConnectThatIsNoLlms) {
  Sandbox sandbox;
  Listener listener;
  const auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  for (int i = 1; i < 200; ++i)
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse("192.0.2." + std::to_string(i), 443), "llm.test"));
  std::vector<double> outside, inside;
  for (int i = 0; i < kRounds; ++i) {
    outside.push_back(measure(""));
    inside.push_back(measure(sandbox.cgroup()));
  }
  const double added_ns = median(inside) - median(outside);
  std::printf("connect(): %.0f ns outside, %.0f ns inside, the guard adds %.0f ns (medians of %d rounds)\n",
              median(outside), median(inside), added_ns, kRounds);
  RecordProperty("added_ns", std::to_string(added_ns));
  EXPECT_EQ(guard->counters().connects_seen, static_cast<uint64_t>(kRounds) * kConnects);
  const Fd counting(bpf_enable_stats(BPF_STATS_RUN_TIME));
  ASSERT_TRUE(counting);
  measure(sandbox.cgroup());
  const double program_ns = run_time_ns(sandbox.bpffs() + "/links/ew_connect4");
  std::printf("the connect program runs %.0f ns, two clock reads included\n", program_ns);
  // The difference of two system call times drowns in a busy machine's noise; the program's own time does
  // not.
  EXPECT_GT(program_ns, 0);
  EXPECT_LT(program_ns, 1000) << "the miss path does more than two lookups";
}

// Runs `body` inside with the kernel counting, and returns the mean of a program's runs.
double run_time_inside(const Sandbox& sandbox, const char* program, const std::function<int()>& body) {
  const Fd counting(bpf_enable_stats(BPF_STATS_RUN_TIME));
  EXPECT_TRUE(counting);
  EXPECT_EQ(run_inside(sandbox.cgroup(), body), 0);
  return run_time_ns(sandbox.bpffs() + "/links/" + program);
}

TEST(Cost, OfAStreamThatIsNoLlms) {
  Sandbox sandbox;
  Listener listener, server("127.0.0.91", false);
  const auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  Child sink("", [&](int) -> int {
    for (;;) {
      const auto accepted = server.accept(60'000);
      char block[65536];
      while (::recv(accepted.socket.get(), block, sizeof block, 0) > 0) {
      }
    }
  });
  const double packet_ns = run_time_inside(sandbox, "ew_tripwire", [&] {
    Fd socket;
    if (try_connect("127.0.0.91", server.port(), SOCK_STREAM, &socket) != 0) return 1;
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (int i = 0; i < 200'000; ++i)
      if (::send(socket.get(), "0123456789", 10, MSG_NOSIGNAL) != 10) return 2;
    return 0;
  });
  const double connect_ns = run_time_inside(sandbox, "ew_connect4", [&] {
    for (int i = 0; i < 2'000; ++i)
      if (try_connect("127.0.0.91", server.port(), SOCK_STREAM) != 0) return 1;
    return 0;
  });
  std::printf("a packet of a stream: %.0f ns; connect() of one: %.0f ns (each with two clock reads)\n",
              packet_ns, connect_ns);
  EXPECT_GT(packet_ns, 0);
  EXPECT_LT(packet_ns, 300) << "packets after the opening are looked at";
  EXPECT_GT(connect_ns, 0);
  EXPECT_LT(connect_ns, 500) << "connect() allocates, or reads who connects, for what is no LLM's";
}

}  // namespace
}  // namespace warden::kernel
