// SPDX-License-Identifier: Apache-2.0
// Secrets of this host that are made once and kept: 32 random bytes each, <state_dir>/keys/NAME.key, 0600.
#pragma once

#include <string>

#include "agent/base/file.h"

namespace warden::app {

Result<std::string, FileError> host_key(const std::string& state_dir, const std::string& name);

// /etc/machine-id (or the boot id where there is none), for keyed digests only.
std::string machine_id();

}  // namespace warden::app
