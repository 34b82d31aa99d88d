// SPDX-License-Identifier: Apache-2.0
// A decision and an outcome of the size that real ones have.
#pragma once

#include <string>

#include "audit/record/schema.h"

namespace warden::audit {

inline void add_identity(Draft& draft) {
  draft.set(Field::proc_pid, int64_t{4242});
  draft.set(Field::proc_start_us, int64_t{99'000'000});
  draft.set(Field::proc_exe_sha256, std::string(64, 'a'));
  draft.set(Field::proc_comm, std::string("curl"));
  draft.set(Field::proc_cgroup, std::string("/user.slice/user-1000.slice"));
  draft.set(Field::proc_exe, std::string("/usr/bin/curl"));
  draft.set(Field::proc_argv,
            std::vector<std::string>{"curl", "-s", "https://api.openai.com/v1/chat/completions"});
  draft.set(Field::proc_cwd, std::string("/home/alice/work"));
  draft.set(Field::user_uid, int64_t{1000});
  draft.set(Field::user_gid, int64_t{1000});
  draft.set(Field::user_loginuid, int64_t{1000});
  draft.set(Field::user_session, int64_t{3});
  draft.set(Field::user_name, std::string("alice"));
  draft.set(Field::unit, std::string("user@1000.service"));
  draft.set(Field::who_basis, std::string("loginuid"));
  draft.set(Field::who_assurance, std::string("inferred"));
}

inline Draft sample_decision(std::string req) {
  Draft draft(Kind::decision);
  draft.set(Field::req, std::move(req));
  add_identity(draft);
  draft.set(Field::net_host, std::string("api.openai.com"));
  draft.set(Field::net_port, int64_t{443});
  draft.set(Field::net_sni, std::string("api.openai.com"));
  draft.set(Field::net_dst, std::string("203.0.113.7:443"));
  draft.set(Field::net_capture, std::string("proxied"));
  draft.set(Field::llm_provider, std::string("openai"));
  draft.set(Field::llm_api, std::string("openai.chat"));
  draft.set(Field::llm_model, std::string("gpt-4o"));
  draft.set(Field::llm_stream, true);
  draft.set(Field::io_req_bytes, int64_t{2345});
  draft.set(Field::io_req_hash, std::string(64, 'b'));
  draft.set(Field::cls_engine, std::string(64, 'c'));
  draft.set(Field::cls_ruleset, std::string(64, 'd'));
  draft.set(Field::cls_status, std::string("complete"));
  draft.set(Field::cls_scanned_bytes, int64_t{2345});
  draft.set(Field::cls_found, std::vector<Row>{{{{"detector", std::string("email")},
                                                 {"class", std::string("pii.email")},
                                                 {"n", int64_t{2}},
                                                 {"confidence", int64_t{90}},
                                                 {"where", std::string("user")}}}});
  draft.set(Field::pol_bundle, std::string(64, 'e'));
  draft.set(Field::pol_ver, std::string("1.4.0"));
  draft.set(Field::pol_rules, std::vector<std::string>{"default-allow", "redact-email"});
  draft.set(Field::dec_verdict, std::string("redact"));
  draft.set(Field::dec_action, std::string("redact"));
  draft.set(Field::dec_mode, std::string("enforce"));
  draft.set(Field::dec_us, int64_t{120});
  return draft;
}

inline Draft sample_outcome(std::string req) {
  Draft draft(Kind::outcome);
  draft.set(Field::req, std::move(req));
  draft.set(Field::proc_comm, std::string("curl"));
  draft.set(Field::out_status, int64_t{200});
  draft.set(Field::out_end, std::string("complete"));
  return draft;
}

}  // namespace warden::audit
