// SPDX-License-Identifier: Apache-2.0
// The one file that knows yaml-cpp, whose exceptions end here. A Section remembers which keys were asked for:
// what is left over is unknown, and what was read is, as "path=value" lines, the canonical text that the
// digest covers.
#include "agent/app/config.h"

#include <fcntl.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "agent/app/config_values.h"
#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/fd.h"
#include "agent/base/file.h"

namespace warden::app {
namespace {

constexpr size_t kConfigBytesMax = size_t{1} << 20;

struct Document {
  std::string file;
  std::string errors;  // one line each
  std::set<std::string> effective;

  void complain(const YAML::Mark& mark, const std::string& what) {
    if (!errors.empty()) errors += '\n';
    errors +=
        file + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1) + ": " + what;
  }
  [[nodiscard]] std::string absolute(const std::string& path) const {
    if (path.empty() || path[0] == '/') return path;
    return (std::filesystem::absolute(file).parent_path() / path).lexically_normal().string();
  }
  [[nodiscard]] std::string digest() const {
    Sha256 sum;
    for (const std::string& line : effective) sum.update(line + "\n");
    return hex(view(sum.finish()));
  }
};

class Section {
 public:
  Section(Document& document, YAML::Node node, std::string path)
      : document_(document), node_(std::move(node)), path_(std::move(path)) {
    if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap()) {
      document_.complain(node_.Mark(), label("") + "expected keys and values; indent them below the name");
      node_ = YAML::Node();
    }
    if (!node_.IsMap()) return;
    for (const auto& entry : node_) {
      const YAML::Node key = entry.first;
      const std::string name = key.IsScalar() ? key.Scalar() : "?";
      if (!nodes_.emplace(name, std::pair(key.Mark(), YAML::Node(entry.second))).second)
        document_.complain(key.Mark(), label(name) + "given twice; remove one");
    }
  }

  [[nodiscard]] bool has(const std::string& key) const { return nodes_.contains(key); }

  // A key without default exists even when it was not given, so that the message about a typo names it.
  void optional(const std::string& key) { asked_.insert(key); }

  void text(const std::string& key, std::string& value) {
    scalar(key, value, value, "text",
           [](const std::string& t) { return t.empty() ? std::nullopt : std::optional(t); });
  }
  void path(const std::string& key, std::string& value) {
    text(key, value);
    value = document_.absolute(value);
  }
  void file(const std::string& key, std::string& value) {
    path(key, value);
    if (has(key)) readable(nodes_.at(key).second.Mark(), key, value);
  }
  void name(const std::string& key, std::string& value) {
    scalar(key, value, value, "letters, digits, '.', '-' and '_'",
           [](const std::string& t) { return is_name(t) ? std::optional(t) : std::nullopt; });
  }
  void boolean(const std::string& key, bool& value) { either(key, value, "false", "true"); }
  // Two words; the second is `true`.
  void either(const std::string& key, bool& value, const std::string& no, const std::string& yes) {
    scalar(key, value, value ? yes : no, no + " or " + yes, [&](const std::string& t) {
      return t == yes ? std::optional(true) : t == no ? std::optional(false) : std::nullopt;
    });
  }
  void one_of(const std::string& key, std::string& value, const std::vector<std::string>& words) {
    std::string all;
    for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
    scalar(key, value, value, "one of " + all, [&](const std::string& t) {
      return std::ranges::count(words, t) ? std::optional(t) : std::nullopt;
    });
  }
  template <class T>
  void integer(const std::string& key, T& value, uint64_t least, uint64_t most) {
    scalar(key, value, std::to_string(value),
           "a whole number from " + std::to_string(least) + " to " + std::to_string(most),
           [&](const std::string& t) {
             const auto n = parse_integer(t);
             return n && *n >= least && *n <= most ? std::optional(static_cast<T>(*n)) : std::nullopt;
           });
  }
  void size(const std::string& key, uint64_t& value) {
    scalar(key, value, std::to_string(value), "a size above zero such as 512KiB, 32MiB or 8GiB",
           [](const std::string& t) {
             const auto n = parse_size_bytes(t);
             return n && *n > 0 ? n : std::nullopt;
           });
  }
  void duration(const std::string& key, std::chrono::milliseconds& value) {
    scalar(key, value, std::to_string(value.count()) + "ms", "a duration above zero such as 500ms, 30s or 5m",
           [](const std::string& t) {
             const auto d = parse_duration(t);
             return d && d->count() > 0 ? d : std::nullopt;
           });
  }
  void listen(const std::string& key, std::optional<Endpoint>& value, bool may_be_off) {
    scalar(key, value, value ? value->to_string() : "off",
           may_be_off ? "address:port such as 127.0.0.1:9466, or off" : "address:port such as 127.0.0.1:9467",
           [&](const std::string& t) -> std::optional<std::optional<Endpoint>> {
             using Maybe = std::optional<std::optional<Endpoint>>;
             if (may_be_off && t == "off") return Maybe(std::in_place, std::nullopt);
             const auto endpoint = parse_listen(t);
             return endpoint ? Maybe(std::in_place, endpoint) : Maybe();
           });
  }
  // `word` stands for "unset": auto, system.
  template <class Read>
  void unless(const std::string& key, const std::string& word, Read&& read) {
    const auto at = nodes_.find(key);
    if (at != nodes_.end() && !(at->second.second.IsScalar() && at->second.second.Scalar() == word))
      return read();
    asked_.insert(key);
    effective(key, word);
  }
  std::vector<YAML::Node> list(const std::string& key) {
    asked_.insert(key);
    const auto at = nodes_.find(key);
    if (at == nodes_.end() || at->second.second.IsNull()) return {};
    if (!at->second.second.IsSequence()) {
      document_.complain(at->second.second.Mark(),
                         label(key) + "expected a list; write [a, b] or one '- item' per line");
      return {};
    }
    return {at->second.second.begin(), at->second.second.end()};
  }
  std::vector<std::string> files(const std::string& key) {
    std::vector<std::string> paths;
    for (const YAML::Node& item : list(key)) {
      if (!item.IsScalar()) {
        document_.complain(item.Mark(), label(key) + "expected the path of a file");
        continue;
      }
      paths.push_back(document_.absolute(item.Scalar()));
      readable(item.Mark(), key, paths.back());
      effective(key + "[" + std::to_string(paths.size() - 1) + "]", paths.back());
    }
    return paths;
  }
  Section section(const std::string& key) {
    asked_.insert(key);
    const auto at = nodes_.find(key);
    return {document_, at == nodes_.end() ? YAML::Node(YAML::NodeType::Null) : at->second.second, full(key)};
  }
  [[nodiscard]] YAML::Mark mark(const std::string& key) const {
    const auto at = nodes_.find(key);
    return at == nodes_.end() ? node_.Mark() : at->second.second.Mark();
  }
  void complain(const std::string& key, const std::string& what) {
    document_.complain(mark(key), label(key) + what);
  }
  void effective(const std::string& key, const std::string& value) {
    document_.effective.insert(full(key) + "=" + value);
  }
  [[nodiscard]] const auto& nodes() const { return nodes_; }

  void finish() {
    std::string known;
    for (const std::string& key : asked_) known += (known.empty() ? "" : ", ") + key;
    for (const auto& [key, entry] : nodes_)
      if (!asked_.contains(key))
        document_.complain(entry.first, label(key) + "unknown key; known here: " + known);
  }

 private:
  [[nodiscard]] std::string full(const std::string& key) const {
    return path_.empty() ? key : key.empty() ? path_ : path_ + "." + key;
  }
  [[nodiscard]] std::string label(const std::string& key) const {
    const std::string name = full(key);
    return name.empty() ? "" : name + ": ";
  }
  void readable(const YAML::Mark& mark, const std::string& key, const std::string& value) {
    const Fd fd(::open(value.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) document_.complain(mark, label(key) + value + " cannot be read; " + remedy_of_unread());
  }
  template <class T, class Parse>
  void scalar(const std::string& key, T& value, std::string shown, const std::string& expected,
              Parse&& parse) {
    asked_.insert(key);
    if (const auto at = nodes_.find(key); at != nodes_.end()) {
      const YAML::Node& node = at->second.second;
      const auto read = node.IsScalar() ? parse(node.Scalar()) : decltype(parse(std::string()))();
      if (!read) {
        const std::string got = node.IsScalar() ? "'" + node.Scalar() + "' is not valid; " : "";
        document_.complain(node.Mark(), label(key) + got + "give " + expected);
        return;
      }
      value = *read;
      shown = node.Scalar();
    }
    effective(key, shown);
  }

  Document& document_;
  YAML::Node node_;
  std::string path_;
  std::map<std::string, std::pair<YAML::Mark, YAML::Node>> nodes_;
  std::set<std::string> asked_;
};

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

void read_intercept(Document& document, Section at, InterceptConfig& config) {
  at.unless("cgroup", "auto", [&] { at.path("cgroup", config.cgroup); });
  at.either("on_agent_down", config.pass_when_agent_down, "refuse", "pass");
  at.either("unknown_quic", config.refuse_unknown_quic, "record", "refuse");
  at.either("mode", config.strict, "learned", "strict");
  at.duration("stale_after", config.stale_after);
  size_t index = 0;
  for (const YAML::Node& node : at.list("endpoints"))
    read_endpoint(document, node, "intercept.endpoints[" + std::to_string(index++) + "]", config);
  at.finish();
}

// Login name to person, one pair per line: a file of its own, since it is personal data.
void read_persons(Document& document, const std::string& path, std::map<std::string, std::string>& persons) {
  const auto text = read_file(path, kConfigBytesMax);
  if (!text) return;  // reported by file() already
  Document inner{path, {}, {}};
  try {
    Section at(inner, YAML::Load(*text), "");
    for (const auto& [login, entry] : at.nodes()) {
      if (entry.second.IsScalar() && !entry.second.Scalar().empty())
        persons[login] = entry.second.Scalar();
      else
        inner.complain(entry.first, login + ": give one identifier, such as name@example.org");
      document.effective.insert("identity.persons." + login + "=" + persons[login]);
    }
  } catch (const YAML::Exception& error) {
    inner.complain(error.mark, error.msg + "; give lines of the form login: person");
  }
  if (inner.errors.empty()) return;
  document.errors += (document.errors.empty() ? "" : "\n") + inner.errors;
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

void read_agent(Document& document, Section& root, AgentConfig& config) {
  root.path("state_dir", config.state_dir);
  root.path("run_dir", config.run_dir);
  root.path("bpffs_dir", config.bpffs_dir);
  root.name("worker_user", config.worker_user);
  root.one_of("log_level", config.log_level, {"debug", "info", "warn", "error"});
  root.duration("drain_timeout", config.drain_timeout);
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
  identity.either("kubernetes", config.identity.kubernetes, "off", "auto");
  identity.finish();
  read_audit(root.section("audit"), config);
  Section limits = root.section("limits");
  limits.size("body_bytes_max", config.body_bytes_max);
  limits.size("spool_bodies_over", config.spool_bodies_over_bytes);
  limits.finish();
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

Result<AgentConfig, ConfigError> load_agent_config(const std::string& path) {
  return load<AgentConfig>(
      path, [](Document& d, Section& root, AgentConfig& config) { read_agent(d, root, config); });
}

Result<CollectorConfig, ConfigError> load_collector_config(const std::string& path) {
  return load<CollectorConfig>(
      path, [](Document&, Section& root, CollectorConfig& config) { read_collector(root, config); });
}

}  // namespace warden::app
