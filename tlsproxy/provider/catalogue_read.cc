// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/catalogue_read.h"

#include <yaml-cpp/yaml.h>

namespace warden::provider {
namespace {

constexpr std::string_view kRegion = "{region}";

void add_hosts(const YAML::Node& entry, const YAML::Node& regions, const Service& base,
               std::vector<Service>& out) {
  for (const YAML::Node& item : entry["hosts"]) {
    Service service = base;
    service.host = item.as<std::string>();
    const size_t at = service.host.find(kRegion);
    if (at == std::string::npos) {
      out.push_back(std::move(service));
      continue;
    }
    const std::string pattern = service.host;
    for (const YAML::Node& region : regions[entry["regions"].as<std::string>()]) {
      service.host = pattern;
      service.host.replace(at, kRegion.size(), region.as<std::string>());
      out.push_back(service);
    }
  }
}

}  // namespace

Result<CatalogueFile, CatalogueError> read_catalogue(std::string_view yaml) {
  CatalogueFile file;
  try {
    const YAML::Node root = YAML::Load(std::string(yaml));
    file.version = root["version"].as<std::string>();
    for (const YAML::Node& entry : root["services"]) {
      Service base;
      base.provider = entry["provider"].as<std::string>();
      base.dialect = entry["dialect"].as<std::string>("");
      base.path_prefix = entry["path_prefix"].as<std::string>("");
      base.credential = entry["credential"].as<std::string>("authorization");
      base.credential_query = entry["credential_query"].as<std::string>("");
      base.shared_front = entry["shared_front"].as<bool>(false);
      add_hosts(entry, root["regions"], base, file.services);
    }
  } catch (const YAML::Exception& error) {
    return fail(CatalogueError::invalid, error.what());
  }
  if (file.services.empty()) return fail(CatalogueError::invalid, "no services");
  return file;
}

}  // namespace warden::provider
