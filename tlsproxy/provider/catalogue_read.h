// SPDX-License-Identifier: Apache-2.0
// read_catalogue: catalogue.yaml to services, regional names spelled out. Internal to tlsproxy/provider.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/provider/catalogue.h"

namespace warden::provider {

struct CatalogueFile {
  std::string version;
  std::vector<Service> services;
};

Result<CatalogueFile, CatalogueError> read_catalogue(std::string_view yaml);

}  // namespace warden::provider
