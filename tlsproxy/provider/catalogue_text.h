// SPDX-License-Identifier: Apache-2.0
// The bytes of catalogue.yaml, embedded by the build. Internal to tlsproxy/provider.
#pragma once

#include <string_view>

namespace warden::provider {

extern const std::string_view kCatalogueYaml;

}  // namespace warden::provider
