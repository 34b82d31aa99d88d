// SPDX-License-Identifier: Apache-2.0
// Drowning: what one user causes a thousand times must not hide what others cause, nor what the same user gets through.
// A datagram to an unknown address at UDP/443 is recorded, or refused; never let through unrecorded.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "bpf/abi.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr char kLlm[] = "192.0.2.10";
constexpr uint32_t kFlooder = 65530, kOther = 65531;

class Flood : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  }
  int run_as(uint32_t uid, const std::function<int()>& body) {
    return run_inside(sandbox.cgroup(), [&] { return ::setresuid(uid, uid, uid) != 0 ? 255 : body(); });
  }
  static int refusals(int n) {
    for (int i = 0; i < n; ++i)
      if (try_connect(kLlm, 443, SOCK_DGRAM) != EPERM) return 1;
    return 0;
  }
  // Sends to `n` unknown addresses, each by a socket of its own; returns how many were let through.
  int pass(uint32_t uid, int n) {
    Child child(sandbox.cgroup(), [&](int out) {
      if (::setresuid(uid, uid, uid) != 0) return 1;
      int through = 0;
      for (int i = 0; i < n; ++i) {
        sockaddr_storage address;
        const std::string ip = "127." + std::to_string(uid & 0x7f) + "." + std::to_string(i >> 7) + "." + std::to_string((i & 127) + 1);
        const socklen_t length = Endpoint::parse(ip, 443)->to_sockaddr(address);
        const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        through += ::sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&address), length) == 1;
      }
      return ::write(out, &through, sizeof through) == sizeof through ? 0 : 2;
    });
    int told = -1;
    const std::string bytes = child.read(sizeof told);
    if (bytes.size() == sizeof told) std::memcpy(&told, bytes.data(), sizeof told);
    EXPECT_EQ(child.wait(), 0);
    return told;
  }
  void drain() {
    guard->drain_events([&](const Event& event) {
      const uint32_t uid = event.flow.process.uid;
      if (event.kind == EventKind::passed) passed[uid].insert(event.flow.original.to_string());
      if (event.kind == EventKind::quic_refused) ++refused[{uid, event.reason}];
    });
    for (const Loss& loss : guard->take_losses())
      if (loss.uid) lost[{*loss.uid, loss.reason}] += loss.count;
  }

  using Counts = std::map<std::pair<uint32_t, std::string>, uint64_t>;
  Sandbox sandbox;
  Listener listener;
  std::unique_ptr<Guard> guard;
  std::map<uint32_t, std::set<std::string>> passed;
  Counts refused, lost;
};

TEST_F(Flood, OfRefusalsHidesNeitherOnesOwnPassingFlowsNorThoseOfOthers) {
  ASSERT_EQ(run_as(kFlooder, [] { return refusals(5000); }), 0);
  const int own = pass(kFlooder, 60), others = pass(kOther, 60);
  ASSERT_EQ(run_as(kOther, [] { return refusals(20); }), 0);
  drain();
  EXPECT_EQ(own, 60);
  EXPECT_EQ(others, 60);
  EXPECT_EQ(passed[kFlooder].size(), 60u);
  EXPECT_EQ(passed[kOther].size(), 60u);
  EXPECT_EQ((refused[{kOther, "quic"}]), 20u);
  EXPECT_GE((refused[{kFlooder, "quic"}]), uint64_t{EW_REFUSALS_A_SECOND});
  EXPECT_GT((lost[{kFlooder, "quic"}]), 0u);
  EXPECT_EQ((refused[{kFlooder, "quic"}] + lost[{kFlooder, "quic"}]), 5000u) << "told, or counted by user and reason";
  EXPECT_EQ((lost[{kOther, "quic"}]), 0u);
}

TEST_F(Flood, OfPassingFlowsIsRefusedWhereItCannotBeRecorded) {
  const int own = pass(kFlooder, 6000), others = pass(kOther, 60);
  drain();
  EXPECT_LT(own, 6000);
  EXPECT_GE(own, EW_PASSING_A_SECOND);
  EXPECT_EQ(passed[kFlooder].size(), static_cast<size_t>(own)) << "let through and not recorded";
  EXPECT_EQ(others, 60);
  EXPECT_EQ(passed[kOther].size(), 60u);
  EXPECT_GT((refused[{kFlooder, "unrecorded"}]), 0u);
}

// The ring itself, which many users can fill together: nobody reads.
TEST_F(Flood, OfManyUsersFillsTheRingAndNothingPassesUnrecorded) {
  int through = 0;
  for (uint32_t uid = 64000; uid < 64012; ++uid) through += pass(uid, 250);
  const int late = pass(kOther, 10);
  EXPECT_EQ(late, 0) << "the ring holds fewer records than were sent";
  drain();
  size_t recorded = 0;
  for (const auto& [uid, addresses] : passed) recorded += addresses.size();
  EXPECT_EQ(recorded, static_cast<size_t>(through));
  EXPECT_EQ(pass(kOther, 10), 10) << "read, it takes more";
}

TEST_F(Flood, OfProcessesDoesNotHideWhatIsRefused) {
  ASSERT_EQ(run_as(kFlooder,
                   [] {
                     for (int i = 0; i < 1500; ++i)
                       if (run_inside("", [] { return 0; }) != 0) return 1;
                     return 0;
                   }),
            0);
  ASSERT_EQ(run_as(kOther, [] { return refusals(20); }), 0);
  drain();
  EXPECT_EQ((refused[{kOther, "quic"}]), 20u);
  EXPECT_GT((lost[{kFlooder, "process_events"}]), 0u);
}

// What a stale agent lets through by its configuration is recorded, too, or refused.
TEST_F(Flood, OfStaleConnectsIsRefusedWhereItCannotBeRecorded) {
  GuardConfig config = sandbox.config();
  config.pass_when_stale = true;
  config.stale_after = std::chrono::milliseconds(1);
  auto reopened = Guard::open(config);
  ASSERT_TRUE(reopened);
  guard = std::move(*reopened);
  ::usleep(5'000);
  Listener llm("127.0.0.77", false);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("127.0.0.77", llm.port()), "llm.test"));
  int through = 0, denied = 0;
  Child child(sandbox.cgroup(), [&](int out) {
    for (int i = 0; i < 600; ++i) {
      const int error = try_connect("127.0.0.77", llm.port(), SOCK_STREAM);
      (error == 0 ? through : denied) += error == 0 || error == EPERM;
    }
    const int counts[2] = {through, denied};
    return ::write(out, counts, sizeof counts) == sizeof counts ? 0 : 1;
  });
  int counts[2] = {};
  const std::string bytes = child.read(sizeof counts);
  ASSERT_EQ(bytes.size(), sizeof counts);
  std::memcpy(counts, bytes.data(), sizeof counts);
  EXPECT_EQ(counts[0] + counts[1], 600);
  EXPECT_GT(counts[1], 0);
  int recorded = 0;
  guard->drain_events([&](const Event& event) { recorded += event.kind == EventKind::passed; });
  EXPECT_EQ(recorded, counts[0]);
}

}  // namespace
}  // namespace warden::kernel
