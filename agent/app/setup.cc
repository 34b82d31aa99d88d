// SPDX-License-Identifier: Apache-2.0
#include "agent/app/setup.h"

#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "agent/app/data_finder.h"
#include "agent/app/host_keys.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "agent/kernel/guard.h"
#include "tlsproxy/tls/context.h"

namespace warden::app {
namespace {

Result<std::string, tls::ContextError> anchors(const AgentConfig& config, const tls::Authority& authority) {
  if (config.provider_roots.empty()) return tls::system_anchors(authority.roots_pem());
  auto pem = read_file(config.provider_roots);
  if (!pem) return fail(tls::ContextError::no_anchors, pem.error().detail);
  return tls::anchors_without(*pem, authority.roots_pem());
}

audit::ShipConfig ship_setup(const CollectorLink& link, const std::string& log_folder) {
  audit::ShipConfig ship;
  ship.url = link.url;
  ship.cert = link.cert;
  ship.key = link.key;
  ship.ca = link.ca;
  ship.state_dir = log_folder;
  return ship;
}

}  // namespace

Result<void, StartError> make_directories(const AgentConfig& config) {
  for (const auto& [path, mode] : {std::pair{config.state_dir, 0700}, std::pair{config.run_dir, 0755}}) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error || ::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0)
      return fail(StartError::directory, path + ": cannot be made: " + error.message());
  }
  return {};
}

Result<std::shared_ptr<const provider::Catalogue>, StartError> catalogue_setup(const AgentConfig& config) {
  std::vector<provider::Service> own;
  for (const EndpointConfig& e : config.intercept.endpoints)
    own.push_back({e.provider.empty() ? e.host : e.provider, e.host, e.port, e.tls, e.dialect, {}, false, {}});
  auto catalogue = provider::Catalogue::load(own);
  if (!catalogue) return fail(StartError::authority, "catalogue: " + catalogue.error().detail);
  return std::move(*catalogue);
}

Result<audit::LogConfig, StartError> log_setup(const AgentConfig& config, const std::shared_ptr<const classify::Pack>& pack) {
  auto id_key = host_key(config.state_dir, "host-id");
  if (!id_key) return fail(StartError::log, id_key.error().detail);
  audit::LogConfig log;
  log.state_dir = config.state_dir + "/audit";
  log.log_domain = config.audit.log_domain;
  log.tenant = config.audit.tenant;
  log.host_id = hex(view(hmac_sha256(*id_key, machine_id()))).substr(0, 32);
  log.spool_bytes_max = config.audit.spool_bytes_max;
  log.block_when_spool_full = !config.audit.allow_when_spool_full;
  log.agent_ver = WARDEN_VERSION;
  if (auto self = read_file("/proc/self/exe", size_t{1} << 30)) log.agent_build = hex(view(sha256(*self)));
  log.agent_cfg = config.digest;
  log.start_reason = "started";
  log.finds_data = [finder = std::make_shared<DataFinder>(pack)](std::string_view value) { return (*finder)(value); };
  return log;
}

Result<std::unique_ptr<Recorder>, StartError> open_recorder(boost::asio::io_context& io, Metrics& metrics, const AgentConfig& config,
                                                            const audit::LogConfig& log) {
  auto recorder = Recorder::open(io, metrics, log);
  if (!recorder) return fail(StartError::log, recorder.error().detail);
  if (const auto& link = config.audit.collector)
    if (auto shipping = (*recorder)->ship(ship_setup(*link, log.state_dir)); !shipping)
      return fail(StartError::log, "audit.collector: " + shipping.error().detail);
  return std::move(*recorder);
}

Result<std::string, StartError> cgroup2_root() {
  auto root = kernel::cgroup2_root();
  if (!root) return fail(StartError::kernel, "no cgroup2 mount: mount it with 'mount -t cgroup2 none /sys/fs/cgroup'");
  return std::move(*root);
}

Result<Start, StartError> worker_setup(const AgentConfig& config, const tls::Authority& authority) {
  Start start;
  for (const EndpointConfig& e : config.intercept.endpoints)
    start.endpoints.push_back({e.provider.empty() ? e.host : e.provider, e.host, e.dialect, {}, e.port, e.tls});
  auto roots = anchors(config, authority);
  if (!roots) return fail(StartError::workers, "provider_roots: " + roots.error().detail);
  start.anchors_pem = std::move(*roots);
  auto redaction = host_key(config.state_dir, "redaction");
  auto credential = host_key(config.state_dir, "credential");
  if (!redaction || !credential) return fail(StartError::directory, (redaction ? credential : redaction).error().detail);
  start.redaction_key = std::move(*redaction);
  start.credential_key = std::move(*credential);
  start.body_bytes_max = config.body_bytes_max;
  start.bodies_bytes_max = config.bodies_bytes_max;
  start.spool_bodies_over_bytes = config.spool_bodies_over_bytes;
  start.log_level = config.log_level;
  start.pass_unreadable = config.intercept.pass_unreadable_hello;
  return start;
}

}  // namespace warden::app
