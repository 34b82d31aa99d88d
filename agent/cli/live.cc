// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/live.h"

#include <boost/json.hpp>
#include <cstdio>
#include <functional>

#include "agent/app/config_values.h"
#include "agent/base/clock.h"
#include "agent/cli/admin_client.h"
#include "agent/cli/output.h"

namespace warden::cli {
namespace {

namespace json = boost::json;

std::string field(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return "-";
  if (!value->is_array()) {
    const std::string text = value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
    return text.empty() ? "-" : printable(text);
  }
  std::string all;
  for (const json::value& item : value->get_array())
    all += (all.empty() ? "" : ",") +
           printable(item.is_string() ? std::string(item.get_string()) : json::serialize(item));
  return all.empty() ? "-" : all;
}

Colour colour_of(std::string_view verdict) {
  if (verdict == "allow") return Colour::good;
  if (verdict == "block") return Colour::bad;
  return Colour::warn;
}

// The executable's name; what a process calls itself (Node: "MainThread") only where the executable is not known.
std::string program_of(const json::object& o) {
  const std::string exe = field(o, "exe");
  return exe == "-" ? field(o, "comm") : exe.substr(exe.rfind('/') + 1);
}

// One decision: time, who, where to, what was decided and why, in the manner of `hubble observe`. A
// connection that was not decided upon shows how it was treated (spliced, refused) in place of a verdict.
std::string decision_line(const json::object& o) {
  const std::string verdict = field(o, "verdict"), action = field(o, "action");
  std::string line =
      field(o, "time") + "  " + field(o, "user") + " " + program_of(o) + "[" + field(o, "pid") + "]";
  for (const char* place : {"unit", "pod"})
    if (field(o, place) != "-") line += " " + std::string(place) + "=" + field(o, place);
  line += " -> " + field(o, "provider") + " " + field(o, "host");
  if (field(o, "model") != "-") line += " " + field(o, "model");
  line +=
      "  " + (verdict == "-" ? paint(field(o, "capture"), Colour::warn) : paint(verdict, colour_of(verdict)));
  if (action != "-" && action != verdict) line += " action=" + action;
  for (const char* name : {"rules", "classes", "reason", "req"})
    if (field(o, name) != "-") line += " " + std::string(name) + "=" + field(o, name);
  return line + "\n";
}

void put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void flatten(const json::value& value, const std::string& path, Table& table) {
  if (!value.is_object()) return table.add({path, field(json::object{{"v", value}}, "v")});
  for (const auto& [key, inner] : value.get_object())
    flatten(inner, path.empty() ? std::string(key) : path + "." + std::string(key), table);
}

void show(const json::object& answer) {
  Table table({"WHAT", "VALUE"});
  flatten(answer, "", table);
  put(table.text());
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

// `raw`: each line is printed as it came; `seen` gets every answer.
int converse(const std::string& config, const json::object& question, bool raw,
             const std::function<void(const json::object&)>& seen) {
  int code = 0;
  const auto done = ask_agent(config, json::serialize(question), [&](std::string_view line) {
    boost::system::error_code error;
    const json::value answer = json::parse(json::string_view(line.data(), line.size()), error);
    if (error || !answer.is_object()) {
      code = wrong("the agent's answer is not JSON; is it of another version?");
      return false;
    }
    if (const json::value* const refused = answer.get_object().if_contains("error")) {
      wrong("the agent says: " + field(answer.get_object(), "error") +
            (refused->is_string() ? "" : " (no text)"));
      code = 1;
      return false;
    }
    if (raw) put(std::string(line) + "\n");
    seen(answer.get_object());
    return std::ferror(stdout) == 0;
  });
  return done ? code : wrong(done.error().detail);
}

}  // namespace

int run_status(const StatusOptions& options) {
  bool healthy = false;
  const int code =
      converse(options.config, {{"cmd", "status"}}, options.json, [&](const json::object& answer) {
        healthy = is_true(answer, "ready");
        if (const json::value* audit = answer.if_contains("audit"); audit != nullptr && audit->is_object())
          healthy = healthy && is_true(audit->get_object(), "healthy");
        if (!options.json) show(answer);
      });
  return code == 0 && !healthy ? 1 : code;
}

int run_observe(const ObserveOptions& options) {
  json::object question{{"cmd", "observe"}, {"follow", options.follow}};
  const std::pair<const char*, const std::string&> filters[] = {{"user", options.user},
                                                                {"process", options.process},
                                                                {"provider", options.provider},
                                                                {"verdict", options.verdict}};
  for (const auto& [name, value] : filters)
    if (!value.empty()) question[name] = value;
  if (!options.since.empty()) {
    const auto back = app::parse_duration(options.since);
    if (!back) return wrong("--since: give how far back, such as 30s, 5m or 2h");
    question["since_us"] = wall_us() - back->count() * 1000;
  }
  bool any = false;
  const int code = converse(options.config, question, options.json, [&](const json::object& o) {
    any = true;
    if (!options.json) put(decision_line(o));
  });
  // Not on standard output, where each line is a decision.
  if (code == 0 && !any && !options.json && !options.follow)
    std::fputs("observe: no such decision since the agent started; `audit list` has the earlier ones\n",
               stderr);
  return code;
}

}  // namespace warden::cli
