// SPDX-License-Identifier: Apache-2.0
// Client hellos as bytes, whole or cut over TLS records, for tests of what reads them in the kernel.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace warden::kernel {

struct HelloShape {
  size_t key_share_bytes = 32;  // 1216 and more: post-quantum
  bool name_last = false;       // behind all other extensions
  size_t extensions = 8;        // empty ones beside
};

std::string handshake_message(const std::string& server_name, const HelloShape& shape = {});
// The message in records of at most `record_bytes`.
std::string in_records(const std::string& message, size_t record_bytes = 16384);
std::string client_hello(const std::string& server_name, const HelloShape& shape = {});
std::vector<std::string> cut(const std::string& bytes, size_t piece);

}  // namespace warden::kernel
