// SPDX-License-Identifier: Apache-2.0
// Resolver: the identity behind a flow, each field a value, absent or unresolved with its reason. Lives on
// the supervisor's control thread, which feeds it the kernel's events in order.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "agent/attribution/accounts.h"
#include "agent/attribution/cgroup.h"
#include "agent/attribution/identity.h"
#include "agent/attribution/process_table.h"
#include "agent/kernel/guard.h"

namespace warden::attribution {

class Resolver {
 public:
  // `persons`: login name to the natural person's identifier, from identity.persons; others stand for
  // themselves.
  explicit Resolver(std::map<std::string, std::string> persons = {}, ProcessTable::Limits limits = {});

  void scan() { table_.scan(); }
  void on_event(const kernel::Event& event);  // exec, fork and exit; others are ignored
  // What is known now; where a digest is not null, exe_sha256 or script_sha256 is to be taken from it once it is done.
  struct Resolved {
    Identity identity;
    std::shared_ptr<const PendingDigest> exe_digest, script_digest;
    [[nodiscard]] bool complete() const;
    void take_digests();  // as they are now
  };
  Resolved resolve_now(const kernel::Flow& flow);
  Identity resolve(const kernel::Flow& flow) { return resolve_now(flow).identity; }
  // Large executables are hashed by a thread from now on; `wake` runs there when collect_hashes() has news.
  void hash_aside(std::function<void()> wake) { table_.hash_aside(std::move(wake)); }
  void collect_hashes() { table_.collect_hashes(); }
  void set_persons(std::map<std::string, std::string> persons) { persons_ = std::move(persons); }
  [[nodiscard]] const ProcessTable& table() const { return table_; }

 private:
  void fill_credentials(Identity& identity, const kernel::ProcessFacts& facts);
  void fill_workload(Identity& identity, const kernel::ProcessFacts& facts);

  std::map<std::string, std::string> persons_;
  std::string boot_;
  ProcessTable table_;
  Accounts accounts_;
  Cgroups cgroups_;
};

}  // namespace warden::attribution
