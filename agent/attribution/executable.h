// SPDX-License-Identifier: Apache-2.0
// Executables: SHA-256 of program files, each file hashed once. A digest is given only for the very file the
// kernel names (inode and device); a file that changes while it is hashed has none. Large files are hashed by a
// thread where hash_aside() was called; everything here is one thread's nevertheless.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/attribution/hasher.h"
#include "agent/attribution/identity.h"

namespace warden::attribution {

// What the kernel saw: i_ino and s_dev of the file behind mm->exe_file. Zero: it did not say.
struct FileId {
  uint64_t inode = 0;
  uint64_t device = 0;  // as stat(2) packs it
};

// A digest on its way; `digest` counts once `done`.
struct PendingDigest {
  FileKey key;
  bool done = false;
  Known<std::string> digest = Known<std::string>::unresolved("hash_pending");
};

class Executables {
 public:
  explicit Executables(size_t files_max = 4096, uint64_t file_bytes_max = uint64_t{1} << 30)
      : files_max_(files_max), file_bytes_max_(file_bytes_max) {}

  // From now on files over `inline_bytes_max` are hashed by a thread; `wake` runs there when collect() has news.
  void hash_aside(std::function<void()> wake, uint64_t inline_bytes_max = uint64_t{8} << 20);
  void collect();
  void hurry(const PendingDigest& pending);

  // Digest of the open file, in hex. `path` is remembered for recall(). With `pending` a large file's digest may be
  // unresolved ("hash_pending") and come there; "hash_queue_full": ask again.
  Known<std::string> digest(int fd, const FileId& expected, const std::string& path,
                            std::shared_ptr<PendingDigest>* pending = nullptr);
  // For a process that is gone: a file hashed before that still has this inode and device and is unchanged.
  std::optional<std::string> recall_path(const FileId& expected) const;
  // Digest of the file at `path`, provided that it is the expected one.
  Known<std::string> digest_at(const std::string& path, const FileId& expected,
                               std::shared_ptr<PendingDigest>* pending = nullptr);
  [[nodiscard]] uint64_t hashed() const { return hashed_; }  // files read in full so far

 private:
  struct Entry {
    FileKey key;
    std::string path, digest;
  };
  Known<std::string> hash_later(int fd, const FileKey& key, const std::string& path,
                                std::shared_ptr<PendingDigest>& pending);
  void remember(const FileKey& key, const std::string& path, const std::string& digest);

  size_t files_max_;
  uint64_t file_bytes_max_;
  uint64_t hashed_ = 0;
  std::list<Entry> recent_;  // newest first
  std::map<FileKey, std::list<Entry>::iterator> entries_;
  uint64_t inline_bytes_max_ = UINT64_MAX;
  std::map<FileKey, std::shared_ptr<PendingDigest>> pending_;
  std::unique_ptr<Hasher> hasher_;
};

bool same_file(const struct stat& st, int fd, const FileId& expected);

}  // namespace warden::attribution
