// SPDX-License-Identifier: Apache-2.0
// Facts: everything a policy may ask about one exchange, as plain values. A fact is a value, absent (a bare host has no
// pod: plain false) or unresolved (we could not find out: unknown, in Kleene's three-valued logic).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace warden::policy {

struct Absent { bool operator==(const Absent&) const = default; };
struct Unresolved { std::string why; bool operator==(const Unresolved&) const = default; };

using Texts = std::vector<std::string>;
// A fact with several values (groups, ancestors) matches when any of them does.
using Fact = std::variant<Absent, Unresolved, std::string, int64_t, bool, Texts>;

struct DataFact {
  std::string data_class;   // "pii.gov"
  std::string detector;     // "us.ssn"
  std::string_view tier;    // "validated" ...
  int confidence = 0;
  int64_t n = 1;            // how many findings stand behind this row
  std::string_view where;   // "user", "tool_result" ...
};

enum class DataStatus : uint8_t { complete, partial, error, skipped };  // other than complete: data.* is unknown

// Identity, destination, request, time and host facts are keyed by the dotted names of policy.md ("identity.user",
// "identity.pod.label.app", "destination.model", "request.stream"). A name that was never set is absent.
class Facts {
 public:
  void set(std::string_view name, Fact value);
  [[nodiscard]] const Fact& get(std::string_view name) const;  // Absent when unset
  [[nodiscard]] const std::vector<std::pair<std::string, Fact>>& all() const { return facts_; }

  std::vector<DataFact> data;
  DataStatus data_status = DataStatus::complete;

 private:
  std::vector<std::pair<std::string, Fact>> facts_;  // few dozen, sorted by name
};

}  // namespace warden::policy
