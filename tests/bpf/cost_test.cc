// SPDX-License-Identifier: Apache-2.0
// What the guard costs those it does not concern: connect() to no LLM, inside and outside the guarded cgroup.
#include <gtest/gtest.h>
#include <netinet/in.h>

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
  EXPECT_LT(added_ns, 1000) << "the miss path does more than two lookups";
}

}  // namespace
}  // namespace warden::kernel
