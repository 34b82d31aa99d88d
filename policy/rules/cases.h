// SPDX-License-Identifier: Apache-2.0
// Cases: what a bundle's author expects of it, in *_test.yaml files beside the bundle (FORMAT.md), and the
// run of them.
#pragma once

#include <string>
#include <vector>

#include "policy/decide/program.h"
#include "policy/rules/bundle.h"

namespace warden::policy {

struct CaseResult {
  std::string file;
  int line = 0, column = 0;
  std::string name;
  std::vector<std::string> wrong;  // empty: passed; "action is allow, expected block"
};

struct CaseRun {
  std::vector<CaseResult> results;
  std::vector<const Rule*> uncovered;  // rules that matched in no case
};

// Runs all cases of the bundle at `path` (a file: those of the same stem) against `program`.
Result<CaseRun, BundleError> run_cases(const std::string& path, const Program& program);

}  // namespace warden::policy
