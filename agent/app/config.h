// SPDX-License-Identifier: Apache-2.0
// Config: agent.yaml and collector.yaml, every key with its default (packaging/etc documents them). Anything
// not understood is an error with file:line:column and a remedy: unknown or repeated keys, wrong types, bad
// values, files that cannot be read. Relative paths are relative to the config file.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/address.h"
#include "agent/base/result.h"

namespace warden::app {

enum class ConfigError { unreadable, invalid };

struct EndpointConfig {
  std::string host;
  uint16_t port = 443;
  bool tls = true;
  std::string dialect;              // empty: told from the request's path
  std::string provider;             // name in records and policy; empty: the host
  std::vector<Endpoint> addresses;  // beside what DNS says
};

struct InterceptConfig {
  std::string cgroup;  // empty: auto, the cgroup2 root
  bool pass_when_agent_down = false;
  bool refuse_unknown_quic = false;
  bool pass_unreadable_hello = false;
  bool refuse_raw_sockets = false;
  bool reset_existing = true;
  bool strict = false;   // mode: strict
  bool observe = false;  // mode: observe
  std::vector<uint16_t> strict_ports = {443, 8443};
  std::chrono::milliseconds stale_after{1500};
  std::vector<EndpointConfig> endpoints;
};

// The mode as it is configured, and what it means, in words for people.
std::string_view mode_name(const InterceptConfig& config);
std::string_view mode_meaning(const InterceptConfig& config);

struct PersonConfig {
  std::string id;
  std::vector<std::string> groups;
};

struct KubernetesConfig {
  enum class Mode { automatic, off, given };
  Mode mode = Mode::automatic;
  std::string url, ca, token, node;
  std::chrono::milliseconds wait{2000};  // for a pod that the API server has not told of yet
};

struct CollectorLink {
  std::string url, cert, key, ca;
};

struct AgentConfig {
  std::string state_dir = "/var/lib/egresswarden";
  std::string run_dir = "/run/egresswarden";
  std::string bpffs_dir = "/sys/fs/bpf/egresswarden";
  std::string worker_user = "egresswarden-proxy";
  std::string log_level = "info";
  std::chrono::milliseconds drain_timeout{30000};
  std::chrono::milliseconds upgrade_drain{3'600'000};
  InterceptConfig intercept;
  struct {
    std::string ca_dir;  // default: <state_dir>/authority
    bool inject = true;
  } trust;
  struct {
    std::string bundle = "/etc/egresswarden/policy";
    std::vector<std::string> trusted_keys;
    bool allow_unsigned = false;
  } policy;
  struct {
    std::map<std::string, PersonConfig> persons;  // by login name, uid or service account
    std::string runtime_root = "/proc/1/root";    // below which container runtimes keep their state
    KubernetesConfig kubernetes;
  } identity;
  struct {
    std::string log_domain = "egresswarden.internal";
    std::string tenant = "default";
    std::string capture = "hash";
    uint64_t spool_bytes_max = uint64_t{8} << 30;
    bool allow_when_spool_full = false;
    std::optional<CollectorLink> collector;
  } audit;
  uint64_t body_bytes_max = uint64_t{32} << 20;
  uint64_t bodies_bytes_max = uint64_t{256} << 20;         // of one worker
  uint64_t spool_bodies_over_bytes = uint64_t{1} << 20;    // 0: off
  std::string provider_roots;                                                   // empty: the system's
  uint32_t workers = 0;                                                         // 0: auto, one per processor
  std::optional<Endpoint> metrics_listen = Endpoint::parse("127.0.0.1", 9466);  // nullopt: off

  std::string digest;  // SHA-256, hex, of every effective value in canonical text
};

struct CollectorConfig {
  Endpoint listen = *Endpoint::parse("127.0.0.1", 9467);
  std::string state_dir = "/var/lib/egresswarden-collector";
  std::string run_dir = "/run/egresswarden-collector";
  std::string log_level = "info";
  struct {
    std::string cert, key, client_ca;
  } tls;
  std::string cosign_key;  // empty: <state_dir>/cosign.key, made at the first start
  std::string store = "sqlite";
  std::string digest;
};

Result<AgentConfig, ConfigError> load_agent_config(const std::string& path);
Result<CollectorConfig, ConfigError> load_collector_config(const std::string& path);

struct WorkerAccount {
  uint32_t uid = 0, gid = 0;
};
// The workers' own account: by name, by number, or, when the default name does not exist, a number nobody
// has.
Result<WorkerAccount, ConfigError> worker_account(const AgentConfig& config);

}  // namespace warden::app
