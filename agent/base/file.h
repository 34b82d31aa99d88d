// SPDX-License-Identifier: Apache-2.0
// Small files whole: bounded reads, atomic writes (temporary file in the same folder, fsync, rename, fsync of the folder).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace warden {

enum class FileError { cannot_open, cannot_read, too_large, cannot_write };

Result<std::string, FileError> read_file(const std::string& path, size_t bytes_max = 64 << 20);
Result<void, FileError> write_file(const std::string& path, std::string_view content, mode_t mode);

}  // namespace warden
