// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/inventory.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "agent/app/config.h"
#include "agent/cli/admin_client.h"
#include "agent/cli/flow_rows.h"
#include "agent/cli/opened_record.h"
#include "agent/cli/output.h"
#include "agent/cli/when.h"
#include "audit/record/json.h"
#include "audit/store/reader.h"
#include "tlsproxy/provider/catalogue.h"

namespace warden::cli {
namespace {

namespace json = boost::json;

std::string text(const json::object& row, std::string_view name) {
  const json::value* const value = row.if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

uint64_t number(const json::object& row, std::string_view name) {
  const json::value* const value = row.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code error;
  const auto count = value->to_number<uint64_t>(error);
  return error ? 0 : count;
}

void put(const std::string& output) { std::fwrite(output.data(), 1, output.size(), stdout); }

std::string shown(const std::string& value) { return value.empty() ? "-" : printable(value); }

// --- what a row is called

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string process_of(const json::object& row) {
  if (text(row, "other") == "true") return number(row, "rows") != 0 ? "(" + std::to_string(number(row, "rows")) + " more rows)" : "(not looked up)";
  std::string name = base_name(text(row, "exe"));
  if (name.empty()) name = text(row, "comm");
  const std::string script = base_name(text(row, "script"));
  return script.empty() ? name : name + " " + script;
}

std::string user_of(const json::object& row) {
  const std::string user = text(row, "user"), person = text(row, "person");
  const std::string name = user.empty() ? text(row, "uid") : user;
  return person.empty() || person == name ? name : name + " (" + person + ")";
}

std::string pod_of(const json::object& row) {
  const std::string pod = text(row, "pod"), space = text(row, "pod_ns");
  return space.empty() ? pod : space + "/" + pod;
}

std::string container_of(const json::object& row) {
  const std::string image = text(row, "image"), id = text(row, "container").substr(0, 12);
  return image.empty() ? id : id + " " + image;
}

// The innermost thing that holds the process.
std::string place_of(const json::object& row) {
  for (const auto& [kind, name] : {std::pair("pod ", pod_of(row)), std::pair("container ", container_of(row)), std::pair("", text(row, "unit"))})
    if (!name.empty()) return kind + name;
  return {};
}

std::string provider_of(const json::object& row) {
  const std::string provider = text(row, "provider");
  return provider.empty() ? text(row, "host") : provider;
}

// The words for people; records say "proxied".
std::string capture_of(const json::object& row) {
  const std::string capture = text(row, "capture");
  if (capture == "observed" && text(row, "reason") == "tunnel") return "tunnel";
  return capture == "proxied" ? "intercepted" : capture;
}

bool is_inspected(const std::string& capture) { return capture == "intercepted"; }
bool is_refused(const std::string& capture) { return capture == "refused"; }

// What left uninspected first, then what was refused.
int rank(const std::string& capture) { return is_inspected(capture) ? 2 : is_refused(capture) ? 1 : 0; }

std::string coloured(const std::string& capture) {
  return paint(shown(capture), is_inspected(capture) ? Colour::good : is_refused(capture) ? Colour::warn : Colour::bad);
}

// 2026-11-26T10:22:21.663154Z to the second.
std::string to_second(const std::string& time) { return time.size() > 20 ? time.substr(0, 19) + "Z" : shown(time); }

// --- where rows come from

struct Source {
  std::string name;  // "agent" or "log"
  json::array rows;
};

// nullopt: no agent runs there, for the reason `why`. Any other error is told already, and ends with `code`.
std::optional<Source> from_agent(const InventoryOptions& options, std::string& why, int& code) {
  Source source{"agent", {}};
  const auto done = ask_agent(options.config, R"({"cmd":"inventory"})", [&](std::string_view line) {
    boost::system::error_code error;
    const json::value answer = json::parse(json::string_view(line.data(), line.size()), error);
    const json::value* const rows = !error && answer.is_object() ? answer.get_object().if_contains("inventory") : nullptr;
    if (rows != nullptr && rows->is_array()) source.rows = rows->get_array();
    if (rows == nullptr) code = wrong("the agent's answer is no inventory; is it of another version?");
    return false;
  });
  if (done) return source;
  why = done.error().detail;
  if (done.error().code != AdminError::not_running) code = wrong(why);
  return std::nullopt;
}

Result<void, audit::StoreError> read_log(const std::string& folder, const std::string& since, FlowRows& rows) {
  auto reader = audit::LogReader::open(folder);
  if (!reader) return std::unexpected(reader.error());
  const auto epochs = reader->epochs();
  if (!epochs) return std::unexpected(epochs.error());
  for (const audit::EpochState& epoch : *epochs) {
    const auto done = reader->each_entry(epoch.epoch, epoch.first, epoch.size, [&](uint64_t seq, std::string_view leaf) {
      if (!since.empty() && audit::text_at(leaf, "time") < since) return true;
      if (const auto record = opened_record(leaf, reader->disclosures(epoch.epoch, seq).value_or(""))) rows.take(*record);
      return true;
    });
    if (!done) return std::unexpected(done.error());
  }
  return {};
}

// `why`: no agent could be asked first.
std::optional<Source> from_log(const InventoryOptions& options, const std::string& why, int& code) {
  const auto since = log_time(options.since);
  const auto config = app::load_agent_config(options.config);
  if (!since) code = wrong("--since: want 2026-11-23T10:00:00Z or an age such as 10m");
  if (since && !config) code = wrong(config.error().detail);
  if (!since || !config) return std::nullopt;
  FlowRows rows;
  const auto read = read_log(config->state_dir + "/audit", *since, rows);
  if (!read) code = wrong((why.empty() ? "" : why + "; and no log: ") + read.error().detail + "; run as root on the agent's host");
  if (!read) return std::nullopt;
  return Source{"log", rows.rows()};
}

std::vector<json::object> chosen(const InventoryOptions& options, const json::array& rows) {
  std::vector<json::object> kept;
  for (const json::value& row : rows) {
    if (!row.is_object()) continue;
    const std::string capture = capture_of(row.get_object());
    const bool tunnel = text(row.get_object(), "reason") == "tunnel" && std::ranges::count(options.captures, "tunnel") != 0;
    if (options.captures.empty() || tunnel || std::ranges::count(options.captures, capture) != 0) kept.push_back(row.get_object());
  }
  std::ranges::stable_sort(kept, {}, [](const json::object& row) {
    return std::tuple(rank(capture_of(row)), ~(number(row, "connections") + number(row, "requests")), process_of(row), user_of(row));
  });
  return kept;
}

// --- how they are shown

struct Sums {
  uint64_t passed = 0, refused = 0, inspected = 0, requests = 0, blocked = 0;
  std::set<std::string> providers;
  std::string last;

  void add(const json::object& row) {
    const std::string capture = capture_of(row);
    (is_inspected(capture) ? inspected : is_refused(capture) ? refused : passed) += number(row, "connections");
    requests += number(row, "requests");
    blocked += number(row, "blocked");
    if (const std::string provider = provider_of(row); !provider.empty()) providers.insert(provider);
    last = std::max(last, text(row, "last"));
  }
};

// Bytes and requests are known only of what was intercepted.
std::string counted(const json::object& row, std::string_view name) {
  return is_inspected(capture_of(row)) ? std::to_string(number(row, name)) : "-";
}

void print_rows(const std::vector<json::object>& rows) {
  Table table({"CAPTURE", "WHY", "PROCESS", "USER", "WHERE", "PROVIDER", "HOST", "CONNECTIONS", "REQUESTS", "BLOCKED", "SENT", "RECEIVED", "LAST"});
  for (const json::object& row : rows)
    table.add({coloured(capture_of(row)), shown(text(row, "reason")), shown(process_of(row)), shown(user_of(row)), shown(place_of(row)),
               shown(text(row, "provider")), shown(text(row, "host")), std::to_string(number(row, "connections")), counted(row, "requests"),
               counted(row, "blocked"), counted(row, "sent_bytes"), counted(row, "received_bytes"), to_second(text(row, "last"))});
  put(table.text());
}

using Groups = std::vector<std::pair<std::string, Sums>>;

Groups grouped(const std::vector<json::object>& rows, const std::string& by) {
  const auto name_of = [&](const json::object& row) -> std::string {
    if (text(row, "other") == "true" && by != "provider") return process_of(row);
    return by == "process"     ? process_of(row)
           : by == "user"      ? user_of(row)
           : by == "pod"       ? pod_of(row)
           : by == "container" ? container_of(row)
           : by == "provider"  ? provider_of(row)
                               : text(row, "unit");
  };
  std::map<std::string, Sums> sums;
  for (const json::object& row : rows) sums[name_of(row)].add(row);
  Groups groups(sums.begin(), sums.end());
  std::ranges::stable_sort(groups, std::ranges::greater{}, [](const auto& group) {
    return std::tuple(group.second.passed, group.second.refused, group.second.inspected + group.second.requests);
  });
  return groups;
}

std::string emphasised(uint64_t count, Colour colour) { return count == 0 ? "0" : paint(std::to_string(count), colour); }

void print_groups(const Groups& groups, const std::string& by) {
  std::string head = by;
  std::ranges::transform(head, head.begin(), [](char c) { return static_cast<char>(c - 32); });
  Table table({head, "NOT INSPECTED", "REFUSED", "INTERCEPTED", "REQUESTS", "BLOCKED", "PROVIDERS", "LAST"});
  for (const auto& [name, sums] : groups) {
    std::string providers;
    for (const std::string& provider : sums.providers) providers += (providers.empty() ? "" : ",") + printable(provider);
    table.add({shown(name), emphasised(sums.passed, Colour::bad), emphasised(sums.refused, Colour::warn), emphasised(sums.inspected, Colour::good),
               std::to_string(sums.requests), std::to_string(sums.blocked), shown(providers), to_second(sums.last)});
  }
  put(table.text());
}

json::object to_json(const std::string& by, const std::string& name, const Sums& sums) {
  return {{by, name},
          {"not_inspected", sums.passed},
          {"refused", sums.refused},
          {"intercepted", sums.inspected},
          {"requests", sums.requests},
          {"blocked", sums.blocked},
          {"providers", json::array(sums.providers.begin(), sums.providers.end())},
          {"last", sums.last}};
}

void print_summary(const std::vector<json::object>& rows, const std::string& source) {
  Sums all;
  for (const json::object& row : rows) all.add(row);
  const uint64_t connections = all.passed + all.refused + all.inspected;
  put("\n" + std::to_string(connections) + (connections == 1 ? " connection: " : " connections: ") +
      paint(std::to_string(all.passed) + " not inspected", all.passed != 0 ? Colour::bad : Colour::none) + ", " +
      std::to_string(all.refused) + " refused, " + std::to_string(all.inspected) + " intercepted with " + std::to_string(all.requests) +
      " requests (" + std::to_string(all.blocked) + " blocked); " + (source == "agent" ? "since the agent started" : "from the log") + "\n");
}

int show(const InventoryOptions& options, const Source& source) {
  const std::vector<json::object> rows = chosen(options, source.rows);
  if (options.json) {
    json::array list;
    if (options.by.empty())
      for (const json::object& row : rows) list.emplace_back(row);
    else
      for (const auto& [name, sums] : grouped(rows, options.by)) list.emplace_back(to_json(options.by, name, sums));
    put(json::serialize(json::object{{"inventory", std::move(list)}, {"source", source.name}}) + "\n");
    return 0;
  }
  if (rows.empty()) put("inventory: no such connection " + std::string(source.name == "agent" ? "since the agent started" : "in the log") + "\n");
  if (rows.empty()) return 0;
  if (options.by.empty())
    print_rows(rows);
  else
    print_groups(grouped(rows, options.by), options.by);
  print_summary(rows, source.name);
  return 0;
}

// The known providers, and this host's own endpoints where its config names some. Asks no agent.
int show_catalogue(const InventoryOptions& options) {
  std::vector<provider::Service> own;
  const auto config = app::load_agent_config(options.config);
  const bool no_config = !config && config.error().code == app::ConfigError::unreadable && options.config == kAgentConfigPath;
  if (!config && !no_config) return wrong(config.error().detail);
  if (config)
    for (const app::EndpointConfig& e : config->intercept.endpoints)
      own.push_back({e.provider.empty() ? e.host : e.provider, e.host, e.port, e.tls, e.dialect, {}, false, {}});
  const auto catalogue = provider::Catalogue::load(own);
  if (!catalogue) return wrong("catalogue: " + catalogue.error().detail);
  json::array rows;
  Table table({"PROVIDER", "HOST", "PORT", "TLS", "PATH", "DIALECT", "CREDENTIAL", "SHARED FRONT"});
  for (const provider::Service& service : (*catalogue)->services()) {
    rows.push_back({{"provider", service.provider},
                    {"host", service.host},
                    {"port", service.port},
                    {"tls", service.tls},
                    {"path_prefix", service.path_prefix},
                    {"dialect", service.dialect},
                    {"credential", service.credential},
                    {"shared_front", service.shared_front}});
    table.add({shown(service.provider), shown(service.host), std::to_string(service.port), service.tls ? "yes" : "no", shown(service.path_prefix),
               shown(service.dialect), shown(service.credential), service.shared_front ? "yes" : "no"});
  }
  put(options.json ? json::serialize(json::object{{"catalogue", std::move(rows)}}) + "\n" : table.text());
  return 0;
}

}  // namespace

int run_inventory(const InventoryOptions& options) {
  if (options.catalogue) return show_catalogue(options);
  int code = 0;
  std::string why;
  std::optional<Source> source;
  if (options.since.empty()) source = from_agent(options, why, code);
  if (!source && code == 0) source = from_log(options, why, code);
  return source && code == 0 ? show(options, *source) : code;
}

}  // namespace warden::cli
