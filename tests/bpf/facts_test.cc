// SPDX-License-Identifier: Apache-2.0
// Attribution: the flow names the process that called connect(), by facts it cannot choose.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr char kLlm[] = "192.0.2.10";

class Facts : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse(kLlm, 443), "llm.test"));
  }
  std::optional<Flow> accepted_flow() {
    auto accepted = listener.accept();
    if (!accepted.socket) return std::nullopt;
    return guard->find_flow(accepted.peer, accepted.local);
  }

  Sandbox sandbox;
  Listener listener;
  std::unique_ptr<Guard> guard;
};

int connect_llm() {
  return try_connect(kLlm, 443, SOCK_STREAM);
}

TEST_F(Facts, NameTheProcess) {
  Child child(sandbox.cgroup(), [](int) { return connect_llm(); });
  const pid_t pid = child.pid();
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  const ProcessFacts& facts = flow->process;
  EXPECT_EQ(facts.tgid, pid);
  EXPECT_EQ(facts.tid, pid);
  EXPECT_EQ(facts.ppid, ::getpid());
  EXPECT_EQ(facts.uid, ::getuid());
  EXPECT_EQ(facts.netns_cookie, own_netns_cookie());
  EXPECT_EQ(facts.cgroup_id, cgroup_id(sandbox.cgroup()));
  ASSERT_FALSE(facts.cgroup_names.empty());
  EXPECT_EQ("/" + facts.cgroup_names[0], sandbox.cgroup().substr(sandbox.cgroup().rfind('/')));
  struct stat exe {};
  ASSERT_EQ(::stat("/proc/self/exe", &exe), 0);
  EXPECT_EQ(facts.exe_inode, exe.st_ino);
  EXPECT_EQ(facts.exe_device, exe.st_dev);
  const int64_t now_ns = boot_us() * 1000;
  EXPECT_GT(static_cast<int64_t>(facts.start_boottime_ns), now_ns - 30'000'000'000);
  EXPECT_LE(static_cast<int64_t>(facts.start_boottime_ns), static_cast<int64_t>(flow->connect_boot_ns));
  EXPECT_LE(static_cast<int64_t>(flow->connect_boot_ns), now_ns);
}

TEST_F(Facts, StartTimeIsThatOfProc) {
  Child child(sandbox.cgroup(), [](int out) {
    const int error = connect_llm();
    const auto stat = read_file("/proc/self/stat");
    // Field 22, counted behind the parenthesised name: clock ticks since boot.
    std::string rest = stat->substr(stat->rfind(')') + 2);
    for (int field = 3; field < 22; ++field) rest.erase(0, rest.find(' ') + 1);
    const uint64_t ticks = std::stoull(rest);
    return error == 0 && ::write(out, &ticks, sizeof ticks) == sizeof ticks ? 0 : 1;
  });
  const std::string bytes = child.read(8);
  ASSERT_EQ(bytes.size(), 8u);
  uint64_t ticks = 0;
  memcpy(&ticks, bytes.data(), 8);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  const uint64_t tick_ns = 1'000'000'000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(flow->process.start_boottime_ns / tick_ns, ticks);
}

TEST_F(Facts, UidIsThatOfTheConnect) {
  EXPECT_EQ(run_inside(sandbox.cgroup(),
                       [] {
                         if (::setresgid(65533, 65533, 65533) != 0) return 1;
                         return ::setresuid(65534, 65532, 65532) != 0 ? 2 : connect_llm();
                       }),
            0);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->process.uid, 65534u);
  EXPECT_EQ(flow->process.euid, 65532u);
  EXPECT_EQ(flow->process.gid, 65533u);
}

TEST_F(Facts, LoginuidSurvivesSetuid) {
  const auto set_loginuid = [] {
    const Fd file(::open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC));
    return file && ::write(file.get(), "4321", 4) == 4;
  };
  Child child(sandbox.cgroup(), [&](int out) {
    if (!set_loginuid() || ::setresuid(65534, 65534, 65534) != 0) return 1;
    const int error = connect_llm();
    const auto session = read_file("/proc/self/sessionid");
    const uint32_t id = static_cast<uint32_t>(std::stoul(*session));
    return error == 0 && ::write(out, &id, sizeof id) == sizeof id ? 0 : 2;
  });
  const std::string bytes = child.read(4);
  ASSERT_EQ(bytes.size(), 4u) << "body returned " << child.wait();
  uint32_t session = 0;
  memcpy(&session, bytes.data(), 4);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->process.loginuid, 4321u);
  EXPECT_EQ(flow->process.session, session);
  EXPECT_EQ(flow->process.uid, 65534u);
}

TEST_F(Facts, AForgedNameChangesOnlyComm) {
  Child child(sandbox.cgroup(), [](int) {
    ::prctl(PR_SET_NAME, "trusted-daemon");
    return connect_llm();
  });
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->process.comm, "trusted-daemon");
  EXPECT_EQ(flow->process.tgid, child.pid());
  struct stat exe {};
  ASSERT_EQ(::stat("/proc/self/exe", &exe), 0);
  EXPECT_EQ(flow->process.exe_inode, exe.st_ino);
}

TEST_F(Facts, AThreadIsItsProcess) {
  Child child(sandbox.cgroup(), [](int) {
    int error = -1;
    std::thread([&] {
      ::prctl(PR_SET_NAME, "worker");
      error = connect_llm();
    }).join();
    return error;
  });
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->process.tgid, child.pid());
  EXPECT_NE(flow->process.tid, child.pid());
  EXPECT_NE(flow->process.comm, "worker");
}

TEST_F(Facts, AfterAForkTheOwnerIsWhoConnected) {
  Child child(sandbox.cgroup(), [](int) {
    Fd socket;
    if (try_connect(kLlm, 443, SOCK_STREAM, &socket) != 0) return 1;
    const pid_t heir = ::fork();
    if (heir == 0) {
      if (::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
      ::_exit(::write(socket.get(), "x", 1) == 1 ? 0 : 1);
    }
    socket.reset();
    int status = 0;
    ::waitpid(heir, &status, 0);
    return status;
  });
  const pid_t pid = child.pid();
  EXPECT_EQ(child.wait(), 0);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->process.tgid, pid);
  EXPECT_EQ(flow->process.uid, 0u);
}

TEST_F(Facts, OutliveAProcessThatSendsAndExits) {
  for (int i = 0; i < 60; ++i) {
    Child child(sandbox.cgroup(), [](int) {
      Fd socket;
      if (try_connect(kLlm, 443, SOCK_STREAM, &socket) != 0) return 1;
      return ::write(socket.get(), "x", 1) == 1 ? 0 : 2;
    });
    const pid_t pid = child.pid();
    ASSERT_EQ(child.wait(), 0);
    const auto flow = accepted_flow();
    ASSERT_TRUE(flow) << "connection " << i;
    EXPECT_EQ(flow->process.tgid, pid);
  }
}

TEST_F(Facts, CgroupNamesGoFromTheLeafUp) {
  const std::string inner = sandbox.cgroup() + "/inner";
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  ASSERT_EQ(run_inside(inner, connect_llm), 0);
  const auto flow = accepted_flow();
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->process.cgroup_id, cgroup_id(inner));
  ASSERT_GE(flow->process.cgroup_names.size(), 2u);
  EXPECT_EQ(flow->process.cgroup_names[0], "inner");
  EXPECT_EQ("/" + flow->process.cgroup_names[1], sandbox.cgroup().substr(sandbox.cgroup().rfind('/')));
}

}  // namespace
}  // namespace warden::kernel
