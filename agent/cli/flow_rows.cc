// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/flow_rows.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "agent/cli/opened_record.h"

namespace warden::cli {
namespace {

namespace json = boost::json;

constexpr size_t kDecidedMax = 100'000;

// As rows name them, and where a record of one connection has them.
constexpr std::pair<const char*, const char*> kNames[] = {
    {"uid", "user.uid"},         {"user", "user.name"},        {"person", "who.person"}, {"exe", "proc.exe"},
    {"script", "proc.script"},   {"exe_sha256", "proc.exe_sha256"}, {"comm", "proc.comm"},    {"unit", "unit"},
    {"container", "container.id"}, {"image", "container.image"}, {"pod_ns", "pod.ns"},     {"pod", "pod.name"},
    {"provider", "llm.provider"}, {"host", "net.host"},         {"capture", "net.capture"}, {"reason", "net.reason"}};
constexpr const char* kCounts[] = {"connections", "requests", "blocked", "sent_bytes", "received_bytes"};

std::string text(const json::value* value) {
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

// Integers above 2^53 stand in a leaf as strings of their digits.
uint64_t number(const json::value* value) {
  if (value == nullptr) return 0;
  if (value->is_string()) return std::strtoull(value->get_string().c_str(), nullptr, 10);
  return value->is_int64() && value->get_int64() > 0 ? static_cast<uint64_t>(value->get_int64()) : value->is_uint64() ? value->get_uint64() : 0;
}

const json::object* object_of(const json::value& value) { return value.is_object() ? &value.get_object() : nullptr; }

const json::array* array_at(const json::object& record, std::string_view path) {
  const json::value* const value = at_path(record, path);
  return value != nullptr && value->is_array() ? &value->get_array() : nullptr;
}

}  // namespace

void FlowRows::take(const json::object& record) {
  const std::string kind = text(record.if_contains("kind"));
  if (kind == "heartbeat") return take_heartbeat(record);
  if (kind == "start") return end_run();
  if (kind == "decision" || kind == "flow" || kind == "outcome" || kind == "gap") take_one(record, kind);
}

void FlowRows::take_heartbeat(const json::object& record) {
  const json::array* const flows = array_at(record, "hb.flows");
  if (flows == nullptr) return end_run();  // nothing was counted, or by an agent that did not count
  pending_.clear();
  std::map<uint64_t, const json::object*> names;
  if (const json::array* const hidden = array_at(record, "hb.flow_names"))
    for (const json::value& row : *hidden)
      if (const json::object* const of = object_of(row)) names[number(of->if_contains("n"))] = of;
  for (const json::value& row : *flows) {
    const json::object* const flow = object_of(row);
    if (flow == nullptr) continue;  // disclosed to somebody else
    Counted counted;
    const auto personal = names.find(number(flow->if_contains("n")));
    for (const auto& [name, path] : kNames) {
      std::string value = text(flow->if_contains(name));
      if (value.empty() && personal != names.end()) value = text(personal->second->if_contains(name));
      if (!value.empty()) counted.names[name] = std::move(value);
    }
    if (flow->contains("other")) counted.names["other"] = "true";
    for (const char* const count : kCounts) counted.counts[count] = number(flow->if_contains(count));
    counted.time = text(flow->if_contains("last"));
    add(counted);
  }
}

void FlowRows::take_one(const json::object& record, const std::string& kind) {
  Counted counted;
  counted.time = text(record.if_contains("time"));
  const std::string req = text(record.if_contains("req"));
  if (kind == "gap") {
    const json::value* const reason = at_path(record, "gap.reason");
    if (text(reason) != "flow_rate") return;
    counted.names["other"] = "true";
    counted.counts["connections"] = number(at_path(record, "gap.other"));
  } else if (kind == "outcome") {
    auto decided = decided_.extract(req);
    if (!decided) return;
    counted.names = std::move(decided.mapped());
    counted.counts["sent_bytes"] = number(at_path(record, "io.sent_bytes"));
    counted.counts["received_bytes"] = number(at_path(record, "io.resp_bytes"));
  } else {
    for (const auto& [name, path] : kNames)
      if (std::string value = text(at_path(record, path)); !value.empty()) counted.names[name] = std::move(value);
    if (counted.names.contains("exe")) counted.names.erase("comm");
    counted.counts[kind == "flow" ? "connections" : "requests"] = 1;
    if (kind == "decision" && text(at_path(record, "dec.action")) == "block") counted.counts["blocked"] = 1;
    if (kind == "decision" && decided_.size() < kDecidedMax) decided_[req] = counted.names;
  }
  pending_.push_back(std::move(counted));
}

void FlowRows::add(const Counted& counted) {
  json::object& row = rows_[counted.names];
  for (const char* const count : kCounts) row[count] = number(row.if_contains(count)) + number(counted.counts.if_contains(count));
  if (!row.contains("first")) row["first"] = counted.time;
  row["last"] = std::max(text(row.if_contains("last")), counted.time);
}

void FlowRows::end_run() {
  for (const Counted& counted : std::exchange(pending_, {})) add(counted);
}

json::array FlowRows::rows() {
  end_run();
  json::array array;
  for (const auto& [names, counts] : rows_) {
    json::object row{{"other", names.contains("other")}};
    for (const auto& [name, path] : kNames) {
      const auto found = names.find(name);
      row[name] = found == names.end() ? "" : found->second;
    }
    const std::string uid = text(row.if_contains("uid"));
    row["uid"] = uid.empty() ? json::value() : json::value(std::strtoll(uid.c_str(), nullptr, 10));
    for (const auto& count : counts) row[count.key()] = count.value();
    array.push_back(std::move(row));
  }
  return array;
}

}  // namespace warden::cli
