// SPDX-License-Identifier: Apache-2.0
// Writes records to a log: audit_fill STATE_DIR COUNT.
#include <cstdio>
#include <cstdlib>

#include "agent/base/uuid.h"
#include "audit/record/schema.h"
#include "audit/store/log.h"

int main(int argc, char** argv) {
  using namespace warden;
  using namespace warden::audit;
  if (argc != 3) return 2;
  LogConfig config;
  config.state_dir = argv[1];
  config.log_domain = "log.example";
  config.tenant = "acme";
  config.reserve_bytes = 1 << 20;
  auto log = Log::open(config);
  if (!log) return 1;
  std::vector<Item> group;
  for (long i = 0; i < std::atol(argv[2]); ++i) {
    Draft draft(i % 2 == 0 ? Kind::decision : Kind::outcome);
    static std::string req;
    if (i % 2 == 0) req = uuid7();
    draft.set(Field::req, req);
    draft.set(Field::proc_comm, std::string("caf\xc3\xa9 <\"\\\x01>"));
    draft.set(Field::proc_exe, std::string("/usr/bin/curl"));
    draft.set(Field::user_uid, int64_t{1000} + i % 3);
    draft.set(Field::user_name, std::string(i % 3 == 0 ? "alice" : "bob"));
    draft.set(Field::llm_model, std::string("gpt-4o"));
    draft.set(Field::llm_tools, std::vector<std::string>{"search", "mail to bob@example.com now"});
    draft.set(Field::io_req_bytes, int64_t{1} << 60);
    draft.set(i % 2 == 0 ? Field::dec_verdict : Field::out_end,
              std::string(i % 2 == 0 ? "allow" : "complete"));
    group.push_back({1, std::move(draft)});
    if (group.size() < 100) continue;
    for (const Committed& answer : (*log)->append(std::exchange(group, {})))
      if (!answer.seq) return 1;
  }
  for (const Committed& answer : (*log)->append(std::move(group)))
    if (!answer.seq) return 1;
  return 0;
}
