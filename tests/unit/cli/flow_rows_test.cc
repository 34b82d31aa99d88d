// SPDX-License-Identifier: Apache-2.0
// The inventory made again from records: each connection counted once, whether a heartbeat told of it, a record of its own, or both.
#include "agent/cli/flow_rows.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/cli/opened_record.h"

namespace warden::cli {
namespace {

namespace json = boost::json;

json::object record(const std::string& text) { return json::parse(text).as_object(); }

constexpr char kFlow[] =
    R"({"kind":"flow","time":"2026-11-26T10:00:01.000000Z","user":{"uid":1000,"name":"alice"},"proc":{"exe":"/bin/a","comm":"a"},)"
    R"("net":{"capture":"observed","reason":"observe","host":"h"},"llm":{"provider":"p"}})";
constexpr char kBeat[] =
    R"({"kind":"heartbeat","time":"2026-11-26T10:00:10.000000Z","hb":{"flows":[{"n":0,"uid":1000,"provider":"p","host":"h",)"
    R"("capture":"observed","reason":"observe","connections":3,"last":"2026-11-26T10:00:09.000000Z"}],)"
    R"("flow_names":[{"n":0,"user":"alice","exe":"/bin/a"}]}})";
constexpr char kDecision[] =
    R"({"kind":"decision","req":"r1","time":"2026-11-26T10:00:02.000000Z","user":{"uid":1000},"net":{"capture":"proxied"},"dec":{"action":"block"}})";
constexpr char kOutcome[] =
    R"({"kind":"outcome","req":"r1","time":"2026-11-26T10:00:03.000000Z","io":{"sent_bytes":10,"resp_bytes":"20"}})";
constexpr char kStart[] = R"({"kind":"start","time":"2026-11-26T10:01:00.000000Z"})";

json::array rows_of(std::initializer_list<const char*> records) {
  FlowRows rows;
  for (const char* text : records) rows.take(record(text));
  return rows.rows();
}

int64_t number(const json::value& row, const char* name) { return row.at(name).to_number<int64_t>(); }

TEST(FlowRows, AHeartbeatCoversTheRecordsBeforeIt) {
  const auto rows = rows_of({kFlow, kFlow, kFlow, kBeat});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(number(rows[0], "connections"), 3);
  EXPECT_EQ(rows[0].at("user"), "alice");
  EXPECT_EQ(rows[0].at("exe"), "/bin/a");
  EXPECT_EQ(number(rows[0], "uid"), 1000);
  EXPECT_EQ(rows[0].at("last"), "2026-11-26T10:00:09.000000Z");
}

TEST(FlowRows, RecordsAfterTheLastHeartbeatCountThemselves) {
  EXPECT_EQ(number(rows_of({kBeat, kFlow})[0], "connections"), 4) << "at the end of the log";
  EXPECT_EQ(number(rows_of({kBeat, kFlow, kStart, kFlow, kBeat})[0], "connections"), 7) << "where a run was cut off, not where one goes on";
}

TEST(FlowRows, AHeartbeatThatDoesNotCountCoversNothing) {
  EXPECT_EQ(number(rows_of({kFlow, R"({"kind":"heartbeat","hb":{"conns":1}})", kFlow})[0], "connections"), 2);
}

TEST(FlowRows, RequestsAndTheirBytes) {
  const auto rows = rows_of({kDecision, kOutcome, kOutcome});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(number(rows[0], "requests"), 1);
  EXPECT_EQ(number(rows[0], "blocked"), 1);
  EXPECT_EQ(number(rows[0], "sent_bytes"), 10);
  EXPECT_EQ(number(rows[0], "received_bytes"), 20);
}

TEST(FlowRows, SuppressedRecordsAreCountedWithoutNames) {
  const auto rows = rows_of({R"({"kind":"gap","time":"t","gap":{"reason":"flow_rate","other":40}})", R"({"kind":"gap","time":"t","gap":{"reason":"disk_full","other":9}})"});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_TRUE(rows[0].at("other").as_bool());
  EXPECT_EQ(number(rows[0], "connections"), 40);
}

TEST(FlowRows, RecordsOfAnyShapeAreBorne) {
  for (const char* odd : {R"({})", R"({"kind":7})", R"({"kind":"heartbeat","hb":{"flows":[null,1,{"n":"x","connections":-5}],"flow_names":[3]}})",
                          R"({"kind":"flow","net":[],"user":{"uid":"many"}})", R"({"kind":"outcome","req":{}})"})
    EXPECT_LE(rows_of({odd}).size(), 1u) << odd;
}

std::string disclosure(const std::string& json) { return base64url(json); }
std::string digest(const std::string& disclosed) { return base64url(view(sha256(disclosed))); }

TEST(OpenedRecord, PutsBackWhatIsDisclosed) {
  const std::string name = disclosure(R"(["salt","name","alice"])"), row = disclosure(R"(["salt",{"host":"odd name"}])");
  const std::string leaf = R"({"hb":{"flows":[{"...":")" + digest(row) + R"("},{"...":"unknown"}]},"user":{"_sd":[")" + digest(name) + R"(","other"],"uid":1}})";
  const auto opened = opened_record(leaf, name + "~" + row + "~");
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, record(R"({"hb":{"flows":[{"host":"odd name"},null]},"user":{"uid":1,"name":"alice"}})"));
  EXPECT_EQ(*at_path(*opened, "user.name"), "alice");
  EXPECT_EQ(at_path(*opened, "user.name.more"), nullptr);
  EXPECT_EQ(at_path(*opened, "nothing.there"), nullptr);
}

TEST(OpenedRecord, TakesNothingThatWasNotCommittedTo) {
  const std::string forged = disclosure(R"(["salt","uid",0])");
  const auto opened = opened_record(R"({"user":{"_sd":["x"],"uid":1}})", forged + "~!!!~~");
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, record(R"({"user":{"uid":1}})"));
  EXPECT_FALSE(opened_record("[]", ""));
  EXPECT_FALSE(opened_record("{", ""));
}

}  // namespace
}  // namespace warden::cli
