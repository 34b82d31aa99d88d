// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/workload.h"

#include <gtest/gtest.h>

namespace warden::attribution {
namespace {

using Text = Known<std::string>;

const std::string kId(64, 'a');

CgroupPlace place(const std::string& path, size_t root_owned, uint32_t next_owner = 0) {
  return {.path = path, .root_owned = root_owned, .next_owner = next_owner, .real_root = true};
}

TEST(Unit, SystemServiceAndSession) {
  EXPECT_EQ(workload_of(place("/system.slice/rag-api.service", 2)).unit, Text::of("rag-api.service"));
  EXPECT_EQ(workload_of(place("/system.slice/rag-api.service/workers/1", 4)).unit,
            Text::of("rag-api.service"));
  EXPECT_EQ(workload_of(place("/system.slice/system-getty.slice/getty@tty1.service", 3)).unit,
            Text::of("getty@tty1.service"));
  EXPECT_EQ(workload_of(place("/user.slice/user-1000.slice/session-3.scope", 3)).unit,
            Text::of("session-3.scope"));
  EXPECT_EQ(workload_of(place("/init.scope", 1)).unit, Text::of("init.scope"));
}

TEST(Unit, EscapesAsSystemdWritesThem) {
  EXPECT_EQ(workload_of(place("/system.slice/_cgroup.service", 2)).unit, Text::of("cgroup.service"));
  EXPECT_EQ(workload_of(place("/system.slice/dev-disk-by\\x2did.swap", 2)).unit,
            Text::of("dev-disk-by\\x2did.swap"));
}

TEST(Unit, OfAUserManagerIsNotASystemUnit) {
  const std::string path = "/user.slice/user-1000.slice/user@1000.service/app.slice/rag-api.service";
  EXPECT_EQ(workload_of(place(path, 2, 1000)).unit, Text::of("user@1000.service"));
  // Another user's manager, or a forged one.
  EXPECT_FALSE(workload_of(place(path, 2, 1001)).unit.known());
}

TEST(Unit, SliceAndUserUnit) {
  const auto service = workload_of(place("/system.slice/system-getty.slice/getty@tty1.service", 3));
  EXPECT_EQ(service.slice, Text::of("system-getty.slice"));
  EXPECT_EQ(service.user_unit, Text{});
  const std::string path = "/user.slice/user-1000.slice/user@1000.service/app.slice/notes.service";
  EXPECT_EQ(workload_of(place(path, 2, 1000)).slice, Text::of("user-1000.slice"));
  EXPECT_EQ(workload_of(place(path, 2, 1000)).user_unit, Text::of("notes.service"));
  EXPECT_EQ(workload_of(place(path, 2, 1001)).user_unit, Text{});
  EXPECT_EQ(workload_of(place("/system.slice/a.service/notes.service", 3)).user_unit, Text{});
  EXPECT_EQ(workload_of(place("/system.slice/a.service", 1, 1000)).slice.state, Text::State::unresolved);
}

TEST(Unit, ForgedNamesAreUnresolved) {
  for (const auto& forged :
       {place("/system.slice/rag-api.service", 1, 1000), place("/lab/system.slice/rag-api.service", 3),
        place("/lab/rag-api.service", 2), place("/system.slice/plain/rag-api.service", 3),
        place("/user.slice/user-1000.slice/mine.slice/rag-api.service", 2, 1000),
        place("/system.slice/rag api.service/x.service", 3)}) {
    const Text unit = workload_of(forged).unit;
    EXPECT_EQ(unit.state, Text::State::unresolved) << forged.path << " became " << unit.value;
    EXPECT_FALSE(unit.why.empty());
  }
  CgroupPlace inside = place("/system.slice/rag-api.service", 2);
  inside.real_root = false;
  EXPECT_EQ(workload_of(inside).unit.state, Text::State::unresolved);
}

TEST(Unit, AbsentWhereNoNameHasTheShape) {
  EXPECT_EQ(workload_of(place("/", 0)).unit, Text{});
  EXPECT_EQ(workload_of(place("/lab/guarded", 2)).unit, Text{});
}

TEST(Container, ShapesOfTheRuntimes) {
  for (const std::string& path : {"/system.slice/docker-" + kId + ".scope", "/docker/" + kId,
                                  "/machine.slice/libpod-" + kId + ".scope", "/libpod_parent/libpod-" + kId,
                                  "/default/" + kId, "/machine.slice/libpod-" + kId + ".scope/container/x"})
    EXPECT_EQ(workload_of(place(path, 9)).container_id, Text::of(kId)) << path;
  EXPECT_EQ(workload_of(place("/machine.slice/libpod-conmon-" + kId + ".scope", 9)).container_id, Text{});
  EXPECT_EQ(workload_of(place("/lab/" + kId, 9)).container_id, Text{});
  EXPECT_EQ(workload_of(place("/docker/" + kId, 1, 1000)).container_id.state, Text::State::unresolved);
}

TEST(Pod, SystemdAndCgroupfsDrivers) {
  const std::string uid = "0b5f2f6e-8c7a-4a3e-9d54-3f0a6f1f6a11";
  const auto systemd =
      workload_of(place("/kubepods.slice/kubepods-burstable.slice/"
                        "kubepods-burstable-pod0b5f2f6e_8c7a_4a3e_9d54_3f0a6f1f6a11.slice/"
                        "cri-containerd-" +
                            kId + ".scope",
                        4));
  EXPECT_EQ(systemd.pod_uid, Text::of(uid));
  EXPECT_EQ(systemd.container_id, Text::of(kId));
  const auto cgroupfs = workload_of(place("/kubepods/besteffort/pod" + uid + "/" + kId, 4));
  EXPECT_EQ(cgroupfs.pod_uid, Text::of(uid));
  EXPECT_EQ(cgroupfs.container_id, Text::of(kId));
  EXPECT_EQ(workload_of(place("/lab/pod" + uid + "/" + kId, 4)).pod_uid, Text{});
  EXPECT_EQ(workload_of(place("/kubepods/besteffort/pod" + uid, 2, 1000)).pod_uid.state,
            Text::State::unresolved);
}

}  // namespace
}  // namespace warden::attribution
