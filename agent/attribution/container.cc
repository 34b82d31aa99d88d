// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/container.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "agent/attribution/wire.h"

namespace warden::attribution {
namespace {

namespace json = boost::json;
using Text = Known<std::string>;
using Texts = Known<std::vector<std::string>>;

std::optional<json::value> parse_json(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) return std::nullopt;
  return value;
}

const json::object* object_at(const json::object& parent, std::string_view key) {
  const json::value* const value = parent.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

std::string text_at(const json::object& parent, std::string_view key) {
  const json::value* const value = parent.if_contains(key);
  const json::string* const text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr && text->size() <= kTextBytesMax ? std::string(*text) : std::string();
}

template <class T>
std::optional<T> number_at(const json::object& parent, std::string_view key) {
  const json::value* const value = parent.if_contains(key);
  if (value == nullptr) return std::nullopt;
  boost::system::error_code error;
  const T number = value->to_number<T>(error);
  return error ? std::nullopt : std::optional(number);
}

Text known_or(const std::string& text, const char* why) { return text.empty() ? Text::unresolved(why) : Text::of(text); }

Texts labels_of(const json::object* labels) {
  std::vector<std::string> found;
  if (labels != nullptr)
    for (const auto& [key, value] : *labels) {
      if (const json::string* const text = value.if_string())
        found.push_back((std::string(key) + "=" + std::string(*text)).substr(0, kTextBytesMax));
      if (found.size() > kItemsMax) return Texts::unresolved("more_labels_than_supported");
    }
  std::ranges::sort(found);
  return Texts::of(std::move(found));
}

const json::object* entry_of(const json::value& list, std::string_view id) {
  if (!list.is_array()) return nullptr;
  for (const json::value& item : list.get_array())
    if (const json::object* const entry = item.if_object(); entry != nullptr && text_at(*entry, "id") == id) return entry;
  return nullptr;
}

// CRI-O's own words for what the kubelet asked.
void take_crio(const json::object& notes, ContainerFacts& facts) {
  facts.runtime = "cri-o";
  facts.name = known_or(text_at(notes, "io.kubernetes.container.name"), "runtime_does_not_tell");
  facts.image = known_or(text_at(notes, "io.kubernetes.cri-o.ImageName"), "runtime_does_not_tell");
  facts.pod_namespace = known_or(text_at(notes, "io.kubernetes.pod.namespace"), "runtime_does_not_tell");
  facts.pod_name = known_or(text_at(notes, "io.kubernetes.pod.name"), "runtime_does_not_tell");
  facts.pod_uid = known_or(text_at(notes, "io.kubernetes.pod.uid"), "runtime_does_not_tell");
  const std::string reference = text_at(notes, "io.kubernetes.cri-o.ImageRef");
  const size_t at = reference.rfind("sha256:");
  if (at != std::string::npos) facts.image_digest = Text::of(reference.substr(at));
  if (const auto labels = parse_json(text_at(notes, "io.kubernetes.cri-o.Labels")); labels && labels->is_object())
    facts.labels = labels_of(&labels->get_object());
}

void take_containerd(const json::object& notes, ContainerFacts& facts) {
  facts.runtime = "containerd";
  const bool sandbox = text_at(notes, "io.kubernetes.cri.container-type") == "sandbox";
  facts.name = sandbox ? Text{} : known_or(text_at(notes, "io.kubernetes.cri.container-name"), "runtime_does_not_tell");
  facts.image = known_or(text_at(notes, "io.kubernetes.cri.image-name"), "runtime_does_not_tell");
  facts.pod_namespace = known_or(text_at(notes, "io.kubernetes.cri.sandbox-namespace"), "runtime_does_not_tell");
  facts.pod_name = known_or(text_at(notes, "io.kubernetes.cri.sandbox-name"), "runtime_does_not_tell");
  facts.pod_uid = known_or(text_at(notes, "io.kubernetes.cri.sandbox-uid"), "runtime_does_not_tell");
}

}  // namespace

std::optional<RuntimeState> parse_runc_state(std::string_view state_json) {
  const auto value = parse_json(state_json);
  if (!value || !value->is_object()) return std::nullopt;
  const json::object& state = value->get_object();
  const auto pid = number_at<int32_t>(state, "init_process_pid");
  const auto start = number_at<uint64_t>(state, "init_process_start");
  if (!pid || !start || *pid <= 0) return std::nullopt;
  RuntimeState found{*pid, *start, {}};
  const json::object* const config = object_at(state, "config");
  const json::value* const labels = config != nullptr ? config->if_contains("labels") : nullptr;
  if (labels != nullptr && labels->is_array())
    for (const json::value& label : labels->get_array())
      if (const json::string* const text = label.if_string(); text != nullptr && text->starts_with("bundle="))
        found.bundle = std::string(*text).substr(7, kTextBytesMax);
  return found;
}

std::optional<RuntimeState> parse_crun_status(std::string_view status) {
  const auto value = parse_json(status);
  if (!value || !value->is_object()) return std::nullopt;
  const auto pid = number_at<int32_t>(value->get_object(), "pid");
  const auto start = number_at<uint64_t>(value->get_object(), "process-start-time");
  if (!pid || !start || *pid <= 0) return std::nullopt;
  return RuntimeState{*pid, *start, text_at(value->get_object(), "bundle")};
}

std::optional<ContainerFacts> parse_docker_config(std::string_view config_v2_json, std::string_view id) {
  const auto value = parse_json(config_v2_json);
  if (!value || !value->is_object() || text_at(value->get_object(), "ID") != id) return std::nullopt;
  const json::object& container = value->get_object();
  const json::object* const config = object_at(container, "Config");
  ContainerFacts facts;
  facts.runtime = "docker";
  std::string name = text_at(container, "Name");
  if (name.starts_with('/')) name.erase(0, 1);
  facts.name = known_or(name, "runtime_does_not_tell");
  facts.image = known_or(config != nullptr ? text_at(*config, "Image") : "", "runtime_does_not_tell");
  facts.image_digest = known_or(text_at(container, "Image"), "runtime_does_not_tell");
  facts.labels = labels_of(config != nullptr ? object_at(*config, "Labels") : nullptr);
  return facts;
}

std::optional<ContainerFacts> parse_bundle(std::string_view config_json) {
  const auto value = parse_json(config_json);
  if (!value || !value->is_object()) return std::nullopt;
  const json::object* const notes = object_at(value->get_object(), "annotations");
  if (notes == nullptr) return std::nullopt;
  ContainerFacts facts;
  facts.image_digest = Text::unresolved("runtime_does_not_tell");
  facts.labels = Texts::unresolved("runtime_does_not_tell");
  if (notes->contains("io.kubernetes.cri.container-type"))
    take_containerd(*notes, facts);
  else if (notes->contains("io.kubernetes.cri-o.ContainerType"))
    take_crio(*notes, facts);
  else
    return std::nullopt;
  return facts;
}

std::optional<ContainerFacts> parse_storage(std::string_view containers_json, std::string_view images_json, std::string_view id) {
  const auto containers = parse_json(containers_json);
  const json::object* const container = containers ? entry_of(*containers, id) : nullptr;
  if (container == nullptr) return std::nullopt;
  const auto note = parse_json(text_at(*container, "metadata"));
  if (!note || !note->is_object()) return std::nullopt;
  const json::object& metadata = note->get_object();
  ContainerFacts facts;
  facts.runtime = metadata.contains("pod-id") ? "cri-o" : "podman";
  facts.name = known_or(text_at(metadata, "name"), "runtime_does_not_tell");
  facts.image = known_or(text_at(metadata, "image-name"), "runtime_does_not_tell");
  facts.labels = Texts::unresolved("runtime_does_not_tell");
  const auto images = parse_json(images_json);
  const json::object* const image = images ? entry_of(*images, text_at(*container, "image")) : nullptr;
  facts.image_digest = known_or(image != nullptr ? text_at(*image, "digest") : "", "runtime_does_not_tell");
  return facts;
}

}  // namespace warden::attribution
