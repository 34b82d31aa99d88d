// SPDX-License-Identifier: Apache-2.0
#include "agent/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace warden {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "egresswarden: internal error: %s does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace warden
