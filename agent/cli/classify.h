// SPDX-License-Identifier: Apache-2.0
// `egresswarden classify` and `egresswarden redact`: the engine on text from stdin, results on stdout. Both
// return the exit code: 0 done, 2 wrong use or environment (bad JSON line, unknown pack), with what, where
// and the remedy on stderr.
#pragma once

#include <string>

namespace warden {

struct ClassifyOptions {
  bool jsonl = false;    // {"id","text"} per line in, {"id","findings":[...]} per line out, in order
  bool explain = false;  // says of each finding why it is one
  std::string pack;      // folder of a detector pack; empty: the built-in detectors
  bool json = false;     // without jsonl: one object {"findings":[...]} for the whole text
};
int run_classify(const ClassifyOptions& options);

struct RedactOptions {
  bool jsonl = false;  // {"id","text"} per line in, {"id","text","edits":[...]} per line out
  std::string pack;
  std::string key_file;  // secret of the token hash; empty: a fresh one, so tokens agree within one run only
  bool json = false;     // without jsonl: one object {"text","edits":[...]}
};
int run_redact(const RedactOptions& options);

}  // namespace warden
