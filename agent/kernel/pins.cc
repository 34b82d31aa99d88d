// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/pins.h"

#include <bpf/bpf.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/base/fd.h"

namespace warden::kernel {
namespace {

namespace fs = std::filesystem;
constexpr char kBpffs[] = "/sys/fs/bpf";

bool on_bpffs(const fs::path& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 && info.f_type == BPF_FS_MAGIC;
}

// The nearest folder that exists: what a new one below it would be made on.
fs::path existing_parent(fs::path path) {
  std::error_code ignored;
  while (!path.empty() && path != "/" && !fs::exists(path, ignored)) path = path.parent_path();
  return path;
}

bool make_directory(const fs::path& path) {
  return ::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST;
}

bool make_path(const fs::path& path) {
  std::error_code ignored;
  if (path.empty() || fs::is_directory(path, ignored)) return true;
  return make_path(path.parent_path()) && make_directory(path);
}

// The kernel lets go of an unlinked pin some time later; detached, its program has run for the last time when
// we return. Tracepoint links cannot be detached so; they only observe, and go with their pin.
void detach_all(const fs::path& links) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(links, error)) {
    const Fd link(bpf_obj_get(entry.path().c_str()));
    if (link) bpf_link_detach(link.get());
  }
}

bool clear_folder(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (::unlink(entry.path().c_str()) != 0 && errno != ENOENT) return false;
  }
  return ::rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

}  // namespace

Result<void, GuardError> Pins::prepare() const {
  const std::string inside = std::string(kBpffs) + "/";
  if (!on_bpffs(existing_parent(directory_)) && directory_.starts_with(inside) && !on_bpffs(kBpffs) &&
      ::mount("bpf", kBpffs, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0)
    return fail(GuardError::no_bpffs,
                std::string("cannot mount bpffs at ") + kBpffs + ": " + std::strerror(errno));
  if (!on_bpffs(existing_parent(directory_)))
    return fail(GuardError::no_bpffs,
                directory_ + " is not on a bpf file system; set bpffs_dir below " + kBpffs);
  if (!make_path(directory_) || !make_directory(directory_ + "/maps") ||
      !make_directory(directory_ + "/links"))
    return fail(GuardError::pin_failed, "cannot create " + directory_ + ": " + std::strerror(errno));
  return {};
}

Result<void, GuardError> Pins::clear() const {
  std::error_code ignored;
  if (!fs::exists(directory_, ignored)) return {};
  // A wrong path in the configuration must not cost anybody their files.
  if (!on_bpffs(directory_)) return fail(GuardError::no_bpffs, directory_ + " is not on a bpf file system");
  detach_all(directory_ + "/links");
  const bool removed = clear_folder(directory_ + "/links") && clear_folder(directory_ + "/maps") &&
                       (::rmdir(directory_.c_str()) == 0 || errno == ENOENT);
  if (!removed)
    return fail(GuardError::pin_failed,
                "cannot remove the pins in " + directory_ + ": " + std::strerror(errno));
  return {};
}

}  // namespace warden::kernel
