// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/netns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "agent/base/file.h"
#include "agent/kernel/mounts.h"

namespace warden::kernel {

Result<Netns, NetnsError> Netns::of(pid_t pid) {
  return at("/proc/" + std::to_string(pid) + "/ns/net");
}

Result<Netns, NetnsError> Netns::at(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd)
    return fail(errno == EACCES || errno == EPERM ? NetnsError::not_permitted : NetnsError::gone,
                path + ": " + std::strerror(errno));
  return of(std::move(fd));
}

Result<Netns, NetnsError> Netns::of(Fd fd) {
  Netns netns(std::move(fd));
  struct stat status {};
  if (::fstat(netns.fd_.get(), &status) != 0) return fail(NetnsError::gone, std::string("fstat: ") + std::strerror(errno));
  netns.inode_ = status.st_ino;
  uint64_t cookie = 0;
  if (auto done = netns.run([&] { cookie = own_netns_cookie(); }); !done) return std::unexpected(done.error());
  netns.cookie_ = cookie;
  return netns;
}

uint32_t Netns::owner() const {
  constexpr int kLevelsMax = 33;  // the kernel allows 32
  struct stat own {}, at {};
  uint32_t owner = 0;
  if (::stat("/proc/self/ns/user", &own) != 0) return owner;
  Fd users(::ioctl(fd_.get(), NS_GET_USERNS));
  for (int level = 0; level < kLevelsMax && users && ::fstat(users.get(), &at) == 0 && at.st_ino != own.st_ino; ++level) {
    uid_t uid = 0;
    if (::ioctl(users.get(), NS_GET_OWNER_UID, &uid) != 0) break;
    owner = uid;
    users.reset(::ioctl(users.get(), NS_GET_PARENT));
  }
  return owner;
}

Result<void, NetnsError> Netns::run(const std::function<void()>& make) const {
  int error = 0;
  try {
    std::thread([&] {
      error = ::setns(fd_.get(), CLONE_NEWNET) == 0 ? 0 : errno;
      if (error == 0) make();
    }).join();
  } catch (const std::system_error& refused) {  // the one thing that std::thread says by throwing
    return fail(NetnsError::no_thread, refused.what());
  }
  if (error != 0) return fail(NetnsError::not_permitted, std::string("setns: ") + std::strerror(error));
  return {};
}

std::map<ino_t, std::string> mounted_netns() {
  constexpr std::string_view kNet = "net:[";
  std::map<ino_t, std::string> found;
  for (const auto& [process, prefix] : {std::pair{"/proc/self", ""}, std::pair{"/proc/1", "/proc/1/root"}}) {
    const auto mountinfo = read_file(std::string(process) + "/mountinfo");
    if (!mountinfo) continue;
    for (const Mount& mount : parse_mounts(*mountinfo)) {
      ino_t inode = 0;
      if (mount.type != "nsfs" || !mount.root.starts_with(kNet)) continue;
      const char* end = mount.root.data() + mount.root.size();
      if (std::from_chars(mount.root.data() + kNet.size(), end, inode).ec == std::errc()) found.emplace(inode, prefix + mount.point);
    }
  }
  return found;
}

}  // namespace warden::kernel
