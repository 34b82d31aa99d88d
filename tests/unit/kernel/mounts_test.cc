// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/mounts.h"

#include <gtest/gtest.h>

namespace warden::kernel {
namespace {

TEST(Mounts, AreReadWithAnyNumberOfOptionalFields) {
  const auto mounts = parse_mounts(
      "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
      "31 23 0:27 /part /srv rw - cgroup2 cgroup2 rw\n"
      "532 25 0:4 net:[4026532345] /run/netns/blue rw shared:266 master:3 propagate_from:2 - nsfs nsfs rw\n");
  ASSERT_EQ(mounts.size(), 3u);
  EXPECT_EQ(mounts[0].root, "/");
  EXPECT_EQ(mounts[0].point, "/sys/fs/cgroup");
  EXPECT_EQ(mounts[0].type, "cgroup2");
  EXPECT_EQ(mounts[1].root, "/part");
  EXPECT_EQ(mounts[2].root, "net:[4026532345]");
  EXPECT_EQ(mounts[2].point, "/run/netns/blue");
  EXPECT_EQ(mounts[2].type, "nsfs");
}

TEST(Mounts, EscapedCharactersArePutBack) {
  const auto mounts = parse_mounts("1 2 0:4 net:[7] /run/a\\040b\\011c\\134d rw - nsfs nsfs rw\n");
  ASSERT_EQ(mounts.size(), 1u);
  EXPECT_EQ(mounts[0].point, "/run/a b\tc\\d");
}

TEST(Mounts, LinesOfAnotherFormAreLeftOut) {
  EXPECT_TRUE(parse_mounts("").empty());
  EXPECT_TRUE(parse_mounts("1 2 0:4 / /x rw\n1 2 - nsfs nsfs rw\n1 2 0:4 / /x rw - \n").empty());
}

}  // namespace
}  // namespace warden::kernel
