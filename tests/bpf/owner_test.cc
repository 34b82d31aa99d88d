// SPDX-License-Identifier: Apache-2.0
// Whose a tripped connection is, and what was asked for, when the packet that trips it is made by somebody else, or by
// nobody's call; and when another program has rewritten the address since.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <iterator>

#include "tests/bpf/hello.h"
#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr char kVip[] = "127.0.0.98";

bpf_insn insn(int code, int to, int from, int offset, int32_t value) {
  bpf_insn made{};
  made.code = static_cast<uint8_t>(code);
  made.dst_reg = static_cast<uint8_t>(to & 15);
  made.src_reg = static_cast<uint8_t>(from & 15);
  made.off = static_cast<int16_t>(offset);
  made.imm = value;
  return made;
}

// A load balancer as Cilium's is: connect4 that sends who asks for kVip to 127.0.0.1 instead.
Fd load_balancer() {
  constexpr int kAddress = offsetof(bpf_sock_addr, user_ip4);
  const auto vip = static_cast<int32_t>(htonl(0x7f000062)), real = static_cast<int32_t>(htonl(INADDR_LOOPBACK));
  const bpf_insn program[] = {
      insn(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, kAddress, 0),
      insn(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, vip),
      insn(BPF_JMP | BPF_JNE | BPF_X, BPF_REG_2, BPF_REG_3, 2, 0),
      insn(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, real),
      insn(BPF_STX | BPF_MEM | BPF_W, BPF_REG_1, BPF_REG_3, kAddress, 0),
      insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1),
      insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  return Fd(bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "balance", "GPL", program, std::size(program), &options));
}

class Owner : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->set_names({{"api.llm.test", server.port()}}));
  }
  std::optional<Event> wait_tripped() {
    std::optional<Event> found;
    for (int i = 0; i < 200 && !found; ++i) {
      guard->drain_events([&](const Event& event) {
        if (event.kind == EventKind::tripped) found = event;
      });
      if (!found) ::usleep(10'000);
    }
    if (found) static_cast<void>(destroy_socket(found->socket, 0));
    return found;
  }
  static int send_hello(int socket, int flags = 0) {
    const std::string hello = client_hello("api.llm.test");
    return ::send(socket, hello.data(), hello.size(), MSG_NOSIGNAL | flags) < 0 ? errno : 0;
  }

  Sandbox sandbox;
  Listener listener, server;
  std::unique_ptr<Guard> guard;
};

TEST_F(Owner, IsWhoConnectedThoughAnHeirSends) {
  Child child(sandbox.cgroup(), [&](int) {
    Fd socket;
    if (try_connect("127.0.0.1", server.port(), SOCK_STREAM, &socket) != 0) return 1;
    const pid_t heir = ::fork();
    if (heir == 0) {
      if (::setresgid(65533, 65533, 65533) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
      ::_exit(send_hello(socket.get()));
    }
    int status = 0;
    ::waitpid(heir, &status, 0);
    return status;
  });
  const pid_t pid = child.pid();
  const auto event = wait_tripped();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->flow.process.tgid, pid);
  EXPECT_EQ(event->flow.process.uid, 0u);
  EXPECT_EQ(event->flow.process.cgroup_id, cgroup_id(sandbox.cgroup()));
  EXPECT_GT(event->flow.process.start_boottime_ns, 0u);
  EXPECT_TRUE(event->flow.process.noted);
}

// Held back by the sender, then sent by a timer that interrupts whoever runs.
TEST_F(Owner, IsWhoConnectedThoughATimerSends) {
  Child child(sandbox.cgroup(), [&](int) {
    Fd socket;
    if (::setresgid(65533, 65533, 65533) != 0 || ::setresuid(65534, 65534, 65534) != 0) return 2;
    if (try_connect("127.0.0.1", server.port(), SOCK_STREAM, &socket) != 0) return 1;
    const int error = send_hello(socket.get(), MSG_MORE);
    char byte = 0;
    ::recv(socket.get(), &byte, 1, 0);
    return error;
  });
  const pid_t pid = child.pid();
  const auto event = wait_tripped();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->flow.process.tgid, pid);
  EXPECT_EQ(event->flow.process.uid, 65534u);
  EXPECT_EQ(event->flow.process.gid, 65533u);
  EXPECT_EQ(child.wait(), 0);
}

// The SYN waits for the first byte, and goes with it.
TEST_F(Owner, IsWhoSentTheSynWithData) {
  Child child(sandbox.cgroup(), [&](int) {
    sockaddr_storage address;
    const socklen_t length = Endpoint::parse("127.0.0.1", server.port())->to_sockaddr(address);
    const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on) != 0) return 3;
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return 1;
    return send_hello(socket.get());
  });
  const pid_t pid = child.pid();
  const auto event = wait_tripped();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->flow.process.tgid, pid);
}

TEST_F(Owner, AnAddressThatWasRewrittenIsLearnedAsItWasAskedFor) {
  const Fd cgroup(::open(sandbox.cgroup().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Fd program = load_balancer();
  ASSERT_TRUE(program);
  const Fd link(bpf_link_create(program.get(), cgroup.get(), BPF_CGROUP_INET4_CONNECT, nullptr));
  ASSERT_TRUE(link);
  EXPECT_EQ(run_inside(sandbox.cgroup(),
                       [&] {
                         Fd socket;
                         if (try_connect(kVip, server.port(), SOCK_STREAM, &socket) != 0) return 1;
                         return send_hello(socket.get());
                       }),
            0);
  EXPECT_TRUE(server.accept().socket) << "it was rewritten";
  const auto event = wait_tripped();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->flow.original.to_string(), kVip + (":" + std::to_string(server.port())));
  EXPECT_EQ(run_inside(sandbox.cgroup(), [&] { return try_connect(kVip, server.port(), SOCK_STREAM); }), 0);
  EXPECT_TRUE(listener.accept().socket);
}

// It was redirected once; what it asks of the listener by itself afterwards is its own.
TEST_F(Owner, OfARedirectedSocketIsForgottenWhenItConnectsToTheListenerItself) {
  ASSERT_TRUE(guard->add_destination(*Endpoint::parse("192.0.2.10", 443), "llm.test"));
  Child child(sandbox.cgroup(), [&](int) {
    Fd socket;
    if (try_connect("192.0.2.10", 443, SOCK_STREAM, &socket) != 0) return 1;
    sockaddr_storage address{};  // AF_UNSPEC disconnects
    ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    const socklen_t length = Endpoint::parse("127.0.0.1", listener.port())->to_sockaddr(address);
    return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
  });
  EXPECT_EQ(child.wait(), 0);
  const auto first = listener.accept(), second = listener.accept();
  ASSERT_TRUE(second.socket);
  EXPECT_FALSE(guard->find_flow(second.peer, second.local));
}

}  // namespace
}  // namespace warden::kernel
