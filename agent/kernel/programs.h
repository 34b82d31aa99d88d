// SPDX-License-Identifier: Apache-2.0
// Programs: the skeleton loaded onto pinned maps and attached by pinned links. Says nothing of what the maps
// mean.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/kernel/guard.h"
#include "agent/kernel/pins.h"

struct guard_bpf;
struct bpf_link;
struct bpf_program;

namespace warden::kernel {

class Programs {
 public:
  // Loads; pinned maps of this layout are used as they are, absent ones are created and pinned.
  static Result<Programs, GuardError> load(const Pins& pins);
  // Loads without pinning or attaching anything, for `doctor`.
  static Result<Programs, GuardError> try_load();

  // Attaches every program: a pinned link gets the new program in one atomic step, an absent one is made and
  // pinned. Returns how many links were taken over. All are held from now on.
  Result<int, GuardError> attach(const Pins& pins, int cgroup_fd);
  // Attaches again what was detached, and pins again links and maps whose pins are gone.
  Repair repair(const Pins& pins, int cgroup_fd);

  [[nodiscard]] guard_bpf* operator->() const { return skeleton_.get(); }

 private:
  struct Destroy {
    void operator()(guard_bpf* skeleton) const;
  };
  struct DropLink {
    void operator()(bpf_link* link) const;
  };
  using LinkPtr = std::unique_ptr<bpf_link, DropLink>;
  struct Held {
    const bpf_program* program = nullptr;
    LinkPtr link;
    bool lost = false;  // was detached and cannot be attached again
  };
  explicit Programs(guard_bpf* skeleton) : skeleton_(skeleton) {}
  void repair_link(Held& held, const Pins& pins, int cgroup_fd, Repair& repair);
  static Result<Programs, GuardError> load_onto(const Pins* pins);

  std::unique_ptr<guard_bpf, Destroy> skeleton_;
  std::vector<Held> links_;
};

}  // namespace warden::kernel
