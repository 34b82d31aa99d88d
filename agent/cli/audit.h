// SPDX-License-Identifier: Apache-2.0
// `egresswarden audit list|show|prove|export|verify`: reads the host's log, or an export anywhere, and never
// writes to a log.
#pragma once

#include <cstdint>
#include <string>

namespace warden::cli {

struct AuditOptions {
  enum class Action { list, show, prove, export_log, verify };
  Action action = Action::list;
  std::string state_dir = "/var/lib/egresswarden/audit";  // LogConfig::state_dir of the agent
  uint64_t epoch = 0;                                     // 0: the current one
  bool all = false;                                       // every epoch
  bool json = false;

  // list; times are RFC 3339 or an age such as 90s, 10m, 2h, 7d
  std::string since, until;
  std::string user;  // uid or name
  std::string verdict;

  uint64_t seq = 0;  // show, prove
  std::string out;   // prove: the proof file; default SEQ.tlog-proof here

  std::string folder;          // export, verify
  std::string vkey;            // verify: the log's key, or @FILE
  std::string policy;          // verify: a tlog-policy file
  std::string old_checkpoint;  // verify: a checkpoint file seen earlier
};

// 0 ok, 1 the answer is no, 2 wrong use or environment.
int run_audit(const AuditOptions& options);

}  // namespace warden::cli
