// SPDX-License-Identifier: Apache-2.0
// Life of a guard and of the processes it watches: takeover, removal, refusal to open, and exec, fork and
// exit events.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "bpf/abi.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr char kLlm[] = "192.0.2.10";

class Life : public ::testing::Test {
 protected:
  int connect_llm() {
    return run_inside(sandbox.cgroup(), [] { return try_connect(kLlm, 443, SOCK_STREAM); });
  }

  Sandbox sandbox;
  Listener listener;
};

TEST_F(Life, ASecondGuardTakesOver) {
  auto first = sandbox.open_guard(listener);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->took_over());
  ASSERT_TRUE(first->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  ASSERT_EQ(connect_llm(), 0);
  first.reset();
  // The pins redirect while no agent runs, as long as the last beat is fresh.
  ASSERT_EQ(connect_llm(), 0);
  auto second = sandbox.open_guard(listener);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->took_over());
  ASSERT_EQ(connect_llm(), 0);
  for (int i = 0; i < 3; ++i) {
    auto accepted = listener.accept();
    const auto flow = second->find_flow(accepted.peer, accepted.local);
    ASSERT_TRUE(flow) << "connection " << i;
    EXPECT_EQ(flow->original.to_string(), "192.0.2.10:443");
  }
  EXPECT_EQ(second->counters().redirected, 3u) << "each program attached once";
}

TEST_F(Life, NoConnectionEscapesATakeover) {
  auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  Child client(sandbox.cgroup(), [](int) {
    // Nothing answers at the address itself: each success is a redirection.
    for (int i = 0; i < 1500; ++i)
      if (const int error = try_connect(kLlm, 443, SOCK_STREAM); error != 0) return error;
    return 0;
  });
  const pid_t pid = client.pid();
  int accepted = 0, swaps = 0, misses = 0;
  for (; accepted < 1500; ++accepted) {
    auto connection = listener.accept();
    if (!connection.socket) break;
    const auto flow = guard->find_flow(connection.peer, connection.local);
    misses += !flow || flow->process.tgid != pid;
    if (accepted % 150 == 0) {
      guard = sandbox.open_guard(listener);
      ASSERT_TRUE(guard);
      ++swaps;
    }
    guard->beat();
  }
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(accepted, 1500);
  EXPECT_EQ(misses, 0);
  EXPECT_EQ(swaps, 10);
}

TEST_F(Life, PinsOfAnotherCgroupAreNotTakenOver) {
  ASSERT_TRUE(sandbox.open_guard(listener));
  const std::string inner = sandbox.cgroup() + "/inner";
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  GuardConfig config = sandbox.config();
  config.cgroup = inner;
  auto guard = Guard::open(config);
  ASSERT_TRUE(guard);
  EXPECT_FALSE((*guard)->took_over());
  ASSERT_TRUE((*guard)->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  // Nobody beats: what is guarded is refused. The outer cgroup no longer is, and a UDP connect needs no peer.
  const auto connect = [] { return try_connect(kLlm, 443, SOCK_DGRAM); };
  EXPECT_EQ(run_inside(inner, connect), EPERM);
  EXPECT_NE(run_inside(sandbox.cgroup(), connect), EPERM);
}

TEST_F(Life, RemoveLeavesNothing) {
  auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  EXPECT_EQ(::access(sandbox.bpffs().c_str(), F_OK), 0);
  guard.reset();
  ASSERT_TRUE(Guard::remove(sandbox.bpffs()));
  EXPECT_NE(::access(sandbox.bpffs().c_str(), F_OK), 0);
  EXPECT_NE(run_inside(sandbox.cgroup(), [] { return try_connect(kLlm, 443, SOCK_DGRAM); }), EPERM);
  EXPECT_TRUE(Guard::remove(sandbox.bpffs())) << "a second time is no error";
}

TEST_F(Life, OpenSaysWhyNot) {
  GuardConfig config = sandbox.config();
  config.cgroup = "/tmp";
  const auto no_cgroup = Guard::open(config);
  ASSERT_FALSE(no_cgroup);
  EXPECT_EQ(no_cgroup.error().code, GuardError::no_cgroup);
  config = sandbox.config();
  config.bpffs_dir = "/tmp/warden-no-bpffs";
  const auto no_bpffs = Guard::open(config);
  ASSERT_FALSE(no_bpffs);
  EXPECT_EQ(no_bpffs.error().code, GuardError::no_bpffs);
  EXPECT_EQ(run_inside("",
                       [&] {
                         if (::setresuid(65534, 65534, 65534) != 0) return 1;
                         const auto unprivileged = Guard::open(sandbox.config());
                         return !unprivileged && unprivileged.error().code == GuardError::not_permitted ? 0
                                                                                                        : 2;
                       }),
            0);
}

TEST_F(Life, RemoveTouchesNothingButPins) {
  const std::string folder = "/tmp/warden-test-" + std::to_string(::getpid());
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  ASSERT_EQ(::mkdir((folder + "/maps").c_str(), 0700), 0);
  EXPECT_FALSE(Guard::remove(folder));
  EXPECT_EQ(::rmdir((folder + "/maps").c_str()), 0);
  EXPECT_EQ(::rmdir(folder.c_str()), 0);
}

TEST_F(Life, PinsOfAnotherLayoutAreReplaced) {
  ASSERT_TRUE(sandbox.open_guard(listener));
  {
    const Fd map(bpf_obj_get((sandbox.bpffs() + "/maps/config").c_str()));
    const uint32_t zero = 0;
    ew_config config{};
    ASSERT_EQ(bpf_map_lookup_elem(map.get(), &zero, &config), 0);
    config.layout_version++;
    ASSERT_EQ(bpf_map_update_elem(map.get(), &zero, &config, BPF_ANY), 0);
  }
  const auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  EXPECT_FALSE(guard->took_over());
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  EXPECT_EQ(connect_llm(), 0);
  EXPECT_EQ(guard->counters().redirected, 1u);
}

TEST_F(Life, TheProbeFindsThisKernelFit) {
  for (const Probe& found : probe()) EXPECT_TRUE(found.ok) << found.what << ": " << found.remedy;
}

TEST_F(Life, ReportsForkExecAndExit) {
  auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  Child child(sandbox.cgroup(), [](int) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl("/bin/true", "true", nullptr);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  });
  const pid_t parent = child.pid();
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(run_inside("", [] { return 0; }), 0);  // outside: must not be reported
  pollfd ready{guard->event_fd(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, 1000), 1);
  std::vector<Event> events;
  guard->drain_events([&](const Event& event) { events.push_back(event); });
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].kind, EventKind::fork);
  EXPECT_EQ(events[0].process.ppid, parent);
  const int32_t pid = events[0].process.tgid;
  EXPECT_EQ(events[1].kind, EventKind::exec);
  EXPECT_EQ(events[1].process.tgid, pid);
  EXPECT_EQ(events[1].filename, "/bin/true");
  EXPECT_EQ(events[1].process.comm, "true");
  struct stat exe {};
  ASSERT_EQ(::stat("/bin/true", &exe), 0);
  EXPECT_EQ(events[1].process.exe_inode, exe.st_ino);
  EXPECT_EQ(events[2].kind, EventKind::exit);
  EXPECT_EQ(events[2].process.tgid, pid);
  EXPECT_EQ(events[2].process.start_boottime_ns, events[0].process.start_boottime_ns);
  EXPECT_EQ(events[3].process.tgid, parent);
  EXPECT_EQ(events[0].creator_tgid, parent);
  EXPECT_EQ(events[0].creator_start_boottime_ns, events[3].process.start_boottime_ns);
  for (int i : {0, 1}) EXPECT_EQ(events[static_cast<size_t>(i)].process.parent_start_boottime_ns, events[3].process.start_boottime_ns) << i;
  for (size_t i = 1; i < 4; ++i) EXPECT_LT(events[i - 1].boot_ns, events[i].boot_ns);
  EXPECT_GT(events[0].boot_ns, events[0].process.start_boottime_ns);
}

TEST_F(Life, ASiblingsCreatorIsTold) {
  auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  Child child(sandbox.cgroup(), [](int) {
    clone_args wanted{};
    wanted.flags = CLONE_PARENT;  // the signal at its end is then the parent's choice
    const auto sibling = ::syscall(SYS_clone3, &wanted, sizeof wanted);
    if (sibling == 0) ::_exit(0);
    return sibling > 0 ? 0 : 1;
  });
  const pid_t creator = child.pid();
  EXPECT_EQ(child.wait(), 0);
  std::optional<Event> born;
  guard->drain_events([&](const Event& event) {
    if (event.kind == EventKind::fork) born = event;
  });
  ASSERT_TRUE(born);
  ::waitpid(born->process.tgid, nullptr, 0);
  EXPECT_EQ(born->process.ppid, ::getpid());
  EXPECT_EQ(born->creator_tgid, creator);
}

TEST_F(Life, LostEventsAreCounted) {
  auto guard = sandbox.open_guard(listener);
  ASSERT_TRUE(guard);
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  // More refusals than the ring holds while nobody reads.
  ASSERT_EQ(run_inside(sandbox.cgroup(),
                       [] {
                         for (int i = 0; i < 3000; ++i) try_connect(kLlm, 443, SOCK_DGRAM);
                         return 0;
                       }),
            0);
  uint64_t delivered = 0;
  guard->drain_events([&](const Event& event) { delivered += event.kind == EventKind::quic_refused; });
  const Counters counters = guard->counters();
  EXPECT_EQ(counters.refused, 3000u);
  EXPECT_GT(counters.events_dropped, 0u);
  EXPECT_GE(delivered + counters.events_dropped, 3000u);
}

}  // namespace
}  // namespace warden::kernel
