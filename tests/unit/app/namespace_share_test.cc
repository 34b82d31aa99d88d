// SPDX-License-Identifier: Apache-2.0
#include "agent/app/namespace_share.h"

#include <gtest/gtest.h>

namespace warden::app {
namespace {

TEST(NamespaceShare, OneUserCannotUseUpOthers) {
  NamespaceShare share;
  size_t taken = 0;
  for (; share.has_room(1000) && taken < 10'000; ++taken) share.take(1000);
  EXPECT_EQ(taken, NamespaceShare::kPerUserMax);
  EXPECT_TRUE(share.has_room(1001));
  EXPECT_TRUE(share.has_room(0));
  share.give_back(1000);
  EXPECT_TRUE(share.has_room(1000));
}

TEST(NamespaceShare, AllUsersTogetherLeaveRootsContainersTheirs) {
  NamespaceShare share;
  size_t users = 0, root = 0;
  for (uint32_t uid = 1; uid < 10'000; ++uid)
    for (; share.has_room(uid) && users < 10'000; ++users) share.take(uid);
  EXPECT_EQ(users, NamespaceShare::kUsersMax);
  for (; share.has_room(0) && root < 10'000; ++root) share.take(0);
  EXPECT_EQ(users + root, NamespaceShare::kMax);
  share.give_back(0);
  EXPECT_TRUE(share.has_room(0));
  EXPECT_FALSE(share.has_room(20'000)) << "what root gave back is root's";
}

}  // namespace
}  // namespace warden::app
