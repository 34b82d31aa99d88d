// SPDX-License-Identifier: Apache-2.0
// Strict mode: which connections to addresses that nobody knows are redirected, and which go their own way.
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/bpf/hello.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

using namespace std::chrono_literals;

constexpr char kSomewhere4[] = "192.0.2.80";  // documentation addresses: nothing answers there
constexpr char kSomewhere6[] = "2001:db8::80";
constexpr uint16_t kPort = 8443;

class Strict : public ::testing::Test {
 protected:
  void SetUp() override { open({443, kPort}); }
  void open(std::vector<uint16_t> ports) {
    GuardConfig config = sandbox.config();
    config.stale_after = 60s;  // whatever else this machine does meanwhile
    change(config);
    config.strict_ports = std::move(ports);
    auto opened = Guard::open(config);
    ASSERT_TRUE(opened) << opened.error().detail;
    guard = std::move(*opened);
    guard->beat();
    ASSERT_TRUE(guard->set_listener(own_netns_cookie(), listener->port()));
  }
  int inside(const std::function<int()>& body) { return run_inside(sandbox.cgroup(), body); }
  // Connects without waiting: what is not redirected would wait for an answer that never comes.
  static int begin(const char* ip, uint16_t port, const std::function<int(int)>& prepare = {}, int protocol = 0) {
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse(ip, port)->to_sockaddr(address);
    const Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
    if (!socket) return errno;
    if (prepare && prepare(socket.get()) != 0) return 255;
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 || errno == EINPROGRESS) return 0;
    return errno == ENETUNREACH || errno == EHOSTUNREACH ? 0 : errno;  // it went its own way, as far as that goes
  }
  std::optional<Flow> accepted(int timeout_ms = 2000) {
    auto one = listener->accept(timeout_ms);
    return one.socket ? guard->find_flow(one.peer, one.local) : std::nullopt;
  }
  bool goes_its_own_way(const std::function<int()>& body) {
    const uint64_t before = guard->counters().redirected;
    EXPECT_EQ(inside(body), 0);
    return !accepted(50) && guard->counters().redirected == before;
  }
  std::vector<Event> events(EventKind kind) {
    std::vector<Event> found;
    guard->drain_events([&](const Event& event) {
      if (event.kind == kind) found.push_back(event);
    });
    return found;
  }

  std::function<void(GuardConfig&)> change = [](GuardConfig&) {};
  Sandbox sandbox;
  std::optional<Listener> listener{std::in_place};
  std::unique_ptr<Guard> guard;
};

TEST_F(Strict, RedirectsToTheConfiguredPortsWhereverTheyLead) {
  for (const char* ip : {kSomewhere4, kSomewhere6})
    for (const uint16_t port : {uint16_t{443}, kPort}) {
      EXPECT_EQ(inside([&] { return try_connect(ip, port, SOCK_STREAM); }), 0);
      const auto flow = accepted();
      ASSERT_TRUE(flow) << ip << " " << port;
      EXPECT_EQ(flow->original.to_string(), Endpoint::parse(ip, port)->to_string());
      EXPECT_TRUE(flow->unknown);
      EXPECT_TRUE(flow->host.empty());
      EXPECT_FALSE(flow->told);
      EXPECT_EQ(flow->process.cgroup_id, cgroup_id(sandbox.cgroup()));
    }
  EXPECT_EQ(inside([] { return try_connect_mapped(kSomewhere4, 443); }), 0);
  const auto mapped = accepted();
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->original.to_string(), "192.0.2.80:443");
  EXPECT_EQ(inside([] { return begin(kSomewhere4, 443, {}, IPPROTO_MPTCP); }), 0);
  EXPECT_TRUE(accepted());
  EXPECT_EQ(guard->counters().redirected, 6u);
  EXPECT_TRUE(events(EventKind::connect).empty()) << "the ring is for LLM connections";
}

TEST_F(Strict, ShowsTheApplicationTheAddressItAskedFor) {
  EXPECT_EQ(inside([] {
              Fd socket;
              sockaddr_storage address{};
              socklen_t length = sizeof address;
              if (try_connect(kSomewhere4, 443, SOCK_STREAM, &socket) != 0) return 1;
              if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return 2;
              return Endpoint::from(reinterpret_cast<sockaddr*>(&address))->to_string() == "192.0.2.80:443" ? 0 : 3;
            }),
            0);
}

TEST_F(Strict, LeavesOtherPortsAndDatagramsAlone) {
  EXPECT_TRUE(goes_its_own_way([] { return begin(kSomewhere4, 444); }));
  EXPECT_TRUE(goes_its_own_way([] { return begin(kSomewhere4, 80); }));
  EXPECT_TRUE(goes_its_own_way([] { return try_connect("127.0.0.1", kPort, SOCK_DGRAM); }));
}

TEST_F(Strict, LeavesThisHostsOwnServicesAlone) {
  for (const char* ip : {"127.0.0.1", "127.9.8.7", "0.0.0.0", "::1", "::"})
    EXPECT_TRUE(goes_its_own_way([&] {
      const int error = begin(ip, kPort);
      return error == ECONNREFUSED ? 0 : error;
    })) << ip;
  EXPECT_TRUE(goes_its_own_way([] {
    const int error = try_connect_mapped("127.0.0.1", kPort);
    return error == ECONNREFUSED ? 0 : error;
  }));
}

TEST_F(Strict, LeavesLinkLocalAddressesAlone) {
  EXPECT_TRUE(goes_its_own_way([] {
    const int error = begin("fe80::80", kPort);
    return error == EINVAL ? 0 : error;  // it takes an interface
  }));
}

TEST_F(Strict, AnEndpointOnLoopbackIsRedirectedAsEver) {
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("127.0.0.77", kPort), "llm.test"));
  EXPECT_EQ(inside([] { return try_connect("127.0.0.77", kPort, SOCK_STREAM); }), 0);
  const auto flow = accepted();
  ASSERT_TRUE(flow);
  EXPECT_FALSE(flow->unknown);
  EXPECT_EQ(flow->host, "llm.test");
  EXPECT_EQ(events(EventKind::connect).size(), 1u);
}

TEST_F(Strict, LeavesSocketsWithARouteOfTheirOwnAlone) {
  const auto mark = [](int socket) {
    const int value = 7;
    return ::setsockopt(socket, SOL_SOCKET, SO_MARK, &value, sizeof value);
  };
  EXPECT_TRUE(goes_its_own_way([&] { return begin(kSomewhere4, 443, mark); }));
  char uplink[IF_NAMESIZE] = {};
  for (unsigned index = 2; index < 64 && *uplink == 0; ++index) ::if_indextoname(index, uplink);
  ASSERT_NE(*uplink, 0) << "this machine has no network device but loopback";
  const auto bind = [&](int socket) { return ::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, uplink, sizeof uplink); };
  EXPECT_TRUE(goes_its_own_way([&] { return begin(kSomewhere4, 443, bind); }));
}

TEST_F(Strict, LeavesWorkersAndTheSupervisorAlone) {
  const std::string workers = sandbox.cgroup() + "/inner";
  ASSERT_EQ(::mkdir(workers.c_str(), 0755), 0);
  change = [&](GuardConfig& config) { config.exempt_cgroup = *cgroup_id(workers); };
  open({443, kPort});
  const uint64_t before = guard->counters().redirected;
  EXPECT_EQ(run_inside(workers, [] { return begin(kSomewhere4, 443); }), 0);
  EXPECT_FALSE(accepted(50));
  EXPECT_EQ(guard->counters().passed, 0u) << "what is no LLM's is not counted as let through";
  // Whoever opens the guard is its supervisor: one that lives in the guarded cgroup itself.
  Child supervisor(sandbox.cgroup(), [&](int) {
    GuardConfig config = sandbox.config();
    config.strict_ports = {443};
    config.stale_after = 60s;
    auto own = Guard::open(config);
    if (!own) return 1;
    (*own)->beat();
    return begin(kSomewhere4, 443);
  });
  EXPECT_EQ(supervisor.wait(), 0);
  EXPECT_FALSE(accepted(50));
  EXPECT_EQ(guard->counters().redirected, before);
}

TEST_F(Strict, GoesDirectWhenTheHeartbeatIsStaleAndLlmsAreRefused) {
  change = [](GuardConfig& config) { config.stale_after = 300ms; };
  open({443, kPort});
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("192.0.2.81", 443), "llm.test"));
  std::this_thread::sleep_for(400ms);
  EXPECT_TRUE(goes_its_own_way([] { return begin(kSomewhere4, 443); }));
  EXPECT_EQ(inside([] { return begin("192.0.2.81", 443); }), EPERM);
}

// Workers end at once with a killed supervisor, long before the heartbeat is stale.
TEST_F(Strict, GoesDirectAtOnceWhenNobodyListensAnyMore) {
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("192.0.2.81", 443), "llm.test"));
  listener.reset();
  const uint64_t before = guard->counters().redirected;
  for (const char* ip : {kSomewhere4, kSomewhere6}) EXPECT_EQ(inside([&] { return begin(ip, 443); }), 0) << ip;
  EXPECT_EQ(guard->counters().redirected, before);
  EXPECT_EQ(inside([] { return try_connect("192.0.2.81", 443, SOCK_STREAM); }), ECONNREFUSED) << "an LLM's goes nowhere";
}

TEST_F(Strict, GoesDirectInANamespaceThatIsNotServedAndTellsOfIt) {
  const uint64_t before = guard->counters().redirected;
  EXPECT_EQ(inside([] { return ::unshare(CLONE_NEWNET) != 0 ? 255 : begin(kSomewhere4, 443); }), 0);
  EXPECT_EQ(guard->counters().redirected, before);
  const auto passed = events(EventKind::passed);
  ASSERT_EQ(passed.size(), 1u);
  EXPECT_EQ(passed[0].reason, "no_listener");
  EXPECT_NE(passed[0].flow.process.netns_cookie, own_netns_cookie());
}

TEST_F(Strict, GoesDirectWhileItIsSuspended) {
  ASSERT_TRUE(guard->suspend_strict(true));
  EXPECT_TRUE(goes_its_own_way([] { return begin(kSomewhere4, 443); }));
  ASSERT_TRUE(guard->suspend_strict(false));
  EXPECT_EQ(inside([] { return begin(kSomewhere4, 443); }), 0);
  EXPECT_TRUE(accepted());
}

TEST_F(Strict, AnAgentThatIsNotStrictLeavesNoPortBehind) {
  open({});
  EXPECT_TRUE(goes_its_own_way([] { return begin(kSomewhere4, 443); }));
  open({kPort});
  EXPECT_TRUE(goes_its_own_way([] { return begin(kSomewhere4, 443); }));
  EXPECT_EQ(inside([] { return begin(kSomewhere4, kPort); }), 0);
  EXPECT_TRUE(accepted());
}

// What goes its own way is under the tripwire's eyes.
TEST_F(Strict, TheTripwireWatchesWhatIsNotRedirected) {
  ASSERT_TRUE(guard->set_names({{"llm.test", 443}}));
  ASSERT_TRUE(guard->suspend_strict(true));
  Listener server("127.0.0.92", false);
  EXPECT_EQ(inside([&] {
              Fd socket;
              if (try_connect("127.0.0.92", server.port(), SOCK_STREAM, &socket) != 0) return 1;
              const std::string hello = client_hello("llm.test");
              return ::send(socket.get(), hello.data(), hello.size(), MSG_NOSIGNAL) < 0 ? 2 : 0;
            }),
            0);
  const auto tripped = events(EventKind::tripped);
  ASSERT_EQ(tripped.size(), 1u);
  EXPECT_EQ(tripped[0].host, "llm.test");
}

}  // namespace
}  // namespace warden::kernel
