// SPDX-License-Identifier: Apache-2.0
// Hasher: the thread that reads large executables, so that a program of a gigabyte keeps nobody waiting but those who ask for
// its digest. Files are given as open descriptors: what is hashed is the file that ran, whatever its path names later.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/attribution/identity.h"
#include "agent/base/fd.h"

namespace warden::attribution {

// One content of one file, as far as stat(2) can tell; any write moves ctime.
struct FileKey {
  uint64_t device = 0, inode = 0, bytes = 0;
  int64_t mtime_ns = 0, ctime_ns = 0;
  static FileKey of(const struct stat& st);
  auto operator<=>(const FileKey&) const = default;
};

// SHA-256 in hex, or why there is none: the file must still be `key` when it is read to the end. `stop`: give up.
Known<std::string> hash_file(int fd, const FileKey& key, const std::atomic<bool>& stop);

class Hasher {
 public:
  static constexpr size_t kQueueMax = 256;  // each holds a descriptor
  struct Job {
    Fd fd;
    FileKey key;
    std::string path;
    bool settled = false;  // handed through
  };
  struct Done {
    FileKey key;
    std::string path;
    bool settled = false;
    Known<std::string> digest;
  };

  // `wake` runs on the thread when take() has something new.
  explicit Hasher(std::function<void()> wake);
  ~Hasher();  // does not wait for a file's end
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  bool submit(Job job);             // false: too many wait
  void hurry(const FileKey& key);  // somebody waits for this one: it is next
  std::vector<Done> take();

 private:
  void run();

  std::function<void()> wake_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Job> queue_;
  std::vector<Done> done_;
  std::thread thread_;
};

}  // namespace warden::attribution
