// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/pin_watch.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <algorithm>

namespace warden::kernel {
namespace {

constexpr uint64_t kGone = FAN_DELETE | FAN_MOVED_FROM | FAN_ONDIR;

bool mark_folder(int fd, const std::string& folder) {
  return ::fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, kGone, AT_FDCWD, folder.c_str()) == 0;
}

}  // namespace

std::optional<PinWatch> PinWatch::open(const std::string& bpffs_dir) {
  Fd fd(::fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY));
  if (!fd || !mark_folder(fd.get(), bpffs_dir) || !mark_folder(fd.get(), bpffs_dir + "/maps") ||
      !mark_folder(fd.get(), bpffs_dir + "/links"))
    return std::nullopt;
  return PinWatch(std::move(fd), bpffs_dir);
}

void PinWatch::mark() const {
  for (const char* folder : {"", "/maps", "/links"}) (void)mark_folder(fd_.get(), directory_ + folder);
}

std::vector<pid_t> PinWatch::take() const {
  std::vector<pid_t> pids;
  alignas(fanotify_event_metadata) char block[16384];
  for (;;) {
    ssize_t left = ::read(fd_.get(), block, sizeof block);
    if (left <= 0) return pids;
    for (auto* event = reinterpret_cast<fanotify_event_metadata*>(block); FAN_EVENT_OK(event, left);
         event = FAN_EVENT_NEXT(event, left)) {
      if (event->vers != FANOTIFY_METADATA_VERSION || event->pid == ::getpid() || event->pid <= 0) continue;
      if (std::ranges::find(pids, event->pid) == pids.end()) pids.push_back(event->pid);
    }
  }
}

}  // namespace warden::kernel
