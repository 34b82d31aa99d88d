// SPDX-License-Identifier: Apache-2.0
// UUID version 7 (RFC 9562, section 5.7): time-ordered ids of exchanges.
#pragma once

#include <string>

namespace warden {

std::string uuid7();

}  // namespace warden
