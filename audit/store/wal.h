// SPDX-License-Identifier: Apache-2.0
// The disk space of SQLite's write-ahead log, taken before the log needs it. A commit that makes a file
// longer waits for the file system's own journal, and so for everybody else's writes; one that overwrites
// blocks which are there waits for the device alone (measured: 0.23 ms against 0.5 to 4 ms with a compiler
// running).
#pragma once

#include <cstdint>
#include <string>

namespace warden::audit {

// Fills `path` with zeros up to `bytes`, behind whatever stands in it: zeros in place of a header read as an
// empty log, and behind frames as their end, since the checksums fail (SQLite file format, section 4.2). For
// the thread that writes the database, once SQLite has opened it: with a database still empty it would throw
// the file away. False: there is no room, and the file is as it was.
bool preallocate_wal(const std::string& path, uint64_t bytes);

}  // namespace warden::audit
