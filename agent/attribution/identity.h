// SPDX-License-Identifier: Apache-2.0
// Identity: who opened a connection, as the kernel proves it. Each field is a value, absent, or unresolved with the reason; a
// guess is never made. What an application claims of itself or its user is not here (provider/prompt.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace warden::attribution {

template <class T>
struct Known {
  enum class State : uint8_t { absent, unresolved, known };
  State state = State::absent;
  T value{};
  std::string why;  // for unresolved

  static Known of(T v) { return {State::known, std::move(v), {}}; }
  static Known unresolved(std::string reason) { return {State::unresolved, {}, std::move(reason)}; }
  [[nodiscard]] bool known() const { return state == State::known; }
  bool operator==(const Known&) const = default;
};

struct Ancestor {
  int32_t pid = 0;
  uint64_t start_us = 0;
  std::string comm;
  std::string exe;
  std::string script;  // what an interpreter runs; empty: none, or not known
  bool operator==(const Ancestor&) const = default;
};

struct Identity {
  int32_t pid = 0;             // tgid in the initial pid namespace
  int32_t tid = 0;
  uint64_t start_us = 0;       // process start, CLOCK_BOOTTIME: with pid it names one process for the uptime
  std::string boot;            // boot id
  std::string comm;            // of the group leader
  Known<std::string> exe;      // path
  Known<std::string> exe_sha256;  // hex
  Known<std::vector<std::string>> argv;
  Known<std::string> cwd;
  Known<std::string> script;         // the file that an interpreter runs; absent: no interpreter, or code that is in no file
  Known<std::string> script_sha256;  // hex, of that file when its start was seen
  std::string script_basis = "none";  // kernel: execve() was given the script; asserted: its arguments name it; none
  Known<std::vector<Ancestor>> ancestry;  // parent first, up to init

  uint32_t uid = 0, gid = 0;
  Known<std::string> user;     // name from NSS
  Known<std::vector<std::string>> groups;
  Known<uint32_t> loginuid;    // absent: never logged in (4294967295)
  Known<std::string> login_user;
  Known<uint32_t> session;

  Known<std::string> cgroup;   // path
  uint64_t cgroup_id = 0;
  Known<std::string> unit, slice;  // systemd's
  Known<std::string> user_unit;    // of the user's own manager: that user's word
  Known<std::string> container_id;
  Known<std::string> container_runtime, container_name, container_image, container_image_digest;
  Known<std::vector<std::string>> container_labels;  // "key=value"
  Known<std::string> pod_namespace, pod_name, pod_uid, pod_service_account, pod_owner;  // owner: "ReplicaSet/name"
  Known<std::vector<std::string>> pod_labels;
  Known<std::string> person;   // natural person, and on what ground
  Known<std::vector<std::string>> person_groups;  // of persons.yaml
  std::string person_basis = "none";      // loginuid, pod_sa, none
  std::string person_assurance = "none";  // verified, asserted, inferred, none
  bool operator==(const Identity&) const = default;
};

// The form that travels from the supervisor to a worker. Bounded; parse() refuses what serialise() would not write.
enum class WireError { malformed };
std::string serialise(const Identity& identity);
Result<Identity, WireError> parse(std::string_view bytes);

}  // namespace warden::attribution
