// SPDX-License-Identifier: Apache-2.0
// egresswardend: the agent. Run by systemd or by hand; the same binary is a proxy worker when the supervisor starts it as one.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>

#include "agent/app/config.h"
#include "agent/app/policy_source.h"
#include "agent/app/supervisor.h"
#include "agent/app/worker.h"
#include "agent/base/log.h"

namespace {

constexpr int kWrongUse = 2;

// An exchange takes and gives back some buffers of 16 KB and more. As glibc comes, that moves the end of the heap up and down,
// and each time the kernel clears the pages anew.
void keep_memory() {
  constexpr int kKeptBytes = 16 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kKeptBytes);
  ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
  ::mallopt(M_TOP_PAD, 1 << 20);
}

// Listeners of other namespaces and connections are descriptors; the soft limit of 1,024 is for programs that use select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// argv of a worker: --worker SUPERVISOR_PID HAS_V6 SPOOL_FILES. Not an interface for people.
int be_worker(char** argv) {
  warden::app::WorkerDescriptors given{3, 4, std::strcmp(argv[3], "1") == 0 ? 5 : -1, std::atoi(argv[2]), 6};
  for (int file = 0; file < std::atoi(argv[4]); ++file) given.spool_files.push_back(7 + file);
  return warden::app::run_worker(given);
}

// What a program that is to take over a running agent must be able to read beside the configuration.
int check_policy(const warden::app::AgentConfig& config) {
  const auto pack = warden::classify::Pack::load();
  if (!pack) std::cerr << "egresswardend: classifier: " << pack.error().detail << "\n";
  if (!pack) return kWrongUse;
  const auto policy = warden::app::load_policy(config, **pack);
  if (!policy) std::cerr << "egresswardend: " << policy.error().detail << "\n";
  return policy ? 0 : kWrongUse;
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that left is an error of one write, not the end of the agent; workers inherit it.
  std::signal(SIGPIPE, SIG_IGN);
  keep_memory();
  raise_descriptor_limit();
  if (argc == 5 && std::strcmp(argv[1], "--worker") == 0) return be_worker(argv);
  CLI::App app{"Egresswarden host agent: attributes, inspects and records LLM traffic of this host"};
  std::string path = "/etc/egresswarden/agent.yaml";
  bool check = false, with_policy = false;
  int resume = -1;
  app.add_option("--config", path, "configuration file")->capture_default_str();
  app.add_flag("--check", check, "read the configuration, say what is wrong with it, and exit");
  app.add_flag("--with-policy", with_policy, "with --check: read the policy too")->needs("--check");
  app.add_option("--resume", resume, "what the program before this one left, by the number of its file")->group("");
  app.set_version_flag("--version", std::string("egresswardend " WARDEN_VERSION));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  std::optional<warden::app::Inheritance> inheritance;
  if (resume > STDERR_FILENO) inheritance.emplace(resume);
  auto config = warden::app::load_agent_config(path);
  if (!config) {
    std::cerr << "egresswardend: " << config.error().detail << "\n";
    return kWrongUse;
  }
  if (check) return with_policy && !config->intercept.observe ? check_policy(*config) : 0;
  warden::log::open("egresswardend", config->log_level.c_str());
  auto supervisor = warden::app::Supervisor::start(std::move(*config), warden::app::Program::self(path), std::move(inheritance));
  if (!supervisor) {
    warden::log::error("{}", supervisor.error().detail);
    return kWrongUse;
  }
  return (*supervisor)->run();
}
