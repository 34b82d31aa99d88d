// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/opened_record.h"

#include <boost/json.hpp>
#include <map>
#include <string>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"

namespace warden::cli {
namespace {

namespace json = boost::json;

constexpr unsigned kDepthMax = 16;  // of a leaf

using Disclosed = std::map<std::string, json::array, std::less<>>;  // by digest

std::optional<json::value> parsed(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  return error ? std::nullopt : std::optional(std::move(value));
}

Disclosed by_digest(std::string_view disclosures) {
  Disclosed found;
  while (!disclosures.empty()) {
    const std::string_view one = disclosures.substr(0, disclosures.find('~'));
    disclosures.remove_prefix(std::min(disclosures.size(), one.size() + 1));
    const auto bytes = from_base64url(one);
    auto value = bytes ? parsed(*bytes) : std::nullopt;
    if (value && value->is_array()) found[base64url(view(sha256(one)))] = std::move(value->get_array());
  }
  return found;
}

void open_value(json::value& value, const Disclosed& disclosed, unsigned depth);

void open_object(json::object& object, const Disclosed& disclosed, unsigned depth) {
  if (const json::value* const digests = object.if_contains("_sd"); digests != nullptr && digests->is_array())
    for (const json::array hidden = digests->get_array(); const json::value& digest : hidden) {
      const auto found = digest.is_string() ? disclosed.find(std::string_view(digest.get_string())) : disclosed.end();
      if (found != disclosed.end() && found->second.size() == 3 && found->second[1].is_string())
        object[found->second[1].get_string()] = found->second[2];
    }
  object.erase("_sd");
  for (auto& member : object) open_value(member.value(), disclosed, depth);
}

void open_value(json::value& value, const Disclosed& disclosed, unsigned depth) {
  if (depth == 0) return;
  if (value.is_object()) return open_object(value.get_object(), disclosed, depth - 1);
  if (!value.is_array()) return;
  for (json::value& element : value.get_array()) {
    const json::value* const digest = element.is_object() ? element.get_object().if_contains("...") : nullptr;
    if (digest != nullptr) {
      const auto found = digest->is_string() ? disclosed.find(std::string_view(digest->get_string())) : disclosed.end();
      json::value shown;
      if (found != disclosed.end() && found->second.size() == 2) shown = found->second[1];
      element = std::move(shown);
    }
    open_value(element, disclosed, depth - 1);
  }
}

}  // namespace

std::optional<json::object> opened_record(std::string_view leaf, std::string_view disclosures) {
  auto value = parsed(leaf);
  if (!value || !value->is_object()) return std::nullopt;
  open_value(*value, by_digest(disclosures), kDepthMax);
  return std::move(value->get_object());
}

const json::value* at_path(const json::object& record, std::string_view path) {
  const json::object* object = &record;
  for (;;) {
    const size_t dot = path.find('.');
    const json::value* const value = object->if_contains(json::string_view(path.data(), std::min(dot, path.size())));
    if (value == nullptr || dot == std::string_view::npos) return value;
    if (!value->is_object()) return nullptr;
    object = &value->get_object();
    path.remove_prefix(dot + 1);
  }
}

}  // namespace warden::cli
