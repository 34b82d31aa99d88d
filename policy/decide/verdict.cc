// SPDX-License-Identifier: Apache-2.0
#include "policy/decide/verdict.h"

namespace warden::policy {

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::allow:
      return "allow";
    case Outcome::redact:
      return "redact";
    case Outcome::block:
      return "block";
    case Outcome::not_evaluated:
      return "not_evaluated";
  }
  return "";
}

std::string_view name(Action action) {
  switch (action) {
    case Action::allow:
      return "allow";
    case Action::redact:
      return "redact";
    case Action::block:
      return "block";
  }
  return "";
}

std::string_view name(Mode mode) {
  return mode == Mode::enforce ? "enforce" : "monitor";
}

}  // namespace warden::policy
