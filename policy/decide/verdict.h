// SPDX-License-Identifier: Apache-2.0
// Verdict: what policy says of one exchange, and why.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warden::policy {

enum class Outcome : uint8_t { allow, redact, block, not_evaluated };
enum class Action : uint8_t { allow, redact, block };  // what is really done; differs from the outcome in monitor mode
enum class Mode : uint8_t { enforce, monitor };
std::string_view name(Outcome outcome);
std::string_view name(Action action);
std::string_view name(Mode mode);

struct Verdict {
  Outcome outcome = Outcome::block;
  Action action = Action::block;
  Mode mode = Mode::enforce;           // of the deciding rule, or the bundle's default
  std::vector<std::string> rules;      // every rule that matched, in the bundle's order
  std::string deciding;                // id of the deciding rule; empty: a default decided
  std::string reason;                  // "rule", "default", "unresolved:identity.user", "unreadable:<reason>" ...
  std::string message;                 // the rule's message for the application, may be empty
  std::vector<size_t> redact;          // indexes into Facts::data that a redact rule selected
};

}  // namespace warden::policy
