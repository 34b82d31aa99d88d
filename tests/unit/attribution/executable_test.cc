// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/executable.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/fd.h"
#include "agent/base/file.h"

namespace warden::attribution {
namespace {

class ExecutableTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  // Old enough that its digest is kept.
  std::string put(const std::string& name, const std::string& content) {
    const std::string path = folder_ + "/" + name;
    EXPECT_TRUE(write_file(path, content, 0755));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    return path;
  }
  static FileId id(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    return {st.st_ino, st.st_dev};
  }
  std::string folder_ = "/tmp/warden-exe-XXXXXX";
  Executables executables_;
};

TEST_F(ExecutableTest, HashesOnceUntilTheFileChanges) {
  const std::string path = put("a", "one");
  const Fd fd(::open(path.c_str(), O_RDWR));
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path).value, hex(view(sha256("one"))));
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path).value, hex(view(sha256("one"))));
  EXPECT_EQ(executables_.hashed(), 1u);
  ASSERT_EQ(::pwrite(fd.get(), "two", 3, 0), 3);
  const timespec times[2] = {{0, UTIME_OMIT},
                             {1, 0}};  // a forged mtime does not hide the change: ctime moves
  ASSERT_EQ(::futimens(fd.get(), times), 0);
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path).value, hex(view(sha256("two"))));
}

TEST_F(ExecutableTest, DigestOfAFileJustWrittenIsNotKept) {
  const std::string path = put("a", "one");
  const Fd fd(::open(path.c_str(), O_RDWR));
  ASSERT_EQ(::pwrite(fd.get(), "two", 3, 0), 3);
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path).value, hex(view(sha256("two"))));
  ASSERT_EQ(::pwrite(fd.get(), "six", 3, 0), 3);  // perhaps within the same tick of the clock
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path).value, hex(view(sha256("six"))));
  EXPECT_EQ(executables_.hashed(), 2u);
}

TEST_F(ExecutableTest, ReplacedOrWrittenWhileItIsHashed) {
  const std::string path = put("a", std::string(size_t{64} << 20, 'x'));
  const Fd fd(::open(path.c_str(), O_RDWR));
  // Replaced: the open file is still the one that ran.
  std::filesystem::rename(put("b", "another"), path);
  const auto kept = executables_.digest(fd.get(), {}, path);
  EXPECT_EQ(kept.value, hex(view(sha256(std::string(size_t{64} << 20, 'x')))));
  // Written to: neither the old nor the new content ran under this digest.
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (char c = 'a'; !stop; c = c == 'z' ? 'a' : static_cast<char>(c + 1)) {
      EXPECT_EQ(::pwrite(fd.get(), &c, 1, 5), 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const auto changed = Executables().digest(fd.get(), {}, path);
  stop = true;
  writer.join();
  EXPECT_EQ(changed.why, "executable_changed_while_read");
}

TEST_F(ExecutableTest, AnotherInodeIsRefused) {
  const std::string path = put("a", "one");
  const Fd fd(::open(path.c_str(), O_RDONLY));
  FileId wrong = id(path);
  ++wrong.inode;
  EXPECT_FALSE(executables_.digest(fd.get(), wrong, path).known());
  FileId other_device = id(path);
  other_device.device += 1;
  EXPECT_FALSE(executables_.digest(fd.get(), other_device, path).known());
}

TEST_F(ExecutableTest, RecallsAFileByInodeWhileItIsUnchanged) {
  const std::string path = put("a", "one");
  const FileId file = id(path);
  EXPECT_EQ(executables_.recall_path(file), std::nullopt);
  ASSERT_TRUE(executables_.digest_at(path, file).known());
  EXPECT_EQ(executables_.recall_path(file), path);
  std::filesystem::remove(path);
  EXPECT_EQ(executables_.recall_path(file), std::nullopt);
}

TEST_F(ExecutableTest, LargeFilesAreHashedAsideAndTheFileOpenedThenCounts) {
  std::atomic<int> woken = 0;
  executables_.hash_aside([&] { ++woken; }, 4);
  const std::string path = put("a", "a large one"), small = put("b", "two");
  const Fd fd(::open(path.c_str(), O_RDONLY));
  std::shared_ptr<PendingDigest> first, second;
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path, &first).why, "hash_pending");
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path, &second).why, "hash_pending");
  EXPECT_EQ(first, second);
  EXPECT_TRUE(executables_.digest_at(small, id(small), &second).known());
  for (int i = 0; i < 500 && woken == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(first->done) << "done without collect()";
  executables_.collect();
  ASSERT_TRUE(first->done);
  EXPECT_EQ(first->digest.value, hex(view(sha256("a large one"))));
  EXPECT_EQ(executables_.digest(fd.get(), id(path), path, &second).value, first->digest.value);
  EXPECT_EQ(woken, 1);
}

TEST_F(ExecutableTest, FoldersAndTooLargeFilesHaveNone) {
  const Fd fd(::open(folder_.c_str(), O_RDONLY));
  EXPECT_FALSE(executables_.digest(fd.get(), {}, folder_).known());
  Executables small(10, 2);
  const std::string path = put("a", "one");
  EXPECT_EQ(small.digest_at(path, id(path)).why, "executable_too_large");
}

}  // namespace
}  // namespace warden::attribution
