// SPDX-License-Identifier: Apache-2.0
#include "agent/app/observations.h"

#include <algorithm>
#include <boost/json.hpp>

#include "agent/base/clock.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace json = boost::json;

namespace {

constexpr size_t kLatestMax = 20'000;
// Of what an application or a worker chose; the log has the whole.
constexpr size_t kTextBytesMax = 256;
constexpr size_t kListMax = 32;

using audit::Field;

std::string cut(std::string_view whole) { return std::string(whole.substr(0, kTextBytesMax)); }

std::string text(const audit::Draft& draft, Field field) {
  const audit::Value* value = draft.get(field);
  const auto* held = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return held != nullptr ? cut(*held) : std::string();
}

int64_t number(const audit::Draft& draft, Field field) {
  const audit::Value* value = draft.get(field);
  const auto* held = value != nullptr ? std::get_if<int64_t>(value) : nullptr;
  return held != nullptr ? *held : 0;
}

std::vector<std::string> classes_of(const audit::Draft& draft) {
  std::vector<std::string> classes;
  const audit::Value* value = draft.get(Field::cls_found);
  const auto* rows = value != nullptr ? std::get_if<std::vector<audit::Row>>(value) : nullptr;
  if (rows == nullptr) return classes;
  for (const audit::Row& row : *rows)
    for (const auto& [name, member] : row.members)
      if (const auto* held = std::get_if<std::string>(&member); name == "class" && held != nullptr)
        if (classes.size() < kListMax && std::ranges::find(classes, cut(*held)) == classes.end()) classes.push_back(cut(*held));
  return classes;
}

json::array to_json(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& t : texts) array.emplace_back(t);
  return array;
}

}  // namespace

bool ObserveFilter::passes(const Observation& o) const {
  const std::string_view base = std::string_view(o.exe).substr(o.exe.rfind('/') + 1);
  return o.time_us >= since_us && (user.empty() || user == o.user || user == std::to_string(o.uid)) &&
         (process.empty() || process == o.exe || process == base || process == o.comm || process == std::to_string(o.pid)) &&
         (provider.empty() || provider == o.provider) && (verdict.empty() || verdict == o.verdict || verdict == o.action);
}

void Observations::decided(const GrantedFlow& flow, const audit::Draft& record) {
  Observation o;
  o.time_us = wall_us();
  o.req = text(record, Field::req);
  o.user = flow.identity.user.known() ? cut(flow.identity.user.value) : std::string();
  o.uid = flow.identity.uid;
  o.exe = cut(flow.identity.exe.value);
  o.comm = cut(flow.identity.comm);
  o.pid = flow.identity.pid;
  o.unit = cut(flow.identity.unit.value);
  o.pod = cut(flow.identity.pod_name.value);
  o.provider = text(record, Field::llm_provider);
  o.host = text(record, Field::net_host);
  o.model = text(record, Field::llm_model);
  o.op = text(record, Field::llm_op);
  o.verdict = text(record, Field::dec_verdict);
  o.action = text(record, Field::dec_action);
  o.reason = text(record, Field::dec_reason);
  o.capture = text(record, Field::net_capture);
  if (o.reason.empty()) o.reason = text(record, Field::net_reason);
  if (const audit::Value* rules = record.get(Field::pol_rules))
    if (const auto* list = std::get_if<std::vector<std::string>>(rules))
      for (size_t i = 0; i < std::min(list->size(), kListMax); ++i) o.rules.push_back(cut((*list)[i]));
  o.classes = classes_of(record);

  for (const auto& [number, follower] : followers_) follower(o);
  if (!o.req.empty()) by_req_[o.req] = dropped_ + latest_.size();
  latest_.push_back(std::move(o));
  if (latest_.size() > kLatestMax) {
    by_req_.erase(latest_.front().req);
    latest_.pop_front();
    ++dropped_;
  }
}

void Observations::ended(const audit::Draft& outcome) {
  const auto found = by_req_.find(text(outcome, Field::req));
  if (found == by_req_.end()) return;
  latest_[found->second - dropped_].status = number(outcome, Field::out_status);
  by_req_.erase(found);
}

std::vector<const Observation*> Observations::select(const ObserveFilter& filter) const {
  std::vector<const Observation*> selected;
  for (const Observation& o : latest_)
    if (filter.passes(o)) selected.push_back(&o);
  return selected;
}

uint64_t Observations::follow(Follower follower) {
  followers_.emplace(next_follower_, std::move(follower));
  return next_follower_++;
}

void Observations::unfollow(uint64_t number) { followers_.erase(number); }

json::object to_json(const Observation& o) {
  json::object object{{"time", rfc3339(o.time_us)}, {"req", o.req},           {"user", o.user},       {"uid", o.uid},
                      {"exe", o.exe},               {"comm", o.comm},         {"pid", o.pid},         {"unit", o.unit},
                      {"pod", o.pod},               {"provider", o.provider}, {"host", o.host},       {"model", o.model},
                      {"op", o.op},                 {"verdict", o.verdict},   {"action", o.action},   {"reason", o.reason},
                      {"capture", o.capture},       {"rules", to_json(o.rules)}, {"classes", to_json(o.classes)}};
  if (o.status != 0)
    object["status"] = o.status;
  else
    object["status"] = nullptr;
  return object;
}

}  // namespace warden::app
