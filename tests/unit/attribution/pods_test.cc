// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/pods.h"

#include <gtest/gtest.h>

#include "agent/attribution/resolver.h"

namespace warden::attribution {
namespace {

const std::string kPod = R"({"metadata":{"namespace":"shop","name":"web-7d-x","uid":"u-1","resourceVersion":"7","labels":{"team":"search","app":"web"},
  "ownerReferences":[{"kind":"Other","name":"o"},{"kind":"ReplicaSet","name":"web-7d","controller":true}]},
  "spec":{"serviceAccountName":"assistant"},
  "status":{"containerStatuses":[{"containerID":"containerd://c1","name":"web","image":"registry.example/web:1","imageID":"registry.example/web@sha256:22"},
  {"name":"waiting"}],"initContainerStatuses":[{"containerID":"cri-o://c0","name":"init","imageID":"sha256:11"}]}})";

std::string event(const std::string& type, const std::string& object) { return R"({"type":")" + type + R"(","object":)" + object + "}"; }

TEST(PodList, ReadsWhatTheServerSays) {
  const auto list = parse_pod_list(R"({"kind":"PodList","metadata":{"resourceVersion":"90","continue":"more"},"items":[)" + kPod + R"(,{"metadata":{}},7]})");
  ASSERT_TRUE(list);
  EXPECT_EQ(list->resource_version, "90");
  EXPECT_EQ(list->next, "more");
  ASSERT_EQ(list->pods.size(), 1u);
  const Pod& pod = list->pods[0];
  EXPECT_EQ(pod.ns + "/" + pod.name + "/" + pod.uid, "shop/web-7d-x/u-1");
  EXPECT_EQ(pod.service_account, "assistant");
  EXPECT_EQ(pod.owner, "ReplicaSet/web-7d");
  EXPECT_EQ(pod.labels, (std::vector<std::string>{"app=web", "team=search"}));
  ASSERT_EQ(pod.containers.size(), 2u);
  EXPECT_EQ(pod.containers[0].id, "c1");
  EXPECT_EQ(pod.containers[0].image_digest, "sha256:22");
  EXPECT_EQ(pod.containers[1].image_digest, "sha256:11");
}

TEST(PodList, RefusesWhatIsNone) {
  for (const char* const text : {"", "[]", "{}", R"({"items":{}})", R"({"items":[]})", R"({"items":[],"metadata":7})", "{\"items\":[", "\xff"})
    EXPECT_FALSE(parse_pod_list(text)) << text;
  EXPECT_FALSE(parse_pod_list(std::string(100'000, '[')));
}

TEST(PodEvent, Kinds) {
  using Kind = PodEvent::Kind;
  EXPECT_EQ(parse_pod_event(event("ADDED", kPod))->kind, Kind::put);
  EXPECT_EQ(parse_pod_event(event("MODIFIED", kPod))->resource_version, "7");
  EXPECT_EQ(parse_pod_event(event("DELETED", kPod))->kind, Kind::removed);
  EXPECT_EQ(parse_pod_event(event("BOOKMARK", R"({"metadata":{"resourceVersion":"12"}})"))->resource_version, "12");
  EXPECT_EQ(parse_pod_event(event("ERROR", R"({"kind":"Status","code":410})"))->kind, Kind::expired);
  EXPECT_EQ(parse_pod_event(event("ERROR", R"({"kind":"Status","code":500})"))->kind, Kind::failed);
  EXPECT_FALSE(parse_pod_event(event("RENAMED", kPod)));
  EXPECT_FALSE(parse_pod_event(event("ADDED", "{}")));
  EXPECT_FALSE(parse_pod_event("{}"));
}

Pod pod(const std::string& uid, const std::string& name) {
  Pod made;
  made.ns = "shop", made.name = name, made.uid = uid;
  return made;
}

TEST(Pods, RemovedAreRememberedForAWhileAndStaticOnesFoundByTheirHash) {
  Pods pods;
  pods.replace({pod("u-1", "one"), pod("u-2", "two")});
  pods.apply({PodEvent::Kind::removed, pod("u-1", "one"), ""});
  ASSERT_NE(pods.find("u-1"), nullptr);
  pods.replace({pod("u-3", "three")});
  EXPECT_EQ(pods.find("u-2")->name, "two");
  Pod fixed = pod("u-4", "static");
  fixed.config_hash = std::string(32, 'f');
  pods.apply({PodEvent::Kind::put, fixed, ""});
  EXPECT_EQ(pods.find(std::string(32, 'f'))->uid, "u-4");
  EXPECT_EQ(pods.find("u-9"), nullptr);
}

TEST(Pods, Bounded) {
  Pods pods;
  for (size_t i = 0; i < Pods::kPodsMax + 100; ++i) pods.apply({PodEvent::Kind::put, pod("u-" + std::to_string(i), "x"), ""});
  EXPECT_LE(pods.size(), Pods::kPodsMax);
}

}  // namespace
}  // namespace warden::attribution
