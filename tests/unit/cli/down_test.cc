// SPDX-License-Identifier: Apache-2.0
// What `down` may remove: only what an agent made, wherever the config points.
#include "agent/cli/down.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "agent/base/file.h"

namespace warden::cli {
namespace {

namespace fs = std::filesystem;

class Down : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = (fs::temp_directory_path() / ("warden_down_" + std::to_string(::getpid()))).string();
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name) {
    fs::create_directories(fs::path(folder_ + "/" + name).parent_path());
    ASSERT_TRUE(write_file(folder_ + "/" + name, "x", 0600));
  }
  [[nodiscard]] bool has(const std::string& name) const { return fs::exists(folder_ + "/" + name); }
  std::string folder_;
};

TEST_F(Down, PurgeRemovesAnAgentsState) {
  for (const char* name : {"state/audit/log.sqlite", "state/keys/host-id.key", "state/authority/2/root.pem",
                           "ca/root.pem", "ca/issuing.key", "ca/2/issuing.pem"})
    put(name);
  EXPECT_TRUE(purge_state(folder_ + "/state", folder_ + "/ca"));
  EXPECT_FALSE(has("state") || has("ca"));
  EXPECT_TRUE(purge_state(folder_ + "/state", folder_ + "/ca"));
}

TEST_F(Down, PurgeLeavesAFolderThatHoldsNoAgentsState) {
  for (const char* name : {"home/audit/report.txt", "home/keys/ssh", "ca/root.pem"}) put(name);
  const auto purged = purge_state(folder_ + "/home", folder_ + "/ca");
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().code, PurgeError::not_ours);
  EXPECT_TRUE(has("home/audit/report.txt") && has("home/keys/ssh") && has("ca/root.pem"));
}

TEST_F(Down, PurgeLeavesWhatOthersPutBesideIt) {
  for (const char* name : {"state/audit/log.sqlite", "state/notes", "ca/root.pem", "ca/other.pem"}) put(name);
  const auto purged = purge_state(folder_ + "/state", folder_ + "/ca");
  ASSERT_FALSE(purged);
  EXPECT_EQ(purged.error().code, PurgeError::cannot_remove);
  EXPECT_TRUE(has("state/notes") && has("ca/other.pem"));
  EXPECT_FALSE(has("state/audit") || has("ca/root.pem"));
}

TEST_F(Down, PurgeDoesNotFollowALinkOutOfTheState) {
  put("precious/file");
  put("state/keys/host-id.key");
  fs::create_directory_symlink(folder_ + "/precious", folder_ + "/state/audit");
  EXPECT_TRUE(purge_state(folder_ + "/state", folder_ + "/state/authority"));
  EXPECT_TRUE(has("precious/file"));
}

TEST_F(Down, FoldersAreFoundByTheirWholeNameSomeLevelsDeep) {
  fs::create_directories(folder_ + "/system.slice/agent.service/workers-1");
  fs::create_directories(folder_ + "/workers-12");
  fs::create_directories(folder_ + "/a/b/c/d/e/f/g/h/i/workers-1");
  put("file/workers-1");
  fs::create_directory_symlink(folder_ + "/system.slice", folder_ + "/link");
  EXPECT_EQ(folders_named(folder_, "workers-1"),
            std::vector<std::string>{folder_ + "/system.slice/agent.service/workers-1"});
  EXPECT_TRUE(folders_named(folder_ + "/missing", "workers-1").empty());
}

}  // namespace
}  // namespace warden::cli
