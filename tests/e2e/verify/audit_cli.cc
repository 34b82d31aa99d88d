// SPDX-License-Identifier: Apache-2.0
// The audit subcommands alone: audit_cli export|verify|prove|list|show STATE_DIR|FOLDER [name=value...].
#include <cstdio>
#include <cstdlib>
#include <string>

#include "agent/cli/audit.h"

int main(int argc, char** argv) {
  using warden::cli::AuditOptions;
  if (argc < 3) return 2;
  AuditOptions options;
  const std::string action = argv[1];
  options.state_dir = options.folder = argv[2];
  options.action = action == "export"   ? AuditOptions::Action::export_log
                   : action == "verify" ? AuditOptions::Action::verify
                   : action == "prove"  ? AuditOptions::Action::prove
                   : action == "show"   ? AuditOptions::Action::show
                                        : AuditOptions::Action::list;
  for (int i = 3; i < argc; ++i) {
    const std::string argument = argv[i], name = argument.substr(0, argument.find('='));
    const std::string value = argument.substr(std::min(argument.size(), name.size() + 1));
    if (name == "folder")
      options.folder = value;
    else if (name == "vkey")
      options.vkey = value;
    else if (name == "policy")
      options.policy = value;
    else if (name == "old")
      options.old_checkpoint = value;
    else if (name == "out")
      options.out = value;
    else if (name == "seq")
      options.seq = std::strtoull(value.c_str(), nullptr, 10);
    else if (name == "epoch")
      options.epoch = std::strtoull(value.c_str(), nullptr, 10);
    else if (name == "user")
      options.user = value;
    else if (name == "verdict")
      options.verdict = value;
    else if (name == "since")
      options.since = value;
    else if (name == "all")
      options.all = true;
    else if (name == "json")
      options.json = true;
    else
      return 2;
  }
  return warden::cli::run_audit(options);
}
