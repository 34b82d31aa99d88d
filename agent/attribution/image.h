// SPDX-License-Identifier: Apache-2.0
// Images: what one exec made of a process: file, digest, arguments, folder. Read from /proc as soon as the exec is told, and
// only for the very process and file the kernel named; of a process that is gone, what its file alone still proves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/attribution/executable.h"
#include "agent/attribution/identity.h"
#include "agent/attribution/procfs.h"

namespace warden::attribution {

// The file that an interpreter runs, and how that is known (identity.h).
struct Script {
  Known<std::string> path, sha256;
  std::shared_ptr<PendingDigest> pending;  // as of Image
  std::string basis = "none";
};

// Shared with the children that the process forks.
struct Image {
  FileId file;
  Known<std::string> exe, cwd;
  Known<std::string> sha256;
  bool hash_later = false;  // found by the scan, or the queue was full: hashed when somebody asks
  std::shared_ptr<PendingDigest> pending;  // sha256 comes there; nullptr: sha256 is final
  Known<std::vector<std::string>> argv;
  Script script;
  std::string cgroups;  // /proc/PID/cgroup, where it names a container
};

// What the kernel told of the exec; all empty where the process was only found.
struct ExecFacts {
  std::string_view filename;      // as given to execve()
  const Image* before = nullptr;  // what the process ran until then
  uint64_t start_ns = 0;          // of the process
};

class Images {
 public:
  // nullptr: not that process any more, or it runs another file. `hash`: take the digest now.
  std::shared_ptr<Image> read(int32_t pid, uint64_t start_ticks, const FileId& file, bool hash,
                              const ExecFacts& exec = {});
  // The kernel's inode and device still prove which file ran: the one exec named, or one hashed before.
  std::shared_ptr<Image> of_gone(const FileId& file, std::string_view filename);
  // The digest that was left for later, of a process that may be gone by now. A new image rather than this one filled in:
  // children that were forked before it share the old one, and they may run under another inode by now.
  std::shared_ptr<Image> hashed(const Image& image, int32_t pid, uint64_t start_ticks, const FileId& file,
                                uint64_t start_ns);
  [[nodiscard]] Executables& executables() { return executables_; }
  [[nodiscard]] const Executables& executables() const { return executables_; }

 private:
  void read_script(const ProcDir& proc, const ExecFacts& exec, uint64_t start_ns, bool hash, Image& image);
  void take(int fd, const char* basis, uint64_t start_ns, bool hash, Script& script);

  Executables executables_;
};

}  // namespace warden::attribution
