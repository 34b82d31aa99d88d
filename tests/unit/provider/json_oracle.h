// SPDX-License-Identifier: Apache-2.0
// Two readings of the same JSON as lists of events: ours from the tape, and Boost.JSON's. Used by property tests and fuzzing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warden::provider {

using JsonEvents = std::vector<std::string>;  // "{", "}", "[", "]", "k:name", "s:text", "n:digits", "b:true", "0"

struct OracleReading {
  bool accepted = false;
  bool beyond_oracle = false;  // refused for a limit of the oracle's own (size of an exponent)
  JsonEvents events;
};

OracleReading read_by_boost(std::string_view json);
std::optional<JsonEvents> read_by_walk(std::string_view json);  // nullopt: refused

}  // namespace warden::provider
