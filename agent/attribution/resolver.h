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
#include "agent/attribution/pods.h"
#include "agent/attribution/process_table.h"
#include "agent/attribution/runtimes.h"
#include "agent/kernel/guard.h"

namespace warden::attribution {

class Resolver {
 public:
  // By login name or uid in digits, or by "system:serviceaccount:NAMESPACE:NAME"; logins that are not there stand for
  // themselves.
  struct Person {
    std::string id;
    std::vector<std::string> groups;
  };
  using Persons = std::map<std::string, Person>;
  struct Setup {
    Persons persons;
    std::string runtime_root = "/proc/1/root";  // the host's root folder, as the agent sees it
    ProcessTable::Limits limits = {};
  };
  Resolver() : Resolver(Setup{}) {}
  explicit Resolver(Setup setup);

  void scan() { table_.scan(); }
  void on_event(const kernel::Event& event);  // exec, fork and exit; others are ignored
  // What is known now; where a digest is not null, exe_sha256 or script_sha256 is to be taken from it once it is done.
  struct Resolved {
    Identity identity;
    std::shared_ptr<const PendingDigest> exe_digest, script_digest;
    bool pod_awaited = false;  // the API server may tell of it yet: ask_again()
    [[nodiscard]] bool digests_done() const;
    void take_digests();  // as they are now
  };
  Resolved resolve_now(const kernel::Flow& flow);
  void ask_again(Resolved& resolved);
  // Whom the API server tells us of; lives as long as this. Without it a pod's facts are unresolved.
  void set_pods(const Pods* pods) { pods_ = pods; }
  Identity resolve(const kernel::Flow& flow) { return resolve_now(flow).identity; }
  // Large executables are hashed by a thread from now on; `wake` runs there when collect_hashes() has news.
  void hash_aside(std::function<void()> wake) { table_.hash_aside(std::move(wake)); }
  void collect_hashes() { table_.collect_hashes(); }
  [[nodiscard]] const ProcessTable& table() const { return table_; }

 private:
  void fill_credentials(Identity& identity, const kernel::ProcessFacts& facts);
  void fill_person(Identity& identity);
  void fill_workload(Identity& identity, const kernel::ProcessFacts& facts, const Process& process);
  void fill_container(Identity& identity, const Process& process);
  bool fill_pod(Identity& identity);  // false: not told of yet

  Persons persons_;
  std::string boot_;
  ProcessTable table_;
  Accounts accounts_;
  Cgroups cgroups_;
  Runtimes runtimes_;
  const Pods* pods_ = nullptr;
};

}  // namespace warden::attribution
