// SPDX-License-Identifier: Apache-2.0
// What parse() accepts is byte for byte what serialise() writes. The names a process or container can choose
// are read too.
#include "agent/attribution/cgroup.h"
#include "agent/attribution/identity.h"
#include "agent/attribution/procfs.h"
#include "agent/attribution/script.h"
#include "agent/attribution/workload.h"
#include "agent/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warden::attribution;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (const auto identity = parse(bytes)) WARDEN_CHECK(serialise(*identity) == bytes);
  parse_stat(bytes);
  const auto arguments = split_arguments(bytes);
  for (const char* program : {"python3.11", "node", "bash", "perl", "ruby", "java", "php"}) {
    const ScriptArgument script = script_argument(program, arguments);
    WARDEN_CHECK((script.kind == ScriptArgument::Kind::file) == !script.path.empty());
  }
  cgroup2_mount(bytes);
  cgroup2_line(bytes);
  // A name whose maker is not root is never believed.
  const Workload forged = workload_of({.path = bytes, .root_owned = 0, .next_owner = 1, .real_root = true});
  WARDEN_CHECK(!forged.unit.known() && !forged.container_id.known() && !forged.pod_uid.known());
  return 0;
}
