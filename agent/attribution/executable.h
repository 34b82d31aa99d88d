// SPDX-License-Identifier: Apache-2.0
// Executables: SHA-256 of program files, each file hashed once. A digest is given only for the very file the
// kernel names (inode and device); a file that changes while it is hashed has none.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "agent/attribution/identity.h"

namespace warden::attribution {

// What the kernel saw: i_ino and s_dev of the file behind mm->exe_file. Zero: it did not say.
struct FileId {
  uint64_t inode = 0;
  uint64_t device = 0;  // as stat(2) packs it
};

class Executables {
 public:
  explicit Executables(size_t files_max = 4096, uint64_t file_bytes_max = uint64_t{1} << 30)
      : files_max_(files_max), file_bytes_max_(file_bytes_max) {}

  // Digest of the open file, in hex. `path` is remembered for recall().
  Known<std::string> digest(int fd, const FileId& expected, const std::string& path);
  // For a process that is gone: a file hashed before that still has this inode and device and is unchanged.
  std::optional<std::string> recall_path(const FileId& expected) const;
  // Digest of the file at `path`, provided that it is the expected one.
  Known<std::string> digest_at(const std::string& path, const FileId& expected);
  [[nodiscard]] uint64_t hashed() const { return hashed_; }  // files read in full so far

 private:
  struct Key {
    uint64_t device, inode, bytes;
    int64_t mtime_ns, ctime_ns;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    Key key;
    std::string path, digest;
  };
  static Key key_of(const struct stat& st);
  Known<std::string> hash(int fd, const Key& key, const std::string& path);

  size_t files_max_;
  uint64_t file_bytes_max_;
  uint64_t hashed_ = 0;
  std::list<Entry> recent_;  // newest first
  std::map<Key, std::list<Entry>::iterator> entries_;
};

bool same_file(const struct stat& st, int fd, const FileId& expected);

}  // namespace warden::attribution
