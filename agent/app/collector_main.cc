// SPDX-License-Identifier: Apache-2.0
// egresswarden-collector: the service around audit/collector, with its configuration, its signals and its
// word to systemd.
#include <fcntl.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>

#include "agent/app/config.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "audit/collector/collector.h"

namespace {

using namespace warden;

constexpr int kWrongUse = 2;

struct Options {
  std::string config = "/etc/egresswarden/collector.yaml";
  bool check = false, rebuild = false;
};

int complain(const std::string& what) {
  std::cerr << "egresswarden-collector: " << what << "\n";
  return kWrongUse;
}

bool make_folder(const std::string& path) {
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

audit::CollectorSettings settings_of(const app::CollectorConfig& config) {
  audit::CollectorSettings settings;
  settings.listen = config.listen;
  settings.state_dir = config.state_dir;
  settings.cert = config.tls.cert;
  settings.key = config.tls.key;
  settings.client_ca = config.tls.client_ca;
  settings.cosign_key = config.cosign_key;
  return settings;
}

// Until a signal asks for the end. SIGHUP has nothing to reload: certificates are read at start.
void wait_for_end(const sigset_t& signals) {
  int signal = 0;
  while (::sigwait(&signals, &signal) == 0 && signal == SIGHUP)
    log::info("nothing to reload; restart for a new configuration");
  log::info("ending");
}

int run(const app::CollectorConfig& config, bool rebuild_index) {
  ::umask(0077);
  // Before the first thread, so that every thread inherits the mask.
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  if (!make_folder(config.run_dir)) return complain(config.run_dir + ": " + std::strerror(errno));
  const std::string ready = config.run_dir + "/ready";
  ::unlink(ready.c_str());
  audit::CollectorSettings settings = settings_of(config);
  settings.rebuild_index = rebuild_index;
  auto collector = audit::Collector::start(settings);
  if (!collector) return complain(collector.error().detail);
  log::info("listening on {}, state in {}", config.listen.to_string(), config.state_dir);
  if (auto written = write_file(ready, std::to_string(::getpid()) + '\n', 0644); !written)
    return complain(written.error().detail);
  ::sd_notify(0, "READY=1");
  wait_for_end(signals);
  ::sd_notify(0, "STOPPING=1");
  ::unlink(ready.c_str());
  collector->reset();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Egresswarden collector: receives, verifies and cosigns the hosts' logs and shows their records"};
  app.add_option("--config", options.config, "configuration file")->capture_default_str();
  app.add_flag("--check", options.check, "read the configuration, say what is wrong with it, and exit");
  app.add_flag("--rebuild-index", options.rebuild, "make the index anew from the logs, then serve as usual");
  app.set_version_flag("--version", std::string("egresswarden-collector " WARDEN_VERSION));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUse;
  }
  const auto config = app::load_collector_config(options.config);
  if (!config) return complain(config.error().detail);
  if (options.check) return 0;
  log::open("egresswarden-collector", config->log_level.c_str());
  return run(*config, options.rebuild);
}
