// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/bodies.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>

#include "spool_support.h"

namespace warden::pipeline {
namespace {

constexpr size_t kKiB = 1024;

std::string pattern(size_t bytes) {
  std::string text;
  for (size_t i = 0; text.size() < bytes; ++i) text += std::to_string(i) + " ";
  text.resize(bytes);
  return text;
}

// As a connection reads: into what room there is, piece by piece.
bool read_into(BodyBuffer& buffer, std::string_view text) {
  while (!text.empty()) {
    const std::span<char> room = buffer.room(1, 10'000);
    if (room.empty()) return false;
    const size_t taken = text.copy(room.data(), room.size());
    if (!buffer.filled(taken)) return false;
    text.remove_prefix(taken);
  }
  return true;
}

TEST(Bodies, EveryByteOfMemoryCountsUntilItIsGivenBack) {
  Bodies bodies({.bytes_max = 1024 * kKiB});
  {
    BodyBuffer one(bodies), two(bodies);
    ASSERT_TRUE(read_into(one, pattern(300 * kKiB)));
    EXPECT_GE(bodies.used_bytes(), 300 * kKiB);
    ASSERT_TRUE(two.append(pattern(200 * kKiB)));
    EXPECT_GE(bodies.used_bytes(), 500 * kKiB);
    EXPECT_EQ(one.view(), pattern(300 * kKiB));
    one.release();
    EXPECT_LT(bodies.used_bytes(), 300 * kKiB);
    BodyBuffer heir = std::move(two);
    EXPECT_EQ(heir.view(), pattern(200 * kKiB));
  }
  EXPECT_EQ(bodies.used_bytes(), 0u);
}

TEST(Bodies, BeyondTheBudgetNothingGrowsAndWhatIsThereStays) {
  Bodies bodies({.bytes_max = 1024 * kKiB});
  BodyBuffer buffer(bodies);
  EXPECT_FALSE(read_into(buffer, pattern(1100 * kKiB)));
  EXPECT_EQ(buffer.fault(), BodyFault::over_budget);
  EXPECT_LE(bodies.used_bytes(), 1024 * kKiB);
  EXPECT_GT(buffer.size(), 500 * kKiB) << "it does not have to double";
  EXPECT_EQ(buffer.view(), pattern(1100 * kKiB).substr(0, buffer.size()));
  BodyBuffer small(bodies);
  EXPECT_TRUE(small.append(pattern(20 * kKiB))) << "large bodies leave room for small ones";
  EXPECT_FALSE(BodyBuffer(bodies).append(pattern(80 * kKiB)));
  buffer.release();
  EXPECT_TRUE(read_into(buffer, pattern(500 * kKiB)));
}

TEST(Bodies, ASenderSWordAloneCostsLittle) {
  Bodies bodies({.bytes_max = 64 << 20});
  BodyBuffer buffer(bodies);
  buffer.expect(32 << 20);
  EXPECT_EQ(bodies.used_bytes(), 0u);
  buffer.expect(100 * kKiB);
  EXPECT_EQ(bodies.used_bytes(), 100 * kKiB);
}

TEST(Bodies, SmallBuffersAreKeptWhileThereIsPlenty) {
  Bodies bodies({.bytes_max = 1024 * kKiB});
  BodyBuffer idle(bodies), large(bodies);
  ASSERT_TRUE(idle.append(pattern(100 * kKiB)));
  idle.clear();
  EXPECT_EQ(bodies.used_bytes(), 100 * kKiB);
  EXPECT_EQ(idle.size(), 0u);
  ASSERT_TRUE(large.append(pattern(400 * kKiB)));
  idle.clear();
  EXPECT_EQ(bodies.used_bytes(), 400 * kKiB);
  large.clear();
  EXPECT_EQ(bodies.used_bytes(), 0u) << "a large one is never kept";
}

TEST(Bodies, ALargeBodyLivesInAFileWhichIsEmptiedAfterwards) {
  std::vector<Fd> files = unnamed_files(1);
  const Fd look(::dup(files[0].get()));
  Bodies bodies({.bytes_max = 8 << 20, .spool_over_bytes = 64 * kKiB}, std::move(files));
  const std::string text = pattern(3 << 20);
  for (int round = 0; round < 2; ++round) {
    BodyBuffer buffer(bodies);
    ASSERT_TRUE(read_into(buffer, text.substr(0, 64 * kKiB)));
    EXPECT_FALSE(buffer.on_disk()) << "not above the bound yet";
    ASSERT_TRUE(read_into(buffer, std::string_view(text).substr(64 * kKiB, 1 << 20)));
    ASSERT_TRUE(buffer.append(std::string_view(text).substr(64 * kKiB + (1 << 20))));
    EXPECT_TRUE(buffer.on_disk());
    EXPECT_EQ(buffer.view(), text);
    EXPECT_EQ(file_bytes(look.get()), static_cast<int64_t>(text.size()));
    EXPECT_GE(bodies.used_bytes(), text.size()) << "on disk it counts as well";
    EXPECT_EQ(bodies.files_free(), 0u);
    buffer.clear();
    EXPECT_EQ(file_bytes(look.get()), 0);
    EXPECT_EQ(bodies.files_free(), 1u);
    EXPECT_EQ(bodies.used_bytes(), 0u);
  }
}

TEST(Bodies, WithoutAFreeFileALargeBodyIsRefused) {
  Bodies bodies({.bytes_max = 8 << 20, .spool_over_bytes = 64 * kKiB}, unnamed_files(1));
  BodyBuffer first(bodies), second(bodies);
  ASSERT_TRUE(read_into(first, pattern(100 * kKiB)));
  EXPECT_FALSE(read_into(second, pattern(100 * kKiB)));
  EXPECT_EQ(second.fault(), BodyFault::no_spool);
  first.release();
  second.release();
  EXPECT_TRUE(read_into(second, pattern(100 * kKiB)));
}

TEST(Bodies, OverTheBudgetOnDiskToo) {
  Bodies bodies({.bytes_max = 1024 * kKiB, .spool_over_bytes = 64 * kKiB}, unnamed_files(1));
  BodyBuffer buffer(bodies);
  EXPECT_FALSE(read_into(buffer, pattern(1100 * kKiB)));
  EXPECT_EQ(buffer.fault(), BodyFault::over_budget);
}

// A bound on file sizes stands for a disk that is full in the middle of a body.
TEST(Bodies, ADiskThatTakesNoMoreIsAFaultAndNoSignal) {
  std::vector<Fd> files = unnamed_files(1);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit narrow{128 * kKiB, before.rlim_max};
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &narrow), 0);
  Bodies bodies({.bytes_max = 8 << 20, .spool_over_bytes = 64 * kKiB}, std::move(files));
  BodyBuffer buffer(bodies);
  EXPECT_TRUE(read_into(buffer, pattern(100 * kKiB)));
  EXPECT_FALSE(read_into(buffer, pattern(100 * kKiB)));
  EXPECT_EQ(buffer.fault(), BodyFault::no_spool);
  EXPECT_EQ(buffer.view().substr(0, 100 * kKiB), pattern(100 * kKiB)) << "what is there can be read without a fault";
  buffer.release();
  EXPECT_EQ(bodies.used_bytes(), 0u);
  ::setrlimit(RLIMIT_FSIZE, &before);
}

}  // namespace
}  // namespace warden::pipeline
