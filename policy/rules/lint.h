// SPDX-License-Identifier: Apache-2.0
// Lint: rules that a bundle would be the same without. Found by form, not by proof: conditions that
// contradict each other, and rules that a block rule always overrides. What is reported is so; what is not
// reported may still be idle.
#pragma once

#include <string>
#include <vector>

#include "policy/decide/program.h"

namespace warden::policy {

struct Remark {
  std::string file;
  int line = 0, column = 0;
  std::string rule;
  std::string what;
};

std::vector<Remark> lint(const Program& program);

}  // namespace warden::policy
