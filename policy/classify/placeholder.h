// SPDX-License-Identifier: Apache-2.0
// What stands where a secret would, and is none: variables and templates, masks, and the words that
// documentation uses.
#pragma once

#include <cstdint>
#include <string_view>

namespace warden::classify {

enum class SecretKind : uint8_t {
  reference,    // a variable, call, template or type name: no value at all
  placeholder,  // "changeme", "****", "your-api-key": a stand-in, worth a suppressed finding
  value,
};
SecretKind secret_kind(std::string_view value);

// A password that stands in tests and examples: "test1", "testpass", "admin", "123456".
bool is_weak_password(std::string_view value);

// A token body made of a filler (xxxx, 1234..., EXAMPLE).
bool is_filler(std::string_view body);

}  // namespace warden::classify
