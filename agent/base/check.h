// SPDX-License-Identifier: Apache-2.0
// WARDEN_CHECK: an invariant of ours. A violation is our bug: abort, in release builds too; the supervisor restarts.
#pragma once

namespace warden {
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;
}

#define WARDEN_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::warden::check_failed(#condition, __FILE__, __LINE__))
