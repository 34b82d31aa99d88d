// SPDX-License-Identifier: Apache-2.0
// The inventory: rows by who and where to, a bound that loses no count, and what heartbeat records tell of it.
#include "agent/app/inventory.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "audit/record/schema.h"

namespace warden::app {
namespace {

using audit::Field;

constexpr int64_t kNow = 1'790'000'000'000'000;

InventoryKey key(int64_t uid, const std::string& exe, const std::string& capture = "observed") {
  InventoryKey made;
  made.uid = uid;
  made.user = "user-" + std::to_string(uid);
  made.exe = exe;
  made.provider = "openai";
  made.capture = capture;
  return made;
}

uint64_t total(const boost::json::array& rows, const char* name = "connections") {
  uint64_t sum = 0;
  for (const auto& row : rows) sum += row.at(name).to_number<uint64_t>();
  return sum;
}

const std::vector<audit::Row>* rows_of(const audit::Draft& draft, Field field) {
  const audit::Value* value = draft.get(field);
  return value == nullptr ? nullptr : std::get_if<std::vector<audit::Row>>(value);
}

template <class T>
T member(const audit::Row& row, std::string_view name) {
  for (const auto& [at, value] : row.members)
    if (at == name) return std::get<T>(value);
  return T{};
}

TEST(Inventory, AddsUpBySameKey) {
  Inventory inventory;
  inventory.add(key(1, "/bin/a"), {.connections = 1}, kNow);
  inventory.add(key(1, "/bin/a"), {.requests = 2, .sent_bytes = 30}, kNow + 5);
  inventory.add(key(1, "/bin/a", "refused"), {.connections = 1}, kNow);
  ASSERT_EQ(inventory.size(), 2u);
  const auto row = inventory.rows().front().as_object();
  EXPECT_EQ(row.at("connections").to_number<int>(), 1);
  EXPECT_EQ(row.at("requests").to_number<int>(), 2);
  EXPECT_EQ(row.at("sent_bytes").to_number<int>(), 30);
  EXPECT_LT(row.at("first").as_string(), row.at("last").as_string());
}

TEST(Inventory, FullGivesTheRowsOfWhoHasMostTheLongestIdleFirst) {
  Inventory inventory;
  inventory.add(key(7, "/bin/quiet"), {.connections = 3}, kNow);
  const int made = static_cast<int>(Inventory::kRowsMax) * 2;
  for (int i = 0; i < made; ++i) inventory.add(key(1, "/tmp/" + std::to_string(i)), {.connections = 1}, kNow + i);
  EXPECT_LE(inventory.size(), Inventory::kRowsMax + 1);
  const auto rows = inventory.rows();
  EXPECT_EQ(total(rows), static_cast<uint64_t>(made) + 3) << "nothing is lost";
  bool quiet = false, newest = false;
  uint64_t folded = 0;
  for (const auto& row : rows) {
    quiet = quiet || row.at("exe").as_string() == "/bin/quiet";
    newest = newest || row.at("exe").as_string() == "/tmp/" + std::to_string(made - 1);
    if (row.at("other").as_bool()) folded += row.at("rows").to_number<uint64_t>();
  }
  EXPECT_TRUE(quiet) << "another user's row stays, though it is the oldest";
  EXPECT_TRUE(newest);
  EXPECT_EQ(folded, static_cast<uint64_t>(made) + 1 - Inventory::kRowsMax);
}

TEST(Inventory, HeartbeatsTellWhatWasAddedOnce) {
  Inventory inventory;
  audit::Draft empty(audit::Kind::heartbeat);
  inventory.take_added(empty);
  EXPECT_EQ(empty.get(Field::hb_flows), nullptr);
  inventory.add(key(1, "/bin/a"), {.connections = 2}, kNow);
  audit::Draft first(audit::Kind::heartbeat), second(audit::Kind::heartbeat), third(audit::Kind::heartbeat);
  inventory.take_added(first);
  const auto* flows = rows_of(first, Field::hb_flows);
  const auto* names = rows_of(first, Field::hb_flow_names);
  ASSERT_TRUE(flows != nullptr && names != nullptr && flows->size() == 1 && names->size() == 1);
  EXPECT_EQ(member<int64_t>(flows->front(), "connections"), 2);
  EXPECT_EQ(member<std::string>(flows->front(), "exe"), "") << "a path is personal";
  EXPECT_EQ(member<std::string>(names->front(), "exe"), "/bin/a");
  inventory.take_added(second);
  EXPECT_EQ(second.get(Field::hb_flows), nullptr);
  inventory.add(key(1, "/bin/a"), {.connections = 1}, kNow);
  inventory.take_added(third);
  EXPECT_EQ(member<int64_t>(rows_of(third, Field::hb_flows)->front(), "connections"), 1);
}

TEST(Inventory, AHeartbeatIsBoundedAndItsRestIsCounted) {
  Inventory inventory;
  const int made = static_cast<int>(Inventory::kDeltaRowsMax) + 40;
  for (int i = 0; i < made; ++i)
    inventory.add(key(i, "/bin/a", i % 2 == 0 ? "observed" : "refused"), {.connections = static_cast<uint64_t>(i) + 1}, kNow);
  audit::Draft beat(audit::Kind::heartbeat);
  inventory.take_added(beat);
  const auto* flows = rows_of(beat, Field::hb_flows);
  ASSERT_NE(flows, nullptr);
  EXPECT_EQ(flows->size(), Inventory::kDeltaRowsMax + 2) << "one more for each way of capture";
  int64_t sum = 0;
  for (const audit::Row& row : *flows) sum += member<int64_t>(row, "connections");
  EXPECT_EQ(sum, int64_t{made} * (made + 1) / 2);
  EXPECT_EQ(member<int64_t>(flows->front(), "connections"), made) << "the busiest first";
  EXPECT_EQ(member<int64_t>(flows->back(), "other"), 1);
}

TEST(Inventory, WhatIsNotLookedUpNamesNobody) {
  Inventory inventory;
  inventory.add_unnamed("refused", 5, kNow);
  inventory.add_unnamed("refused", 2, kNow);
  const auto rows = inventory.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows.front().at("other").as_bool() && rows.front().at("uid").is_null());
  EXPECT_EQ(total(rows), 7u);
}

TEST(Inventory, LongTextsOfApplicationsAreCut) {
  attribution::Identity identity;
  identity.comm = "iou-sqp";
  identity.exe = attribution::Known<std::string>::of(std::string(4000, 'x'));
  EXPECT_EQ(inventory_key(identity).exe.size(), 256u);
  EXPECT_EQ(inventory_key(identity).comm, "") << "the executable is known";
  identity.exe = attribution::Known<std::string>::unresolved("gone");
  EXPECT_EQ(inventory_key(identity).comm, "iou-sqp");
}

}  // namespace
}  // namespace warden::app
