// SPDX-License-Identifier: Apache-2.0
// The command line `egresswarden`. The one file that knows CLI11: each add_*() names a subcommand's options
// and binds them to the plain struct that its run_*() takes. Exit codes: 0 ok, 1 the answer is no, 2 wrong
// use or environment.
#include <CLI/CLI.hpp>
#include <functional>

#include "agent/app/config.h"
#include "agent/cli/audit.h"
#include "agent/cli/classify.h"
#include "agent/cli/doctor.h"
#include "agent/cli/down.h"
#include "agent/cli/inventory.h"
#include "agent/cli/live.h"
#include "agent/cli/output.h"
#include "agent/cli/policy.h"
#include "agent/cli/trust.h"
#include "policy/classify/engine.h"

namespace {

using namespace warden::cli;
using Run = std::function<int()>;

// Everything that options bind to; lives as long as the parse and the command.
struct Words {
  std::string config = kAgentConfigPath;  // given before the subcommand or after it
  std::string state_dir;
  Run chosen;
  DoctorOptions doctor;
  StatusOptions status;
  ObserveOptions observe;
  InventoryOptions inventory;
  TrustOptions trust;
  DownOptions down;
  PolicyOptions policy;
  AuditOptions audit;
  warden::ClassifyOptions classify;
  warden::RedactOptions redact;
};

CLI::App* add(CLI::App& app, Words& words, const char* name, const char* what, Run run) {
  CLI::App* const sub = app.add_subcommand(name, what);
  sub->callback([&words, run = std::move(run)] { words.chosen = run; });
  return sub;
}

void config_option(CLI::App& app, Words& words) {
  app.add_option("--config", words.config, "the agent's config file")
      ->type_name("FILE")
      ->capture_default_str();
}

void json_flag(CLI::App* sub, bool& json, const char* what = "print JSON") {
  sub->add_flag("--json", json, what);
}

// A command of the agent's host: its struct takes the config's path.
template <class Options>
CLI::App* add_host(CLI::App& app, Words& words, const char* name, const char* what, Options& options,
                   int (*run)(const Options&)) {
  CLI::App* const sub = add(app, words, name, what, [&words, &options, run] {
    options.config = words.config;
    return run(options);
  });
  config_option(*sub, words);
  json_flag(sub, options.json);
  return sub;
}

void add_observe(CLI::App& app, Words& words) {
  ObserveOptions& options = words.observe;
  CLI::App* const sub = add_host(app, words, "observe", "decisions, one line each", options, run_observe);
  sub->add_option("--user", options.user, "only this user's, by name or uid")->type_name("USER");
  sub->add_option("--process", options.process, "only this process's: name, path or pid")
      ->type_name("PROCESS");
  sub->add_option("--provider", options.provider, "only towards this provider")->type_name("PROVIDER");
  sub->add_option("--verdict", options.verdict, "only this verdict")
      ->check(CLI::IsMember({"allow", "redact", "block", "not_evaluated"}));
  sub->add_option("--since", options.since, "how far back: 30s, 5m, 2h")->type_name("AGE");
  sub->add_flag("-f,--follow", options.follow, "go on as decisions are made");
}

void add_inventory(CLI::App& app, Words& words) {
  InventoryOptions& options = words.inventory;
  CLI::App* const sub = add_host(app, words, "inventory", "who talks to which LLM endpoint, and how much of it is inspected",
                                 options, run_inventory);
  sub->add_option("--by", options.by, "one line for each of these")
      ->check(CLI::IsMember({"process", "user", "unit", "pod", "container", "provider"}));
  sub->add_option("--since", options.since,
                  "from the log, since this time (2026-11-23T10:00:00Z) or age (10m, 2h, 7d); without it, since the agent started")
      ->type_name("WHEN");
  sub->add_option("--capture", options.captures, "only what was treated so; may be given several times")
      ->check(CLI::IsMember({"intercepted", "refused", "spliced", "observed", "tunnel"}))
      ->delimiter(',');
  sub->add_flag("--catalogue", options.catalogue, "list the known providers instead");
}

void add_trust(CLI::App& app, Words& words) {
  TrustOptions& options = words.trust;
  CLI::App* const trust = app.add_subcommand("trust", "trust stores: found, served, changed, undone");
  trust->require_subcommand(1);
  const std::pair<const char*, const char*> actions[] = {
      {"list", "trust stores found, and whether the host's authority is inside"},
      {"inject", "make applications trust the host's authority"},
      {"remove", "undo every injection, whoever made it"},
      {"explain", "what a process trusts, and the knob for it"}};
  for (const auto& [action, what] : actions) {
    CLI::App* const sub = add(*trust, words, action, what, [&words, &options, action = std::string(action)] {
      options.config = words.config;
      options.action = action;
      return run_trust(options);
    });
    config_option(*sub, words);
    json_flag(sub, options.json);
    if (std::string_view(action) == "explain")
      sub->add_option("pid", options.pid, "the process")
          ->required()
          ->check(CLI::PositiveNumber)
          ->type_name("PID");
  }
}

void add_down(CLI::App& app, Words& words) {
  DownOptions& options = words.down;
  CLI::App* const sub =
      add_host(app, words, "down", "take the guard off this host: kernel programs, pins, cgroup, trust",
               options, run_down);
  sub->add_flag("--force", options.force, "even while an agent runs; it then guards nothing");
  sub->add_flag("--purge", options.purge, "remove the log, the keys and the authority too");
}

void add_classify(CLI::App& app, Words& words) {
  CLI::App* const sub = add(app, words, "classify", "what the classifier finds in the text on stdin",
                            [&words] { return warden::run_classify(words.classify); });
  sub->add_flag("--jsonl", words.classify.jsonl, R"(lines {"id","text"} in, {"id","findings"} out)");
  sub->add_option("--pack", words.classify.pack, "detectors beside the built-in ones")->type_name("DIR");
  sub->add_flag("--explain", words.classify.explain, "say why each finding is one");
  json_flag(sub, words.classify.json, "print JSON: the text is not, as with --jsonl, a line of it");
}

void add_redact(CLI::App& app, Words& words) {
  CLI::App* const sub = add(app, words, "redact", "the text on stdin, with tokens in place of what was found",
                            [&words] { return warden::run_redact(words.redact); });
  sub->add_flag("--jsonl", words.redact.jsonl, R"(lines {"id","text"} in, {"id","text","edits"} out)");
  sub->add_option("--pack", words.redact.pack, "detectors beside the built-in ones")->type_name("DIR");
  sub->add_option("--key-file", words.redact.key_file,
                  "secret of the tokens; with the same one, equal values get equal tokens in every run")
      ->type_name("FILE");
  json_flag(sub, words.redact.json, "print JSON: the text is not, as with --jsonl, a line of it");
}

// Names that rules use must exist in the detectors; an operator's --pack has no say here, as in the agent.
int with_pack(PolicyOptions& options) {
  const auto pack = warden::classify::Pack::load();
  if (!pack) return wrong("classifier: " + pack.error().detail);
  options.knows_class = [held = *pack](std::string_view name) { return held->knows_class(name); };
  options.knows_detector = [held = *pack](std::string_view id) { return held->knows_detector(id); };
  return run_policy(options);
}

CLI::App* add_policy_action(CLI::App& policy, Words& words, const char* action, const char* what) {
  PolicyOptions& options = words.policy;
  CLI::App* const sub = add(policy, words, action, what, [&options, action = std::string(action)] {
    options.action = action;
    return with_pack(options);
  });
  json_flag(sub, options.json);
  if (std::string_view(action) != "keygen")
    sub->add_option("bundle", options.bundle, "the bundle: a file or a folder")
        ->type_name("BUNDLE")
        ->capture_default_str();
  return sub;
}

void add_policy(CLI::App& app, Words& words) {
  PolicyOptions& options = words.policy;
  CLI::App* const policy = app.add_subcommand("policy", "check, test, sign and explain a policy bundle");
  policy->require_subcommand(1);
  add_policy_action(*policy, words, "check", "parse it and look for mistakes; file:line:column of each")
      ->add_option("--key", options.key, "the public key (PEM) that must have signed it")
      ->type_name("FILE");
  add_policy_action(*policy, words, "test", "run the cases in its *_test.yaml files");
  add_policy_action(*policy, words, "sign", "write its signature beside it")
      ->add_option("--key", options.key, "the private key (PEM)")
      ->type_name("FILE")
      ->required();
  add_policy_action(*policy, words, "explain", "why it decides as it does")
      ->add_option("--facts", options.facts_file, "the facts of a request, as JSON")
      ->type_name("FILE")
      ->required();
  add_policy_action(*policy, words, "keygen", "make a key to sign bundles with")
      ->add_option("--key", options.key, "where the private key goes; the public one beside it as FILE.pub")
      ->type_name("FILE")
      ->required();
}

// The log of the agent whose config this is. Without a config at its usual place, the usual log.
int with_log(Words& words, AuditOptions::Action action, bool config_given) {
  words.audit.action = action;
  if (action == AuditOptions::Action::verify) return run_audit(words.audit);
  if (!words.state_dir.empty()) {
    words.audit.state_dir = words.state_dir;
    return run_audit(words.audit);
  }
  const auto config = warden::app::load_agent_config(words.config);
  if (!config && (config_given || config.error().code != warden::app::ConfigError::unreadable))
    return wrong(config.error().detail);
  if (config) words.audit.state_dir = config->state_dir + "/audit";
  return run_audit(words.audit);
}

CLI::App* add_audit_action(CLI::App& audit, Words& words, const char* name, AuditOptions::Action action,
                           const char* what) {
  CLI::App* const sub = add(audit, words, name, what, [&words, action] {
    return with_log(words, action, words.config != kAgentConfigPath);
  });
  config_option(*sub, words);
  json_flag(sub, words.audit.json);
  if (action == AuditOptions::Action::verify) return sub;
  sub->add_option("--state-dir", words.state_dir,
                  "the folder of the log; default: audit below the config's state_dir")
      ->type_name("DIR");
  sub->add_option("--epoch", words.audit.epoch, "the log's epoch; default: the current one")->type_name("N");
  return sub;
}

void add_audit_list(CLI::App& audit, Words& words) {
  AuditOptions& options = words.audit;
  CLI::App* const sub =
      add_audit_action(audit, words, "list", AuditOptions::Action::list, "records, one line each");
  sub->add_flag("--all", options.all, "of every epoch");
  sub->add_option("--since", options.since, "from this time (2026-11-23T10:00:00Z) or age (10m, 2h, 7d)")
      ->type_name("WHEN");
  sub->add_option("--until", options.until, "up to this time or age")->type_name("WHEN");
  sub->add_option("--user", options.user, "only this user's, by name or uid")->type_name("USER");
  sub->add_option("--verdict", options.verdict, "only this verdict")
      ->check(CLI::IsMember({"allow", "redact", "block", "not_evaluated"}));
}

void add_audit(CLI::App& app, Words& words) {
  using Action = AuditOptions::Action;
  AuditOptions& options = words.audit;
  CLI::App* const audit = app.add_subcommand("audit", "the signed log: read, prove, export, verify");
  audit->require_subcommand(1);
  add_audit_list(*audit, words);
  add_audit_action(*audit, words, "show", Action::show, "one record and what it discloses")
      ->add_option("seq", options.seq, "its number")
      ->type_name("SEQ")
      ->required();
  CLI::App* const prove =
      add_audit_action(*audit, words, "prove", Action::prove, "a proof that a record is in the log");
  prove->add_option("seq", options.seq, "the record's number")->type_name("SEQ")->required();
  prove->add_option("--out", options.out, "where it goes; default SEQ.tlog-proof")->type_name("FILE");
  CLI::App* const to = add_audit_action(*audit, words, "export", Action::export_log,
                                        "tiles, checkpoint and key, for others to verify");
  to->add_option("folder", options.folder, "a new folder")->type_name("DIR")->required();
  to->add_flag("--all", options.all, "every epoch, one folder each");
  CLI::App* const verify =
      add_audit_action(*audit, words, "verify", Action::verify, "check all of an export, offline");
  verify->add_option("folder", options.folder, "the export")->type_name("DIR")->required();
  verify->add_option("--vkey", options.vkey, "the log's key, or @FILE with it")->type_name("KEY");
  verify->add_option("--policy", options.policy, "a tlog-policy file, in place of --vkey")->type_name("FILE");
  verify->add_option("--old", options.old_checkpoint, "a checkpoint seen earlier, that must be a part of it")
      ->type_name("FILE");
}

void describe(CLI::App& app, Words& words) {
  app.require_subcommand(1);
  app.set_version_flag("--version", "egresswarden " WARDEN_VERSION, "print the version");
  config_option(app, words);
  add_host(app, words, "doctor", "what this host needs, and the remedy for what is missing", words.doctor,
           run_doctor);
  add_host(app, words, "status", "health of the running agent", words.status, run_status);
  add_observe(app, words);
  add_inventory(app, words);
  add_classify(app, words);
  add_redact(app, words);
  add_policy(app, words);
  add_audit(app, words);
  add_trust(app, words);
  add_down(app, words);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Egresswarden: who sends what to language models, decided and recorded on the host",
               "egresswarden");
  Words words;
  describe(app, words);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return words.chosen();
}
