// SPDX-License-Identifier: Apache-2.0
// Whom an auditor trusts: a policy file as c2sp.org/tlog-policy has it, with log keys, witnesses, groups and
// one quorum line. A checkpoint is good when one of the logs signed it under its own origin and the quorum of
// witnesses cosigned it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain/checkpoint.h"

namespace warden::chain {

class Policy {
 public:
  // Errors name the line. Bounded: 1,024 logs, 256 witnesses and groups, 1 MB.
  static Result<Policy, NoteError> parse(std::string_view text);
  // One log, no witness.
  static Policy of(Verifier log);

  Result<OpenedCheckpoint, NoteError> open(std::string_view checkpoint) const;
  // The key whose name is the origin, or nullptr.
  [[nodiscard]] const Verifier* log(std::string_view origin) const;

 private:
  struct Group {
    size_t threshold = 1;
    std::vector<std::string> members;  // defined before: no circle
  };
  Result<void, NoteError> line(const std::vector<std::string_view>& words);
  Result<void, NoteError> add_group(const std::vector<std::string_view>& words);
  [[nodiscard]] bool known(const std::string& name) const {
    return witnesses_.contains(name) || groups_.contains(name);
  }

  std::vector<Verifier> logs_;
  std::map<std::string, Verifier> witnesses_;
  std::map<std::string, Group> groups_;
  std::vector<std::string> order_;  // of groups, so that members are judged before them
  std::map<std::string, bool> used_;
  std::string quorum_;
};

}  // namespace warden::chain
