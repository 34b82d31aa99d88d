// SPDX-License-Identifier: Apache-2.0
// decide(): facts in, verdict out. Pure: no clock, no disk, no sockets; deterministic; cost does not grow with rules that
// cannot match. Block overrides redact overrides allow; nothing matches: the bundle's default.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "agent/base/bytes.h"
#include "policy/decide/facts.h"
#include "policy/decide/verdict.h"

namespace warden::policy {

class Program;  // a compiled bundle: immutable, shared between threads (policy/rules/bundle.h makes one)

// Reads the bundle's words for what is not a rule.
struct Defaults {
  Action decision = Action::block;
  Mode mode = Mode::enforce;
  Action on_unreadable = Action::block;   // allow or block; the outcome is not_evaluated either way
  enum class Untrusting : uint8_t { block, observe, splice } on_untrusting_client = Untrusting::block;
  enum class Front : uint8_t { intercept, refuse, splice } on_shared_front = Front::splice;
  enum class Ech : uint8_t { refuse, splice } on_ech = Ech::refuse;
};

const Defaults& defaults(const Program& program);
std::string_view version(const Program& program);
std::string_view bundle_name(const Program& program);
const Digest& digest(const Program& program);    // of the bundle's exact bytes
std::string_view signer(const Program& program);  // key id, empty when unsigned

Verdict decide(const Program& program, const Facts& facts);

// The verdict for a request that could not be read (`reason` such as "body_too_large", "unknown_shape").
Verdict decide_unreadable(const Program& program, const Facts& facts, std::string_view reason);

// Why, in words, one line per rule: matched, not matched (which condition), or unknown (which fact).
std::string explain(const Program& program, const Facts& facts);

}  // namespace warden::policy
