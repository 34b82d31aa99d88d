// SPDX-License-Identifier: Apache-2.0
// The command line `egresswarden`. The one file that knows CLI11: each add_*() names a subcommand's options
// and binds them to the plain struct that its run_*() takes. Exit codes: 0 ok, 1 the answer is no, 2 wrong
// use or environment.
#include <CLI/CLI.hpp>
#include <functional>

#include "agent/cli/doctor.h"
#include "agent/cli/down.h"
#include "agent/cli/live.h"

namespace {

using namespace warden::cli;
using Run = std::function<int()>;

CLI::App* add(CLI::App& app, const char* name, const char* what, Run& chosen, Run run) {
  CLI::App* const sub = app.add_subcommand(name, what);
  sub->callback([&chosen, run = std::move(run)] { chosen = run; });
  return sub;
}

void config_option(CLI::App* sub, std::string& path) {
  sub->add_option("--config", path, "the agent's config file")->capture_default_str();
}

void json_flag(CLI::App* sub, bool& json) {
  sub->add_flag("--json", json, "print JSON");
}

void add_doctor(CLI::App& app, Run& chosen) {
  static DoctorOptions options;
  CLI::App* const sub = add(app, "doctor", "what this host needs, and the remedy for what is missing", chosen,
                            [] { return run_doctor(options); });
  config_option(sub, options.config);
  json_flag(sub, options.json);
}

void add_status(CLI::App& app, Run& chosen) {
  static StatusOptions options;
  CLI::App* const sub =
      add(app, "status", "health of the running agent", chosen, [] { return run_status(options); });
  config_option(sub, options.config);
  json_flag(sub, options.json);
}

void add_observe(CLI::App& app, Run& chosen) {
  static ObserveOptions options;
  CLI::App* const sub =
      add(app, "observe", "decisions, one line each", chosen, [] { return run_observe(options); });
  config_option(sub, options.config);
  sub->add_option("--user", options.user, "only this user's");
  sub->add_option("--process", options.process, "only processes of this name");
  sub->add_option("--provider", options.provider, "only towards this provider");
  sub->add_option("--verdict", options.verdict, "only this verdict")
      ->check(CLI::IsMember({"allow", "redact", "block", "not_evaluated"}));
  sub->add_option("--since", options.since, "how far back: 30s, 5m, 2h");
  sub->add_flag("--follow,-f", options.follow, "go on as decisions are made");
  json_flag(sub, options.json);
}

void add_inventory(CLI::App& app, Run& chosen) {
  static InventoryOptions options;
  CLI::App* const sub =
      add(app, "inventory", "who talks to which LLM endpoint", chosen, [] { return run_inventory(options); });
  config_option(sub, options.config);
  sub->add_flag("--catalogue", options.catalogue, "list the known providers instead");
  json_flag(sub, options.json);
}

void add_trust(CLI::App& app, Run& chosen) {
  static TrustOptions options;
  CLI::App* const trust = app.add_subcommand("trust", "trust stores: found, served, changed, undone");
  trust->require_subcommand(1);
  const std::pair<const char*, const char*> actions[] = {
      {"list", "trust stores found and what was done to them"},
      {"inject", "make applications trust the host's authority"},
      {"remove", "undo every injection"},
      {"explain", "which trust store a process uses"}};
  for (const auto& [action, what] : actions) {
    CLI::App* const sub = add(*trust, action, what, chosen, [action = std::string(action)] {
      options.action = action;
      return run_trust(options);
    });
    config_option(sub, options.config);
    json_flag(sub, options.json);
    if (std::string_view(action) == "explain")
      sub->add_option("pid", options.pid, "the process")->required()->check(CLI::PositiveNumber);
  }
}

void add_down(CLI::App& app, Run& chosen) {
  static DownOptions options;
  CLI::App* const sub = add(app, "down", "take the guard off this host: trust, kernel programs, pins, cgroup",
                            chosen, [] { return run_down(options); });
  config_option(sub, options.config);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Egresswarden: who sends what to language models, decided and recorded on the host",
               "egresswarden");
  app.require_subcommand(1);
  Run chosen;
  add_doctor(app, chosen);
  add_status(app, chosen);
  add_observe(app, chosen);
  add_inventory(app, chosen);
  add_trust(app, chosen);
  add_down(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return chosen();
}
