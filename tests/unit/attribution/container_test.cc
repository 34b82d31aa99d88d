// SPDX-License-Identifier: Apache-2.0
// The state folders here are in our own words: the members that are read, laid out as each runtime does, and no more.
#include "agent/attribution/container.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "agent/attribution/runtimes.h"
#include "agent/attribution/workload.h"
#include "agent/base/file.h"
#include "tests/unit/attribution/support.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;
using Texts = Known<std::vector<std::string>>;

const std::string kId(64, 'a');
const std::string kPod = "0b5f2f6e-8c7a-4a3e-9d54-3f0a6f1f6a11";

TEST(ContainerPlace, OfCgroup2AndOfControllers) {
  const auto unified = container_place("3:memory:/docker/" + kId + "\n0::/system.slice/docker-" + kId + ".scope/init.scope\n");
  ASSERT_TRUE(unified);
  EXPECT_EQ(*unified, (ContainerPlace{"", "/system.slice/docker-" + kId + ".scope", kId}));
  const auto hybrid = container_place("9:name=systemd:/\n4:memory:/kubepods/burstable/pod" + kPod + "/" + kId + "/sub\n0::/\n");
  ASSERT_TRUE(hybrid);
  EXPECT_EQ(*hybrid, (ContainerPlace{"memory", "/kubepods/burstable/pod" + kPod + "/" + kId, kId}));
  EXPECT_FALSE(container_place("0::/user.slice/user-1000.slice/session-1.scope\n1:cpu:/\nrubbish\n:\n"));
  EXPECT_EQ(container_place("0::/docker/" + kId + "/docker/" + std::string(64, 'b') + "\n")->id, kId) << "the outermost counts";
}

TEST(Docker, ConfigNamesContainerImageAndLabels) {
  const std::string config = R"({"ID":")" + kId + R"(","Name":"/web","Image":"sha256:11","State":{"Running":true,"Pid":7},
    "Config":{"Image":"registry.example/web:1","Labels":{"team":"search","app":"web"}}})";
  const auto facts = parse_docker_config(config, kId);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->runtime, "docker");
  EXPECT_EQ(facts->name, Text::of("web"));
  EXPECT_EQ(facts->image, Text::of("registry.example/web:1"));
  EXPECT_EQ(facts->image_digest, Text::of("sha256:11"));
  EXPECT_EQ(facts->labels, Texts::of({"app=web", "team=search"}));
  EXPECT_FALSE(parse_docker_config(config, std::string(64, 'b'))) << "another container's file";
  EXPECT_FALSE(parse_docker_config("[]", kId));
  EXPECT_FALSE(parse_docker_config(std::string(100, '['), kId));
}

TEST(Containerd, BundleOfTheKubeletsRuntimeNamesThePod) {
  const auto facts = parse_bundle(R"({"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"web",
    "io.kubernetes.cri.image-name":"registry.example/web:1","io.kubernetes.cri.sandbox-name":"web-7d","io.kubernetes.cri.sandbox-namespace":"shop",
    "io.kubernetes.cri.sandbox-uid":"u-1"}})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->runtime, "containerd");
  EXPECT_EQ(facts->name, Text::of("web"));
  EXPECT_EQ(facts->image, Text::of("registry.example/web:1"));
  EXPECT_EQ(facts->image_digest.why, "runtime_does_not_tell");
  EXPECT_EQ(facts->pod_namespace, Text::of("shop"));
  EXPECT_EQ(facts->pod_name, Text::of("web-7d"));
  EXPECT_FALSE(parse_bundle(R"({"annotations":{"other":"x"}})"));
  EXPECT_FALSE(parse_bundle(R"({"annotations":7})"));
}

TEST(Crio, BundleNamesImageDigestAndLabels) {
  const auto facts = parse_bundle(R"({"annotations":{"io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.container.name":"web",
    "io.kubernetes.cri-o.ImageName":"registry.example/web:1","io.kubernetes.cri-o.ImageRef":"registry.example/web@sha256:22",
    "io.kubernetes.pod.namespace":"shop","io.kubernetes.pod.name":"web-7d","io.kubernetes.cri-o.Labels":"{\"app\":\"web\"}"}})");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->runtime, "cri-o");
  EXPECT_EQ(facts->image_digest, Text::of("sha256:22"));
  EXPECT_EQ(facts->labels, Texts::of({"app=web"}));
}

TEST(Storage, NamesContainerAndImageDigest) {
  const std::string containers = R"([{"id":"x"},{"id":")" + kId + R"(","image":"i1","metadata":"{\"image-name\":\"localhost/web:1\",\"name\":\"web\"}"}])";
  const auto facts = parse_storage(containers, R"([{"id":"i1","digest":"sha256:33"}])", kId);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->runtime, "podman");
  EXPECT_EQ(facts->image, Text::of("localhost/web:1"));
  EXPECT_EQ(facts->image_digest, Text::of("sha256:33"));
  EXPECT_EQ(parse_storage(containers, "", kId)->image_digest.why, "runtime_does_not_tell");
  EXPECT_FALSE(parse_storage(containers, "", "y"));
}

// A host with one docker container whose first process is this test's child, which stands where the test does.
class RuntimesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(::mkdtemp(root_.data()), nullptr);
    const auto own = read_file("/proc/self/cgroup", 65536);
    for (const auto& [hierarchy, path] : cgroup_lines(*own))
      if (hierarchy.empty()) here_ = path == "/" ? "" : path;
    put("run/docker/runtime-runc/moby/" + kId + "/state.json", state(child_.pid(), ProcDir::open(child_.pid())->stat()->start_ticks));
    put("var/lib/docker/containers/" + kId + "/config.v2.json", R"({"ID":")" + kId + R"(","Name":"/web","Config":{"Image":"web:1"}})");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  static std::string state(pid_t pid, uint64_t start) {
    return R"({"id":")" + kId + R"(","init_process_pid":)" + std::to_string(pid) + R"(,"init_process_start":)" + std::to_string(start) +
           R"(,"config":{"labels":["bundle=/run/bundle"]}})";
  }
  void put(const std::string& path, const std::string& content) {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + path).parent_path());
    ASSERT_TRUE(write_file(root_ + "/" + path, content, 0600));
  }
  std::string root_ = "/tmp/warden-runtimes-XXXXXX", here_;
  Child child_{{"/bin/sleep", "60"}};
};

TEST_F(RuntimesTest, BelievesWhereTheFirstProcessStandsThere) {
  const auto facts = Runtimes(root_).find({"", here_, kId});
  ASSERT_TRUE(facts.known()) << facts.why;
  EXPECT_EQ(facts.value.name, Text::of("web"));
}

TEST_F(RuntimesTest, AForgedPlaceIsNotTheContainers) {
  EXPECT_EQ(Runtimes(root_).find({"", "/mine/docker-" + kId + ".scope", kId}).why, "cgroup_is_not_the_container's");
  EXPECT_EQ(Runtimes(root_).find({"", here_ + "/docker/" + kId, kId}).why, "cgroup_is_not_the_container's");
  EXPECT_EQ(Runtimes(root_).find({"", here_, std::string(64, 'b')}).why, "no_runtime_state_of_root");
  EXPECT_EQ(Runtimes("/nonexistent").find({"", here_, kId}).why, "host_root_not_visible");
}

TEST_F(RuntimesTest, AnEndedContainerIsNot) {
  put("run/docker/runtime-runc/moby/" + kId + "/state.json", state(child_.pid(), 1));
  EXPECT_EQ(Runtimes(root_).find({"", here_, kId}).why, "container_ended") << "another process has the number";
}

TEST_F(RuntimesTest, StateThatOthersMayWriteCountsForNothing) {
  const std::string path = root_ + "/run/docker/runtime-runc/moby/" + kId + "/state.json";
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  EXPECT_EQ(Runtimes(root_).find({"", here_, kId}).why, "no_runtime_state_of_root");
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  ASSERT_EQ(::chown(path.c_str(), 1000, 1000), 0);
  EXPECT_EQ(Runtimes(root_).find({"", here_, kId}).why, "no_runtime_state_of_root");
}

TEST_F(RuntimesTest, ALinkOutOfTheRootStaysInside) {
  std::filesystem::remove(root_ + "/var/lib/docker/containers/" + kId + "/config.v2.json");
  put("elsewhere", R"({"ID":")" + kId + R"(","Name":"/linked"})");
  std::filesystem::create_symlink("/elsewhere", root_ + "/var/lib/docker/containers/" + kId + "/config.v2.json");
  EXPECT_EQ(Runtimes(root_).find({"", here_, kId}).value.name, Text::of("linked"));
}

}  // namespace
}  // namespace warden::attribution
