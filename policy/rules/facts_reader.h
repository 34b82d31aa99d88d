// SPDX-License-Identifier: Apache-2.0
// Facts and verdicts in files: the JSON of `policy explain` and the cases of `policy test`. A fact given as
// null is unresolved, one left out is absent. Groups may nest (`pod: { namespace: x }`) or be dotted.
#pragma once

#include <string>

#include "policy/decide/facts.h"
#include "policy/decide/verdict.h"
#include "policy/rules/reader.h"

namespace warden::policy {

// `strict`: a name no rule could ask for is an error; else it is kept and has no effect.
Facts read_facts(Reader& reader, const Tree& tree, bool strict);

Result<Facts, BundleError> read_facts_json(const std::string& path);

// {"verdict","action","rules","deciding","reason"}, on one line.
std::string verdict_json(const Verdict& verdict);

}  // namespace warden::policy
