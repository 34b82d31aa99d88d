// SPDX-License-Identifier: Apache-2.0
// Needs root, as everything that enters namespaces does.
#include "agent/kernel/netns.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace warden::kernel {
namespace {

// A child in a network namespace of its own, until the test ends.
class Resident {
 public:
  Resident() {
    int ready[2];
    if (::pipe(ready) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      const char done = ::unshare(CLONE_NEWNET) == 0 ? 'y' : 'n';
      (void)!::write(ready[1], &done, 1);
      ::pause();
      ::_exit(0);
    }
    char done = 'n';
    (void)!::read(ready[0], &done, 1);
    ok_ = done == 'y';
    ::close(ready[0]), ::close(ready[1]);
  }
  ~Resident() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  bool ok_ = false;
};

TEST(Netns, IsEnteredByAnotherThreadOnly) {
  const Resident resident;
  ASSERT_TRUE(resident.ok()) << "needs root";
  const auto netns = Netns::of(resident.pid());
  ASSERT_TRUE(netns) << netns.error().detail;
  EXPECT_NE(netns->cookie(), 0u);
  EXPECT_NE(netns->cookie(), own_netns_cookie());
  uint64_t inside = 0;
  std::thread::id maker;
  ASSERT_TRUE(netns->run([&] {
    inside = own_netns_cookie();
    maker = std::this_thread::get_id();
  }));
  EXPECT_EQ(inside, netns->cookie());
  EXPECT_NE(maker, std::this_thread::get_id());
  EXPECT_NE(own_netns_cookie(), inside) << "the caller has moved";
  struct stat status {};
  ASSERT_EQ(::stat(("/proc/" + std::to_string(resident.pid()) + "/ns/net").c_str(), &status), 0);
  EXPECT_EQ(netns->inode(), status.st_ino);
}

TEST(Netns, OfAProcessThatIsGoneIsSaidToBeGone) {
  pid_t pid = -1;
  {
    const Resident resident;
    pid = resident.pid();
  }
  const auto netns = Netns::of(pid);
  ASSERT_FALSE(netns);
  EXPECT_EQ(netns.error().code, NetnsError::gone);
}

}  // namespace
}  // namespace warden::kernel
