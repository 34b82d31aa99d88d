// SPDX-License-Identifier: Apache-2.0
// `policy ACTION BUNDLE [--key FILE] [--facts FILE] [--json]`: run_policy() as a program of its own, for
// development.
#include <cstring>

#include "agent/cli/policy.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  warden::cli::PolicyOptions options;
  options.action = argv[1];
  options.bundle = argv[2];
  for (int i = 3; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) options.json = true;
    if (std::strcmp(argv[i], "--key") == 0 && i + 1 < argc) options.key = argv[++i];
    if (std::strcmp(argv[i], "--facts") == 0 && i + 1 < argc) options.facts_file = argv[++i];
  }
  return warden::cli::run_policy(options);
}
