// SPDX-License-Identifier: Apache-2.0
#include "agent/app/inventory.h"

#include <algorithm>
#include <boost/json.hpp>
#include <unordered_map>
#include <vector>

#include "agent/base/clock.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace json = boost::json;
using audit::Field;

namespace {

constexpr size_t kTextBytesMax = 256;

std::string cut(std::string_view whole) { return std::string(whole.substr(0, kTextBytesMax)); }

template <class Known>
std::string cut_known(const Known& known) {
  return known.known() ? cut(known.value) : std::string();
}

std::string text(const audit::Draft& draft, Field field) {
  const audit::Value* value = draft.get(field);
  const auto* held = value != nullptr ? std::get_if<std::string>(value) : nullptr;
  return held != nullptr ? cut(*held) : std::string();
}

InventoryKey other(std::string_view capture) {
  InventoryKey key;
  key.other = true;
  key.capture = capture;
  return key;
}

// The texts of a row by their names in JSON and in records. Those that are personal are in records for the holder of their
// disclosure alone.
struct Name {
  std::string_view name;
  std::string InventoryKey::*member;
  bool personal = false;
};
constexpr Name kNames[] = {{"user", &InventoryKey::user, true},
                           {"person", &InventoryKey::person, true},
                           {"exe", &InventoryKey::exe, true},
                           {"script", &InventoryKey::script, true},
                           {"exe_sha256", &InventoryKey::exe_sha256},
                           {"comm", &InventoryKey::comm},
                           {"unit", &InventoryKey::unit},
                           {"container", &InventoryKey::container},
                           {"image", &InventoryKey::image},
                           {"pod_ns", &InventoryKey::pod_namespace},
                           {"pod", &InventoryKey::pod},
                           {"provider", &InventoryKey::provider},
                           {"host", &InventoryKey::host},
                           {"capture", &InventoryKey::capture},
                           {"reason", &InventoryKey::reason}};

struct Number {
  std::string_view name;
  uint64_t InventoryCounts::*member;
};
constexpr Number kNumbers[] = {{"connections", &InventoryCounts::connections},
                               {"requests", &InventoryCounts::requests},
                               {"blocked", &InventoryCounts::blocked},
                               {"sent_bytes", &InventoryCounts::sent_bytes},
                               {"received_bytes", &InventoryCounts::received_bytes}};

struct Added {
  InventoryKey key;
  InventoryCounts counts;
  int64_t last_us = 0;
};

// Empty texts and zero counts are left out.
void write_row(const Added& added, int64_t number, std::vector<audit::Row>& flows, std::vector<audit::Row>& names) {
  audit::Row row, personal;
  row.members.emplace_back("n", number);
  personal.members.emplace_back("n", number);
  if (added.key.other) row.members.emplace_back("other", int64_t{1});
  if (!added.key.other) row.members.emplace_back("uid", added.key.uid);
  for (const Name& name : kNames)
    if (const std::string& value = added.key.*name.member; !value.empty())
      (name.personal ? personal : row).members.emplace_back(std::string(name.name), value);
  for (const Number& count : kNumbers)
    if (const uint64_t value = added.counts.*count.member; value != 0)
      row.members.emplace_back(std::string(count.name), static_cast<int64_t>(value));
  row.members.emplace_back("last", rfc3339(added.last_us));
  flows.push_back(std::move(row));
  if (personal.members.size() > 1) names.push_back(std::move(personal));
}

// The busiest first; the others become one row for each way of capture.
void bound(std::vector<Added>& all) {
  if (all.size() <= Inventory::kDeltaRowsMax) return;
  std::ranges::stable_sort(all, std::ranges::greater{}, [](const Added& a) { return a.counts.connections + a.counts.requests; });
  std::map<std::string, Added> rest;
  for (size_t i = Inventory::kDeltaRowsMax; i < all.size(); ++i) {
    Added& sum = rest[all[i].key.capture];
    sum.key = other(all[i].key.capture);
    sum.counts += all[i].counts;
    sum.last_us = std::max(sum.last_us, all[i].last_us);
  }
  all.resize(Inventory::kDeltaRowsMax);
  for (auto& [capture, sum] : rest) all.push_back(std::move(sum));
}

}  // namespace

InventoryKey inventory_key(const attribution::Identity& identity) {
  InventoryKey key;
  key.uid = identity.uid;
  key.user = cut_known(identity.user);
  key.person = cut_known(identity.person);
  key.exe = cut_known(identity.exe);
  key.exe_sha256 = cut_known(identity.exe_sha256);
  if (key.exe.empty()) key.comm = cut(identity.comm);
  key.script = cut_known(identity.script);
  key.unit = cut_known(identity.unit);
  key.container = cut_known(identity.container_id);
  key.image = cut_known(identity.container_image);
  key.pod_namespace = cut_known(identity.pod_namespace);
  key.pod = cut_known(identity.pod_name);
  return key;
}

InventoryKey with_destination(InventoryKey who, const audit::Draft& record) {
  who.provider = text(record, Field::llm_provider);
  who.host = text(record, Field::net_host);
  who.capture = text(record, Field::net_capture);
  who.reason = text(record, Field::net_reason);
  return who;
}

InventoryCounts& InventoryCounts::operator+=(const InventoryCounts& more) {
  for (const Number& count : kNumbers) this->*count.member += more.*count.member;
  return *this;
}

void Inventory::add(const InventoryKey& key, const InventoryCounts& counts, int64_t now_us) {
  Row& row = row_for(key);
  row.all += counts;
  row.added += counts;
  if (row.first_us == 0) row.first_us = now_us;
  row.last_us = now_us;
}

void Inventory::add_unnamed(std::string_view capture, uint64_t connections, int64_t now_us) {
  add(other(capture), {.connections = connections}, now_us);
}

Inventory::Row& Inventory::row_for(const InventoryKey& key) {
  const auto found = rows_.find(key);
  if (found != rows_.end()) return found->second;
  if (!key.other && rows_.size() >= kRowsMax) give_way();
  return rows_[key];
}

void Inventory::give_way() {
  std::unordered_map<int64_t, size_t> of_user;
  size_t most = 0;
  for (const auto& [key, row] : rows_)
    if (!key.other) most = std::max(most, ++of_user[key.uid]);
  auto idle = rows_.end();
  for (auto at = rows_.begin(); at != rows_.end(); ++at)
    if (!at->first.other && of_user[at->first.uid] == most && (idle == rows_.end() || at->second.last_us < idle->second.last_us)) idle = at;
  Row& sum = rows_[other(idle->first.capture)];
  sum.all += idle->second.all;
  sum.added += idle->second.added;
  ++sum.folded;
  if (sum.first_us == 0 || idle->second.first_us < sum.first_us) sum.first_us = idle->second.first_us;
  sum.last_us = std::max(sum.last_us, idle->second.last_us);
  rows_.erase(idle);
}

json::array Inventory::rows() const {
  json::array array;
  for (const auto& [key, row] : rows_) {
    json::object object{{"other", key.other}, {"uid", key.uid}};
    if (key.other) object["uid"] = nullptr;
    for (const Name& name : kNames) object[name.name] = key.*name.member;
    for (const Number& count : kNumbers) object[count.name] = row.all.*count.member;
    if (key.other) object["rows"] = row.folded;
    object["first"] = rfc3339(row.first_us);
    object["last"] = rfc3339(row.last_us);
    array.push_back(std::move(object));
  }
  return array;
}

void Inventory::take_added(audit::Draft& heartbeat) {
  std::vector<Added> all;
  for (auto& [key, row] : rows_) {
    if (row.added == InventoryCounts{}) continue;
    all.push_back({key, row.added, row.last_us});
    row.added = {};
  }
  if (all.empty()) return;
  bound(all);
  std::vector<audit::Row> flows, names;
  for (size_t i = 0; i < all.size(); ++i) write_row(all[i], static_cast<int64_t>(i), flows, names);
  heartbeat.set(Field::hb_flows, std::move(flows));
  if (!names.empty()) heartbeat.set(Field::hb_flow_names, std::move(names));
}

}  // namespace warden::app
