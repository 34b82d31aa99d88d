// SPDX-License-Identifier: Apache-2.0
// Spool files: what a worker keeps large bodies in. Files without a name in the state directory, opened by the supervisor since a
// worker can open none; they end with the worker that holds them, whatever becomes of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/fd.h"

namespace warden::app {

inline constexpr size_t kSpoolFilesMax = 32;  // of one worker

// As many as bodies of that size can be in flight within the budget; none where nothing is to be spooled.
size_t spool_files_wanted(uint64_t bodies_bytes_max, uint64_t spool_over_bytes);

// Fewer than `count` where the file system gives no more: large bodies are refused for want of one, all else goes on.
std::vector<Fd> open_spool_files(const std::string& folder, size_t count);

}  // namespace warden::app
