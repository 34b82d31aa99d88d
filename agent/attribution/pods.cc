// SPDX-License-Identifier: Apache-2.0
// Source: the Kubernetes API's PodList and watch events, core/v1.
#include "agent/attribution/pods.h"

#include <algorithm>
#include <boost/json.hpp>

#include "agent/attribution/wire.h"

namespace warden::attribution {
namespace {

namespace json = boost::json;

constexpr auto kKeepRemoved = std::chrono::minutes(5);

const json::object* object_at(const json::object& parent, std::string_view key) {
  const json::value* const value = parent.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

const json::array* array_at(const json::object& parent, std::string_view key) {
  const json::value* const value = parent.if_contains(key);
  return value != nullptr ? value->if_array() : nullptr;
}

std::string text_at(const json::object& parent, std::string_view key) {
  const json::value* const value = parent.if_contains(key);
  const json::string* const text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr && text->size() <= kTextBytesMax ? std::string(*text) : std::string();
}

// "registry.example/web@sha256:22" or "sha256:22"
std::string digest_in(const std::string& image_id) {
  const size_t at = image_id.rfind("sha256:");
  return at == std::string::npos ? std::string() : image_id.substr(at);
}

void read_containers(const json::object& status, std::string_view list, Pod& pod) {
  const json::array* const entries = array_at(status, list);
  if (entries == nullptr) return;
  for (const json::value& value : *entries) {
    const json::object* const entry = value.if_object();
    if (entry == nullptr || pod.containers.size() >= kItemsMax) continue;
    const std::string id = text_at(*entry, "containerID");  // "containerd://ID"
    const size_t at = id.find("://");
    if (at == std::string::npos) continue;
    pod.containers.push_back({id.substr(at + 3), text_at(*entry, "name"), text_at(*entry, "image"), digest_in(text_at(*entry, "imageID"))});
  }
}

void read_metadata(const json::object& metadata, Pod& pod) {
  pod.ns = text_at(metadata, "namespace");
  pod.name = text_at(metadata, "name");
  pod.uid = text_at(metadata, "uid");
  if (const json::object* const notes = object_at(metadata, "annotations"); notes != nullptr && notes->contains("kubernetes.io/config.mirror"))
    pod.config_hash = text_at(*notes, "kubernetes.io/config.hash");
  if (const json::object* const labels = object_at(metadata, "labels"))
    for (const auto& [key, value] : *labels)
      if (const json::string* const text = value.if_string(); text != nullptr && pod.labels.size() < kItemsMax)
        pod.labels.push_back((std::string(key) + "=" + std::string(*text)).substr(0, kTextBytesMax));
  std::ranges::sort(pod.labels);
  const json::array* const owners = array_at(metadata, "ownerReferences");
  if (owners == nullptr) return;
  for (const json::value& value : *owners) {
    const json::object* const owner = value.if_object();
    const json::value* const controls = owner != nullptr ? owner->if_contains("controller") : nullptr;
    if (controls != nullptr && controls->is_bool() && controls->get_bool()) pod.owner = text_at(*owner, "kind") + "/" + text_at(*owner, "name");
  }
}

std::optional<Pod> read_pod(const json::object& object) {
  Pod pod;
  const json::object* const metadata = object_at(object, "metadata");
  if (metadata == nullptr) return std::nullopt;
  read_metadata(*metadata, pod);
  if (pod.uid.empty() || pod.name.empty() || pod.ns.empty()) return std::nullopt;
  if (const json::object* const spec = object_at(object, "spec")) pod.service_account = text_at(*spec, "serviceAccountName");
  if (const json::object* const status = object_at(object, "status"))
    for (const char* const list : {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"}) read_containers(*status, list, pod);
  return pod;
}

std::optional<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

bool is_gone(const json::object& status) {
  const json::value* const code = status.if_contains("code");
  return code != nullptr && code->is_int64() && code->get_int64() == 410;
}

}  // namespace

std::optional<PodList> parse_pod_list(std::string_view body) {
  const auto object = parse_object(body);
  const json::array* const items = object ? array_at(*object, "items") : nullptr;
  const json::object* const metadata = object ? object_at(*object, "metadata") : nullptr;
  if (items == nullptr || metadata == nullptr) return std::nullopt;
  PodList list;
  list.resource_version = text_at(*metadata, "resourceVersion");
  list.next = text_at(*metadata, "continue");
  for (const json::value& item : *items)
    if (const json::object* const entry = item.if_object(); entry != nullptr && list.pods.size() < Pods::kPodsMax)
      if (auto pod = read_pod(*entry)) list.pods.push_back(std::move(*pod));
  return list;
}

std::optional<PodEvent> parse_pod_event(std::string_view line) {
  const auto event = parse_object(line);
  const json::object* const object = event ? object_at(*event, "object") : nullptr;
  if (object == nullptr) return std::nullopt;
  const std::string type = text_at(*event, "type");
  PodEvent found;
  if (type == "ERROR") {
    found.kind = is_gone(*object) ? PodEvent::Kind::expired : PodEvent::Kind::failed;
    return found;
  }
  if (const json::object* const metadata = object_at(*object, "metadata")) found.resource_version = text_at(*metadata, "resourceVersion");
  if (type == "BOOKMARK") {
    found.kind = PodEvent::Kind::bookmark;
    return found;
  }
  if (type != "ADDED" && type != "MODIFIED" && type != "DELETED") return std::nullopt;
  auto pod = read_pod(*object);
  if (!pod) return std::nullopt;
  found.kind = type == "DELETED" ? PodEvent::Kind::removed : PodEvent::Kind::put;
  found.pod = std::move(*pod);
  return found;
}

void Pods::put(Pod pod) {
  const auto shared = std::make_shared<const Pod>(std::move(pod));
  pods_[shared->uid] = {shared, std::nullopt};
  if (!shared->config_hash.empty()) pods_[shared->config_hash] = {shared, std::nullopt};
}

void Pods::replace(std::vector<Pod> pods) {
  const auto now = std::chrono::steady_clock::now();
  for (auto& [uid, entry] : pods_)
    if (!entry.removed) entry.removed = now;
  for (Pod& pod : pods) put(std::move(pod));
  expire();
}

void Pods::apply(PodEvent event) {
  if (event.kind == PodEvent::Kind::put) put(std::move(event.pod));
  if (event.kind == PodEvent::Kind::removed)
    for (auto& [uid, entry] : pods_)
      if (entry.pod->uid == event.pod.uid) entry.removed = std::chrono::steady_clock::now();
  expire();
}

void Pods::expire() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(pods_, [&](const auto& item) { return item.second.removed && now - *item.second.removed > kKeepRemoved; });
  // More than any node has: whoever sends so many is no API server to be believed, and the rest stays unresolved.
  while (pods_.size() > kPodsMax) pods_.erase(pods_.begin());
}

std::shared_ptr<const Pod> Pods::find(const std::string& uid) const {
  const auto found = pods_.find(uid);
  return found == pods_.end() ? nullptr : found->second.pod;
}

}  // namespace warden::attribution
