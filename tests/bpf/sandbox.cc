// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "agent/base/check.h"
#include "agent/base/file.h"

namespace warden::kernel {
namespace {

bool write_text(const std::string& path, const std::string& text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

void remove_cgroup(const std::string& path) {
  // cgroup.kill is Linux 5.14; the tests' processes are few and end by themselves otherwise.
  write_text(path + "/cgroup.kill", "1");
  for (int i = 0; i < 200 && ::rmdir(path.c_str()) != 0 && errno == EBUSY; ++i) ::usleep(10'000);
}

[[noreturn]] void clean_when_closed(int alive, const std::string& cgroup, const std::string& bpffs) {
  ::setsid();  // a Ctrl-C at the test must not reach it
  char byte = 0;
  while (::read(alive, &byte, 1) < 0 && errno == EINTR) {
  }
  static_cast<void>(Guard::remove(bpffs));
  remove_cgroup(cgroup + "/inner");
  remove_cgroup(cgroup);
  ::_exit(0);
}

int connect_to(const sockaddr_storage& address, socklen_t length, int type, Fd* kept) {
  Fd socket(::socket(address.ss_family, type | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return errno;
  if (kept) *kept = std::move(socket);
  return 0;
}

}  // namespace

Child::Child(const std::string& cgroup, const std::function<int(int out)>& body) {
  int ends[2];
  WARDEN_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  pid_ = ::fork();
  WARDEN_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    ::close(ends[0]);
    if (!cgroup.empty() && !write_text(cgroup + "/cgroup.procs", "0")) ::_exit(99);
    ::_exit(body(ends[1]));
  }
  ::close(ends[1]);
  output_.reset(ends[0]);
}

Child::~Child() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  wait();
}

std::string Child::read(size_t bytes) {
  std::string text;
  while (text.size() < bytes) {
    char block[512];
    const ssize_t n = ::read(output_.get(), block, std::min(sizeof block, bytes - text.size()));
    if (n <= 0) break;
    text.append(block, static_cast<size_t>(n));
  }
  return text;
}

int Child::wait() {
  int status = 0;
  const pid_t pid = std::exchange(pid_, -1);
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

int run_inside(const std::string& cgroup, const std::function<int()>& body) {
  return Child(cgroup, [&](int) { return body(); }).wait();
}

int try_connect(const std::string& ip, uint16_t port, int type, Fd* kept) {
  sockaddr_storage address;
  const socklen_t length = Endpoint::parse(ip, port)->to_sockaddr(address);
  return connect_to(address, length, type, kept);
}

int try_connect_mapped(const std::string& ip, uint16_t port, Fd* kept) {
  const Endpoint endpoint = *Endpoint::parse(ip, port);
  sockaddr_storage address{};
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  std::memcpy(&v6->sin6_addr, endpoint.address.data(), 16);
  return connect_to(address, sizeof *v6, SOCK_STREAM, kept);
}

Listener::Listener(const std::string& ip, bool both) {
  // A port free at one address may be taken at the other: try again with another.
  for (int i = 0; i < 20; ++i) {
    sockets_.clear();
    if (bind_at(ip, 0) && (!both || bind_at("::1", port_))) return;
  }
  WARDEN_CHECK(false);
}

bool Listener::bind_at(const std::string& ip, uint16_t port) {
  sockaddr_storage address;
  socklen_t length = Endpoint::parse(ip, port)->to_sockaddr(address);
  Fd socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), raw, length) != 0 || ::listen(socket.get(), 1024) != 0) return false;
  ::getsockname(socket.get(), raw, &length);
  port_ = Endpoint::from(raw)->port;
  sockets_.push_back(std::move(socket));
  return true;
}

Listener::Accepted Listener::accept(int timeout_ms) {
  std::vector<pollfd> polled;
  for (const Fd& socket : sockets_) polled.push_back({socket.get(), POLLIN, 0});
  Accepted accepted;
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return accepted;
  for (const pollfd& ready : polled) {
    if (!(ready.revents & POLLIN)) continue;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    accepted.socket.reset(::accept4(ready.fd, raw, &length, SOCK_CLOEXEC));
    accepted.peer = Endpoint::from(raw).value_or(Endpoint{});
    length = sizeof address;
    ::getsockname(accepted.socket.get(), raw, &length);
    accepted.local = Endpoint::from(raw).value_or(Endpoint{});
    break;
  }
  return accepted;
}

Sandbox::Sandbox() {
  const auto root = cgroup2_root();
  WARDEN_CHECK(root);
  root_ = *root;
  guards_root_ = std::getenv("WARDEN_GUARD_ROOT") != nullptr;
  const std::string name = "warden-test-" + std::to_string(::getpid());
  cgroup_ = *root + "/" + name;
  bpffs_ = "/sys/fs/bpf/" + name;
  int ends[2];
  WARDEN_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  janitor_ = ::fork();
  if (janitor_ == 0) {
    ::close(ends[1]);
    clean_when_closed(ends[0], cgroup_, bpffs_);
  }
  ::close(ends[0]);
  alive_.reset(ends[1]);
  WARDEN_CHECK(::mkdir(cgroup_.c_str(), 0755) == 0);
}

Sandbox::~Sandbox() {
  alive_.reset();
  int status = 0;
  ::waitpid(janitor_, &status, 0);
}

GuardConfig Sandbox::config() const {
  GuardConfig config;
  config.cgroup = guards_root_ ? root_ : cgroup_;
  config.bpffs_dir = bpffs_;
  config.stale_after = std::chrono::minutes(1);  // a busy machine must not fail a test that is not about it
  return config;
}

std::unique_ptr<Guard> Sandbox::open_guard(const Listener& listener) {
  auto guard = Guard::open(config());
  if (!guard) {
    ADD_FAILURE() << guard.error().detail;
    return nullptr;
  }
  EXPECT_TRUE((*guard)->set_listener(own_netns_cookie(), listener.port()));
  (*guard)->beat();
  return std::move(*guard);
}

}  // namespace warden::kernel
