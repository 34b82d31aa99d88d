// SPDX-License-Identifier: Apache-2.0
#include "agent/app/host_keys.h"

#include <sys/stat.h>

#include "agent/base/digest.h"

namespace warden::app {
namespace {

constexpr size_t kKeyBytes = 32;

}  // namespace

Result<std::string, FileError> host_key(const std::string& state_dir, const std::string& name) {
  const std::string folder = state_dir + "/keys";
  ::mkdir(folder.c_str(), 0700);
  const std::string path = folder + "/" + name + ".key";
  auto key = read_file(path, 4096);
  if (key && key->size() == kKeyBytes) return key;
  if (key) return fail(FileError::cannot_read, path + ": not a key of ours; move it away to have a new one made");
  if (key.error().code != FileError::cannot_open) return key;
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return key;  // there, but unreadable: never replaced
  std::string fresh = random_bytes(kKeyBytes);
  if (auto written = write_file(path, fresh, 0600); !written) return std::unexpected(written.error());
  return fresh;
}

std::string machine_id() {
  for (const char* path : {"/etc/machine-id", "/proc/sys/kernel/random/boot_id"})
    if (auto id = read_file(path, 4096); id && id->size() > 16) return id->substr(0, id->find('\n'));
  return "unknown";
}

}  // namespace warden::app
