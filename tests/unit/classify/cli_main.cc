// SPDX-License-Identifier: Apache-2.0
// classify_cli: the two subcommands without the rest of the product, for the golden set and for tuning.
#include <cstring>
#include <iostream>

#include "agent/cli/classify.h"

int main(int argc, char** argv) {
  const auto has = [&](const char* flag) {
    for (int i = 2; i < argc; ++i) {
      if (std::strcmp(argv[i], flag) == 0) return true;
    }
    return false;
  };
  if (argc > 1 && std::strcmp(argv[1], "classify") == 0)
    return warden::run_classify({has("--jsonl"), has("--explain"), {}});
  if (argc > 1 && std::strcmp(argv[1], "redact") == 0) return warden::run_redact({has("--jsonl"), {}, {}});
  std::cerr << "use: classify_cli classify [--jsonl] [--explain] | redact [--jsonl]\n";
  return 2;
}
