// SPDX-License-Identifier: Apache-2.0
// The one file that knows yaml-cpp (by its Section), whose exceptions end here.
#include "agent/app/config.h"

#include "agent/app/config_section.h"
#include "agent/base/file.h"

namespace warden::app {
namespace {

constexpr size_t kConfigBytesMax = size_t{1} << 20;

void read_endpoint(Document& document, const YAML::Node& node, const std::string& path,
                   InterceptConfig& config) {
  Section at(document, node, path);
  EndpointConfig endpoint;
  if (!at.has("host"))
    document.complain(node.Mark(), path + ".host: missing; name the host that clients call");
  at.name("host", endpoint.host);
  at.integer("port", endpoint.port, 1, 65535);
  at.boolean("tls", endpoint.tls);
  if (at.has("dialect")) at.name("dialect", endpoint.dialect);
  if (at.has("provider")) at.name("provider", endpoint.provider);
  for (const YAML::Node& item : at.list("addresses")) {
    const auto address = item.IsScalar() ? Endpoint::parse(item.Scalar(), endpoint.port) : std::nullopt;
    if (address) endpoint.addresses.push_back(*address);
    if (address)
      at.effective("addresses[" + std::to_string(endpoint.addresses.size() - 1) + "]", address->ip());
    if (!address)
      document.complain(item.Mark(), path + ".addresses: give IPv4 or IPv6 addresses without port");
  }
  at.optional("dialect");
  at.optional("provider");
  at.finish();
  config.endpoints.push_back(std::move(endpoint));
}

void read_strict_ports(Section& at, std::vector<uint16_t>& ports) {
  constexpr size_t kMost = 16;
  if (at.has("strict_ports")) ports.clear();
  for (const YAML::Node& item : at.list("strict_ports")) {
    const auto port = item.IsScalar() ? parse_integer(item.Scalar()) : std::nullopt;
    const bool usable = port && *port >= 1 && *port <= 65535 && std::ranges::count(ports, static_cast<uint16_t>(*port)) == 0;
    if (!usable || ports.size() == kMost)
      at.complain("strict_ports", "give at most " + std::to_string(kMost) + " different ports from 1 to 65535");
    else
      ports.push_back(static_cast<uint16_t>(*port));
  }
  if (ports.empty()) at.complain("strict_ports", "give at least one port");
  for (const uint16_t port : ports) at.effective("strict_ports[" + std::to_string(port) + "]", "");
}

void read_intercept(Document& document, Section at, InterceptConfig& config) {
  at.unless("cgroup", "auto", [&] { at.path("cgroup", config.cgroup); });
  at.either("on_agent_down", config.pass_when_agent_down, "refuse", "pass");
  std::string mode = "learned";
  at.one_of("mode", mode, {"learned", "strict", "observe"});
  config.strict = mode == "strict";
  config.observe = mode == "observe";
  config.refuse_unknown_quic = config.strict;  // QUIC hides every name from a mode that is to see them all
  at.either("unknown_quic", config.refuse_unknown_quic, "record", "refuse");
  at.either("unreadable_hello", config.pass_unreadable_hello, "refuse", "record");
  at.either("existing", config.reset_existing, "record", "reset");
  at.either("raw_sockets", config.refuse_raw_sockets, "record", "refuse");
  read_strict_ports(at, config.strict_ports);
  at.duration("stale_after", config.stale_after);
  size_t index = 0;
  for (const YAML::Node& node : at.list("endpoints"))
    read_endpoint(document, node, "intercept.endpoints[" + std::to_string(index++) + "]", config);
  at.finish();
}

// "login: person", or "login: { person: x, groups: [a, b] }".
void read_person(Document& inner, const std::string& login, const YAML::Mark& mark, const YAML::Node& node, PersonConfig& person) {
  if (node.IsScalar() && !node.Scalar().empty()) {
    person.id = node.Scalar();
    return;
  }
  if (!node.IsMap()) return inner.complain(mark, login + ": give one identifier, such as name@example.org, or person and groups");
  Section at(inner, node, login);
  at.text("person", person.id);
  for (const YAML::Node& group : at.list("groups")) {
    if (group.IsScalar() && !group.Scalar().empty())
      person.groups.push_back(group.Scalar());
    else
      inner.complain(group.Mark(), login + ".groups: give names");
  }
  at.finish();
  if (person.id.empty()) inner.complain(mark, login + ".person: missing; give one identifier, such as name@example.org");
}

// Who is behind a login: a file of its own, since it is personal data.
void read_persons(Document& document, const std::string& path, std::map<std::string, PersonConfig>& persons) {
  const auto text = read_file(path, kConfigBytesMax);
  if (!text) return;  // reported by file() already
  Document inner{path, {}, {}};
  try {
    Section at(inner, YAML::Load(*text), "");
    for (const auto& [login, entry] : at.nodes()) {
      PersonConfig& person = persons[login];
      read_person(inner, login, entry.first, entry.second, person);
      std::string shown = person.id;
      for (const std::string& group : person.groups) shown += "," + group;
      document.effective.insert("identity.persons." + login + "=" + shown);
    }
  } catch (const YAML::Exception& error) {
    inner.complain(error.mark, error.msg + "; give lines of the form login: person");
  }
  if (inner.errors.empty()) return;
  document.errors += (document.errors.empty() ? "" : "\n") + inner.errors;
}

// auto, off, or where the API server is.
void read_kubernetes(Section& identity, KubernetesConfig& config) {
  using Mode = KubernetesConfig::Mode;
  const bool given = identity.has("kubernetes") && identity.nodes().at("kubernetes").second.IsMap();
  if (!given) {
    bool automatic = true;
    identity.either("kubernetes", automatic, "off", "auto");
    config.mode = automatic ? Mode::automatic : Mode::off;
    return;
  }
  config.mode = Mode::given;
  Section at = identity.section("kubernetes");
  at.text("url", config.url);
  at.file("ca", config.ca);
  at.file("token", config.token);
  at.text("node", config.node);
  at.duration("wait", config.wait);
  for (const char* key : {"url", "ca", "token", "node"})
    if (!at.has(key)) identity.complain("kubernetes", std::string(key) + " is missing; give url, ca, token and node, or auto, or off");
  if (at.has("url") && !config.url.starts_with("https://")) at.complain("url", "give an https:// address");
  at.finish();
}

void read_audit(Section at, AgentConfig& config) {
  auto& audit = config.audit;
  at.name("log_domain", audit.log_domain);
  at.name("tenant", audit.tenant);
  at.one_of("capture", audit.capture, {"hash", "redacted", "full"});
  Section spool = at.section("spool");
  spool.size("max_bytes", audit.spool_bytes_max);
  spool.either("on_full", audit.allow_when_spool_full, "block", "allow");
  spool.finish();
  Section collector = at.section("collector");
  if (!collector.nodes().empty()) {
    CollectorLink link;
    collector.text("url", link.url);
    collector.file("cert", link.cert);
    collector.file("key", link.key);
    collector.file("ca", link.ca);
    for (const char* key : {"url", "cert", "key", "ca"})
      if (!collector.has(key))
        at.complain("collector", std::string(key) + " is missing; a collector needs url, cert, key and ca");
    if (!link.url.empty() && !link.url.starts_with("https://"))
      collector.complain("url", "give an https:// address");
    audit.collector = std::move(link);
  }
  collector.finish();
  at.finish();
}

void read_limits(Section at, AgentConfig& config) {
  constexpr uint64_t kForms = 4;  // a request may be held as it was sent, without its framing, decoded and edited
  at.size("body_bytes_max", config.body_bytes_max);
  at.size("bodies_bytes_max", config.bodies_bytes_max);
  if (config.bodies_bytes_max / kForms < config.body_bytes_max)
    at.complain("bodies_bytes_max", "holds less than one large request; give at least four times body_bytes_max");
  at.size_or_off("spool_bodies_over", config.spool_bodies_over_bytes);
  at.finish();
}

void read_agent(Document& document, Section& root, AgentConfig& config) {
  root.path("state_dir", config.state_dir);
  root.path("run_dir", config.run_dir);
  root.path("bpffs_dir", config.bpffs_dir);
  root.name("worker_user", config.worker_user);
  root.one_of("log_level", config.log_level, {"debug", "info", "warn", "error"});
  root.duration("drain_timeout", config.drain_timeout);
  root.duration("upgrade_drain", config.upgrade_drain);
  read_intercept(document, root.section("intercept"), config.intercept);
  Section trust = root.section("trust");
  config.trust.ca_dir = config.state_dir + "/authority";
  trust.path("ca_dir", config.trust.ca_dir);
  trust.either("inject", config.trust.inject, "off", "auto");
  trust.finish();
  Section policy = root.section("policy");
  policy.path("bundle", config.policy.bundle);
  config.policy.trusted_keys = policy.files("trusted_keys");
  policy.boolean("allow_unsigned", config.policy.allow_unsigned);
  policy.finish();
  Section identity = root.section("identity");
  std::string persons;
  if (identity.has("persons")) identity.file("persons", persons);
  if (!persons.empty()) read_persons(document, persons, config.identity.persons);
  identity.optional("persons");
  identity.unless("runtime_root", "auto", [&] { identity.path("runtime_root", config.identity.runtime_root); });
  read_kubernetes(identity, config.identity.kubernetes);
  identity.finish();
  read_audit(root.section("audit"), config);
  read_limits(root.section("limits"), config);
  root.unless("provider_roots", "system", [&] { root.file("provider_roots", config.provider_roots); });
  root.unless("workers", "auto", [&] { root.integer("workers", config.workers, 1, 256); });
  Section metrics = root.section("metrics");
  metrics.listen("listen", config.metrics_listen, true);
  metrics.finish();
  root.finish();
}

void read_collector(Section& root, CollectorConfig& config) {
  std::optional<Endpoint> listen = config.listen;
  root.listen("listen", listen, false);
  config.listen = *listen;
  root.path("state_dir", config.state_dir);
  root.path("run_dir", config.run_dir);
  root.one_of("log_level", config.log_level, {"debug", "info", "warn", "error"});
  Section tls = root.section("tls");
  tls.file("cert", config.tls.cert);
  tls.file("key", config.tls.key);
  tls.file("client_ca", config.tls.client_ca);
  for (const char* key : {"cert", "key", "client_ca"})
    if (!tls.has(key))
      root.complain("tls", std::string(key) + " is missing; agents are only served over mutual TLS");
  tls.finish();
  if (root.has("cosign_key")) root.path("cosign_key", config.cosign_key);
  root.optional("cosign_key");
  root.one_of("store", config.store, {"sqlite"});
  root.finish();
}

template <class Config, class Read>
Result<Config, ConfigError> load(const std::string& path, Read&& read) {
  const auto text = read_file(path, kConfigBytesMax);
  if (!text)
    return fail(ConfigError::unreadable, text.error().detail + "; name the config with --config FILE");
  Document document{path, {}, {}};
  Config config;
  try {
    Section root(document, YAML::Load(*text), "");
    read(document, root, config);
  } catch (const YAML::Exception& error) {
    document.complain(error.mark, error.msg + "; correct the YAML there");
  }
  if (!document.errors.empty()) return fail(ConfigError::invalid, document.errors);
  config.digest = document.digest();
  return config;
}

}  // namespace

std::string_view mode_name(const InterceptConfig& config) {
  return config.observe ? "observe" : config.strict ? "strict" : "learned";
}

std::string_view mode_meaning(const InterceptConfig& config) {
  if (config.observe) return "LLM traffic is recorded; nothing is redirected, inspected or refused";
  if (config.strict) return "every TLS connection is looked at; LLM traffic is inspected";
  return "connections to known LLM endpoints are inspected";
}

Result<AgentConfig, ConfigError> load_agent_config(const std::string& path) {
  return load<AgentConfig>(
      path, [](Document& d, Section& root, AgentConfig& config) { read_agent(d, root, config); });
}

Result<CollectorConfig, ConfigError> load_collector_config(const std::string& path) {
  return load<CollectorConfig>(
      path, [](Document&, Section& root, CollectorConfig& config) { read_collector(root, config); });
}

}  // namespace warden::app
