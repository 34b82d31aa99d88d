// SPDX-License-Identifier: Apache-2.0
// On real cgroups below the cgroup2 root: needs root and a writable cgroup2, as the agent does.
#include "agent/attribution/cgroup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/attribution/workload.h"
#include "agent/base/file.h"

namespace warden::attribution {
namespace {

TEST(Mountinfo, FindsTheCgroup2Mount) {
  EXPECT_EQ(cgroup2_mount("29 23 0:26 / /sys rw - sysfs sysfs rw\n"
                          "38 31 0:38 / /sys/fs/my\\040cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n"),
            "/sys/fs/my cgroup");
  EXPECT_EQ(cgroup2_mount("32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"), std::nullopt);
}

TEST(ProcCgroup, TakesTheUnifiedLine) {
  EXPECT_EQ(cgroup2_line("2:cpu:/x\n0::/system.slice/a.service\n"), "/system.slice/a.service");
  EXPECT_EQ(cgroup2_line("0::/a (deleted)\n"), "/a");
  EXPECT_EQ(cgroup2_line("2:cpu:/x\n"), std::nullopt);
}

class CgroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto mount = cgroup2_mount(*read_file("/proc/self/mountinfo", 1 << 20));
    ASSERT_TRUE(mount) << "no cgroup2 is mounted";
    name_ = "/warden-attribution-" + std::to_string(::getpid());
    top_ = *mount + name_;
    ASSERT_EQ(::mkdir(top_.c_str(), 0755), 0) << "needs root";
    ASSERT_EQ(::mkdir((top_ + "/mine").c_str(), 0755), 0);
    ASSERT_EQ(::mkdir((top_ + "/mine/system.service").c_str(), 0755), 0);
    ASSERT_EQ(::chown((top_ + "/mine").c_str(), 65534, 65534), 0);
  }
  void TearDown() override {
    ::rmdir((top_ + "/mine/system.service").c_str());
    ::rmdir((top_ + "/mine").c_str());
    ::rmdir(top_.c_str());
  }
  static uint64_t id(const std::string& path) {
    struct stat st {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0);
    return st.st_ino;
  }
  std::string name_, top_;
};

TEST_F(CgroupTest, PathAndOwnersById) {
  Cgroups cgroups;
  const auto place = cgroups.find(id(top_));
  ASSERT_TRUE(place);
  EXPECT_EQ(place->path, name_);
  EXPECT_EQ(place->root_owned, 1u);
  const auto inner = cgroups.find(id(top_ + "/mine/system.service"));
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->path, name_ + "/mine/system.service");
  EXPECT_EQ(inner->root_owned, 1u);
  EXPECT_EQ(inner->next_owner, 65534u);
  EXPECT_EQ(workload_of(*inner).unit.state, Known<std::string>::State::unresolved);
}

TEST_F(CgroupTest, RememberedAfterItIsGone) {
  Cgroups cgroups;
  const std::string path = top_ + "/mine/system.service";
  const uint64_t gone = id(path);
  ASSERT_TRUE(cgroups.find(gone));
  ASSERT_EQ(::rmdir(path.c_str()), 0);
  ASSERT_TRUE(cgroups.find(gone));
  EXPECT_EQ(cgroups.find(gone)->path, name_ + "/mine/system.service");
  EXPECT_FALSE(Cgroups().find(gone));
}

TEST_F(CgroupTest, ByPathOnlyIfItIsThatCgroup) {
  Cgroups cgroups;
  EXPECT_TRUE(cgroups.find_at(id(top_), name_));
  EXPECT_FALSE(cgroups.find_at(id(top_), name_ + "/mine"));
  EXPECT_FALSE(cgroups.find_at(id(top_), name_ + "/mine/../mine"));
}

}  // namespace
}  // namespace warden::attribution
