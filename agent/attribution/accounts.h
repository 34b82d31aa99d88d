// SPDX-License-Identifier: Apache-2.0
// Accounts: names of users and groups by NSS, kept for a minute. A directory that does not answer leaves a
// name unresolved; "no such user" counts as absent only when every configured source is local and so cannot
// have been down.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/attribution/identity.h"

namespace warden::attribution {

struct Account {
  Known<std::string> name;
  Known<std::vector<std::string>> groups;  // all of the user's, primary first
};

class Accounts {
 public:
  explicit Accounts(std::chrono::seconds lifetime = std::chrono::seconds(60), size_t entries_max = 4096)
      : lifetime_(lifetime), entries_max_(entries_max) {}
  const Account& find(uint32_t uid);

 private:
  struct Entry {
    Account account;
    std::chrono::steady_clock::time_point until;
  };
  std::chrono::seconds lifetime_;
  size_t entries_max_;
  std::map<uint32_t, Entry> entries_;
};

// Does this nsswitch.conf ask only local sources (files, systemd, compat) for `database`?
bool asks_only_local(const std::string& nsswitch, const std::string& database);

}  // namespace warden::attribution
