// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/down.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "agent/app/config.h"
#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/cli/admin_client.h"
#include "agent/cli/output.h"
#include "agent/cli/trust.h"
#include "agent/kernel/guard.h"
#include "agent/trust/places.h"
#include "agent/trust/store.h"

namespace warden::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr int kDepthMax = 8;
constexpr int kAuthoritiesMax = 64;
constexpr size_t kFoldersMax = 100'000;
constexpr int kBusyTries = 20;  // 100 ms apart: workers of an agent that ended just now are still leaving

// One line as each step ends, so that a step that hangs is the one after the last line.
class Steps {
 public:
  explicit Steps(bool json) : json_(json) {}
  void done(const std::string& what, const std::string& result) { say(what, result, true); }
  void left(const std::string& what, const std::string& why) { say(what, why, false); }
  int end() {
    if (json_) std::printf("%s\n", json::serialize(json::object{{"ok", ok_}, {"steps", rows_}}).c_str());
    return ok_ ? 0 : 1;
  }

 private:
  void say(const std::string& what, const std::string& result, bool ok) {
    ok_ = ok_ && ok;
    rows_.push_back({{"what", what}, {"ok", ok}, {"result", result}});
    if (json_) return;
    std::printf("%-14s  %s\n", what.c_str(), (ok ? result : paint("left: " + result, Colour::bad)).c_str());
    std::fflush(stdout);
  }
  bool json_;
  bool ok_ = true;
  json::array rows_;
};

void remove_pins(const app::AgentConfig& config, Steps& steps) {
  std::error_code ignored;
  const bool there = fs::exists(config.bpffs_dir, ignored);
  if (const auto removed = kernel::Guard::remove(config.bpffs_dir); !removed)
    return steps.left("kernel", removed.error().detail);
  steps.done("kernel", there ? "programs detached, pins removed from " + config.bpffs_dir
                             : "no pins in " + config.bpffs_dir);
}

bool remove_cgroup(const std::string& path) {
  for (int tries = 0; tries < kBusyTries; ++tries) {
    if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
    if (errno != EBUSY) return false;
    ::usleep(100'000);
  }
  errno = EBUSY;
  return false;
}

void remove_workers(const app::AgentConfig& config, Steps& steps) {
  const auto root = kernel::cgroup2_root();
  if (!root) return steps.done("workers", "no cgroup2 mount, so no cgroup of theirs");
  const std::string name = "egresswarden-workers-" + hex(view(sha256(config.state_dir))).substr(0, 8);
  const auto found = folders_named(*root, name);
  if (found.empty()) steps.done("workers", "no cgroup of theirs");
  for (const std::string& path : found) {
    if (remove_cgroup(path))
      steps.done("workers", "cgroup removed: " + path);
    else
      steps.left("workers",
                 path + ": " + std::strerror(errno) + "; end what cgroup.procs there lists, then again");
  }
}

// With trust.inject: off the agent injects nothing; only what `trust inject` put there for this instance
// counts then.
bool may_be_trusted(const app::AgentConfig& config) {
  if (config.trust.inject) return true;
  const auto roots = trust::read_roots(root_paths_below(config.trust.ca_dir));
  if (!roots) return false;
  for (const trust::Root& root : *roots)
    for (const char* folder : {trust::kDebianLocal, trust::kFedoraAnchors})
      if (::access((std::string(folder) + "/" + root.file_name).c_str(), F_OK) == 0) return true;
  return false;
}

void remove_trust(const app::AgentConfig& config, Steps& steps) {
  if (!may_be_trusted(config)) return steps.done("trust", "this agent changed no trust store");
  const auto removed = trust::remove();
  if (removed) return steps.done("trust", "no root of ours is in the host's store");
  if (removed.error().code == trust::TrustError::unsupported_host)
    return steps.done("trust", "this host's store is not one we change");
  steps.left("trust", removed.error().detail);
}

void remove_run_files(const app::AgentConfig& config, Steps& steps) {
  size_t count = 0;
  for (const char* name : {"/ready", "/admin.sock"}) {
    const std::string path = config.run_dir + name;
    if (::unlink(path.c_str()) == 0)
      ++count;
    else if (errno != ENOENT && errno != ENOTDIR)
      return steps.left("run_dir", path + ": " + std::strerror(errno));
  }
  // Others may have put files there; systemd removes a RuntimeDirectory of its own.
  const bool gone = ::rmdir(config.run_dir.c_str()) == 0;
  steps.done("run_dir", count == 0 && !gone ? "nothing in " + config.run_dir
                                            : (gone ? "removed: " : "files removed from ") + config.run_dir);
}

void purge(const app::AgentConfig& config, Steps& steps) {
  std::error_code ignored;
  const bool there = fs::exists(config.state_dir, ignored);
  if (const auto purged = purge_state(config.state_dir, config.trust.ca_dir); !purged)
    return steps.left("state_dir", purged.error().detail);
  steps.done("state_dir",
             there ? "log, keys and authority removed: " + config.state_dir : "no " + config.state_dir);
}

bool remove_all(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  return !error;
}

}  // namespace

std::vector<std::string> folders_named(const std::string& root, const std::string& name) {
  std::vector<std::string> found;
  std::error_code error;
  size_t looked = 0;
  fs::recursive_directory_iterator at(root, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && at != end && looked < kFoldersMax;
       at.increment(error)) {
    std::error_code ignored;
    if (!at->is_directory(ignored) || at->is_symlink(ignored)) continue;
    ++looked;
    if (at->path().filename() == name) found.push_back(at->path().string());
    if (at.depth() + 1 >= kDepthMax) at.disable_recursion_pending();
  }
  return found;
}

Result<void, PurgeError> purge_state(const std::string& state_dir, const std::string& ca_dir) {
  std::error_code error;
  const bool ours = fs::exists(state_dir + "/audit/log.sqlite", error) ||
                    fs::exists(state_dir + "/keys/host-id.key", error);
  if (!ours && fs::exists(state_dir, error) && !fs::is_empty(state_dir, error))
    return fail(PurgeError::not_ours,
                state_dir + ": holds no agent's state; remove it by hand if it should go");
  for (const char* name : {"/audit", "/keys", "/authority"})
    if (ours && !remove_all(state_dir + name))
      return fail(PurgeError::cannot_remove, state_dir + name + ": cannot be removed");
  // An authority elsewhere lies in a folder that may have other files.
  for (int number = kAuthoritiesMax; number >= 1; --number)
    for (const char* name : {"/root.pem", "/issuing.pem", "/issuing.key", ""})
      (void)std::remove(((number == 1 ? ca_dir : ca_dir + "/" + std::to_string(number)) + name).c_str());
  if (::rmdir(state_dir.c_str()) == 0 || errno == ENOENT) return {};
  return fail(PurgeError::cannot_remove,
              state_dir + ": " + std::strerror(errno) + "; what is left is not the agent's");
}

int run_down(const DownOptions& options) {
  if (::geteuid() != 0)
    return wrong("down: run as root: it detaches kernel programs and changes the trust store");
  const auto config = app::load_agent_config(options.config);
  if (!config) return wrong(config.error().detail);
  const bool runs = agent_runs(config->run_dir);
  if (runs && options.purge)
    return wrong("down --purge: an agent runs (" + config->run_dir +
                 "/admin.sock answers); stop it first: its log is open");
  if (runs && !options.force)
    return wrong("down: an agent runs (" + config->run_dir +
                 "/admin.sock answers); stop it first (systemctl stop egresswarden), or use --force");
  Steps steps(options.json);
  remove_pins(*config, steps);
  if (runs)
    steps.left("workers", "an agent runs; stop it, then `egresswarden down` again");
  else
    remove_workers(*config, steps);
  remove_trust(*config, steps);
  if (!runs) remove_run_files(*config, steps);
  if (options.purge)
    purge(*config, steps);
  else if (!options.json)
    std::printf("%-14s  kept: %s (--purge removes it)\n", "state_dir", config->state_dir.c_str());
  return steps.end();
}

}  // namespace warden::cli
