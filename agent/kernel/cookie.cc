// SPDX-License-Identifier: Apache-2.0
// The cookie of the calling thread's network namespace. Sockets tell it since Linux 5.14; before, only programs can ask
// for it, so one is attached to our own cgroup for as long as a single connect() takes.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>
#include <iterator>

#include "agent/base/fd.h"
#include "agent/base/file.h"
#include "agent/kernel/guard.h"
#include "agent/kernel/netns.h"

namespace warden::kernel {
namespace {

constexpr uint8_t kAllow = 1;

bpf_insn insn(int code, int to, int from, int16_t offset = 0, int32_t value = 0) {
  bpf_insn made{};
  made.code = static_cast<uint8_t>(code);
  made.dst_reg = static_cast<uint8_t>(to & 15);
  made.src_reg = static_cast<uint8_t>(from & 15);
  made.off = offset;
  made.imm = value;
  return made;
}

bpf_insn move(int to, int from) { return insn(BPF_ALU64 | BPF_MOV | BPF_X, to, from); }
bpf_insn add(int to, int32_t value) { return insn(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value); }
bpf_insn call(int32_t helper) { return insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }

// connect4: if the address asked for is `address`, cookies[0] = the namespace's cookie.
Fd load_teller(uint32_t address, int cookies) {
  const auto value = static_cast<int32_t>(address);
  const bpf_insn program[] = {
      insn(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, offsetof(bpf_sock_addr, user_ip4)),
      insn(BPF_ALU | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, value),
      insn(BPF_JMP | BPF_JNE | BPF_X, BPF_REG_2, BPF_REG_3, 11),
      call(BPF_FUNC_get_netns_cookie),
      insn(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_0, -8),
      insn(BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -12),
      insn(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, cookies),
      insn(0, 0, 0),
      move(BPF_REG_2, BPF_REG_10),
      add(BPF_REG_2, -12),
      move(BPF_REG_3, BPF_REG_10),
      add(BPF_REG_3, -8),
      insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0),
      call(BPF_FUNC_map_update_elem),
      insn(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, kAllow),
      insn(BPF_JMP | BPF_EXIT, 0, 0),
  };
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  options.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
  return Fd(bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "ew_cookie", "GPL", program, std::size(program), &options));
}

// The narrowest place that sees our connect() and disturbs nobody else's.
Fd own_cgroup() {
  const auto root = cgroup2_root();
  const auto lines = read_file("/proc/thread-self/cgroup");
  if (!root || !lines) return Fd();
  const size_t at = lines->starts_with("0::") ? 0 : lines->find("\n0::");
  if (at == std::string::npos) return Fd();
  const size_t path = lines->find("::", at) + 2;
  const std::string own = *root + lines->substr(path, lines->find('\n', path) - path);
  return Fd(::open(own.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

uint64_t netns_cookie_by_program() {
  // An address of loopback that nobody else will ask for meanwhile.
  uint32_t chance = 0;
  if (::getrandom(&chance, sizeof chance, 0) != sizeof chance) return 0;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(0x7f000000 | (chance & 0xffffff));
  const Fd cookies(bpf_map_create(BPF_MAP_TYPE_ARRAY, "ew_cookie", sizeof(uint32_t), sizeof(uint64_t), 1, nullptr));
  const Fd cgroup = own_cgroup();
  if (!cookies || !cgroup) return 0;
  const Fd program = load_teller(address.sin_addr.s_addr, cookies.get());
  if (!program) return 0;
  const Fd link(bpf_link_create(program.get(), cgroup.get(), BPF_CGROUP_INET4_CONNECT, nullptr));
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!link || !socket) return 0;
  // Whether it succeeds does not matter: the hook comes before the route.
  static_cast<void>(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  const uint32_t only = 0;
  uint64_t cookie = 0;
  return bpf_map_lookup_elem(cookies.get(), &only, &cookie) == 0 ? cookie : 0;
}

uint64_t own_netns_cookie() {
  constexpr int kSoNetnsCookie = 71;  // Linux 5.14
  const Fd probe(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (probe && ::getsockopt(probe.get(), SOL_SOCKET, kSoNetnsCookie, &cookie, &length) == 0) return cookie;
  return netns_cookie_by_program();
}

}  // namespace warden::kernel
