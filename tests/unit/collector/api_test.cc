// SPDX-License-Identifier: Apache-2.0
// The readers' API over TLS: filters, pages, one exchange with its proof, and the index made anew.
#include <set>

#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "audit/chain/proof.h"
#include "audit/collector/query.h"
#include "audit/collector/row.h"
#include "audit/record/json.h"
#include "tests/unit/collector/fleet.h"

namespace warden::audit {
namespace {

std::vector<std::string> elements(const std::string& json, const std::string& name) {
  std::vector<std::string> found;
  const size_t at = json.find("\"" + name + "\":[");
  if (at == std::string::npos) return found;
  size_t depth = 0, end = at + name.size() + 3;
  bool quoted = false;
  for (size_t i = end; i < json.size(); ++i) {
    if (json[i] == '"' && json[i - 1] != '\\') quoted = !quoted;
    if (quoted) continue;
    if (json[i] == '[') ++depth;
    if (json[i] == ']' && --depth == 0) {
      each_element(std::string_view(json).substr(end, i + 1 - end),
                   [&](std::string_view one) { found.emplace_back(one); });
      break;
    }
  }
  return found;
}

class ApiTest : public Fleet {
 protected:
  void SetUp() override {
    Fleet::SetUp();
    start_collector();
    open_writer();
    start_shipper();
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(writer_->submit(1, decision(i, "req-" + std::to_string(i))));
    ASSERT_TRUE(eventually([&] { return writer_->status().size >= 301 && all_cosigned(); }));
    reader_ = client("reader");
  }
  std::string get(const std::string& path, unsigned status = 200) {
    const auto answer = reader_->get("/api/v1/" + path);
    EXPECT_TRUE(answer);
    EXPECT_EQ(answer->status, status) << path << ": " << answer->body.substr(0, 300);
    return answer->body;
  }
  std::vector<std::string> records(const std::string& parameters) {
    return elements(get("records?limit=1000&" + parameters), "records");
  }
  std::vector<std::string> pages(unsigned limit) {
    std::vector<std::string> all;
    std::string cursor;
    for (int i = 0; i < 400; ++i) {
      const std::string body = get("records?limit=" + std::to_string(limit) + cursor);
      for (auto& one : elements(body, "records")) all.push_back(std::move(one));
      const size_t next = body.rfind("\"next\":\"");
      if (next == std::string::npos) return all;
      cursor = "&cursor=" + body.substr(next + 8, body.rfind('"') - next - 8);
    }
    return {};
  }
  std::unique_ptr<HttpsClient> reader_;
};

TEST_F(ApiTest, FiltersShowWhatWasRecorded) {
  EXPECT_EQ(records("").size(), 301U);
  EXPECT_EQ(records("verdict=block").size(), 60U);
  EXPECT_EQ(records("verdict=allow").size(), 240U);
  EXPECT_EQ(records("user=alice").size(), 150U);
  EXPECT_EQ(records("user=1001").size(), 150U);
  EXPECT_EQ(records("user=alice&verdict=block").size(), 30U);
  EXPECT_EQ(records("process=curl").size(), 100U);
  EXPECT_EQ(records("process=/usr/bin/curl").size(), 300U);
  EXPECT_EQ(records("rule=no-keys").size(), 60U);
  EXPECT_EQ(records("class=secret").size(), 0U);
  EXPECT_EQ(records("provider=openai&model=gpt-5&host=h1").size(), 300U);
  EXPECT_EQ(records("host=h2").size(), 0U);
  EXPECT_EQ(records("kind=start").size(), 1U);
  EXPECT_EQ(records("q=req-77").size(), 1U);
  EXPECT_EQ(records("q=%27%20OR%201=1--").size(), 0U);
  EXPECT_EQ(records("since=1h").size(), 301U);
  EXPECT_EQ(records("until=1h").size(), 0U);
  EXPECT_EQ(records("since=2999-01-01").size(), 0U);
  const std::string one = records("q=req-77").front();
  EXPECT_EQ(text_at(one, "req"), "req-77");
  EXPECT_NE(one.find("\"user.name\":\"bob\""), std::string::npos) << one;
}

TEST_F(ApiTest, MisspeltQuestionsAreErrors) {
  for (const char* parameters : {"verdikt=block", "limit=0", "limit=1001", "limit=x", "cursor=x",
                                 "since=yesterday", "user=%zz", "user=%00", "user=a&user=b", "user"})
    get(std::string("records?") + parameters, 400);
  get("hosts?x=1", 400);
  get("nothing", 404);
  get("records/none", 404);
}

TEST_F(ApiTest, PagesHoldEveryRecordOnce) {
  for (const unsigned limit : {7U, 100U, 301U}) {
    std::set<std::string> seqs;
    const auto all = pages(limit);
    EXPECT_EQ(all.size(), 301U);
    for (const auto& one : all) seqs.insert(text_at(one, "seq"));
    EXPECT_EQ(seqs.size(), 301U);
  }
}

TEST_F(ApiTest, OneExchangeComesWithItsProof) {
  const std::string body = get("records/req-42");
  const auto found = elements(body, "records");
  ASSERT_EQ(found.size(), 1U);
  const auto leaf = find(found.front(), "record");
  ASSERT_TRUE(leaf);
  const auto proof = chain::TlogProof::parse(text_at(found.front(), "proof"));
  ASSERT_TRUE(proof) << text_at(found.front(), "proof");
  const auto epoch = LogReader::open(log_config_.state_dir)->epoch(0);
  const auto log = chain::Verifier::parse(epoch->vkey);
  EXPECT_TRUE(proof->verify(*leaf, *log));
  EXPECT_FALSE(proof->verify(std::string(*leaf) + " ", *log));
  EXPECT_NE(body.find("\"name\",\"alice\"]"), std::string::npos);
}

TEST_F(ApiTest, SummariesCountWhatIsThere) {
  const auto hosts = elements(get("hosts"), "hosts");
  ASSERT_EQ(hosts.size(), 1U);
  EXPECT_EQ(text_at(hosts.front(), "host"), "h1");
  EXPECT_EQ(text_at(hosts.front(), "records"), "301");
  const auto inventory = elements(get("inventory"), "inventory");
  EXPECT_EQ(inventory.size(), 4U);  // two users by two processes
  const auto coverage = elements(get("coverage"), "coverage");
  ASSERT_EQ(coverage.size(), 1U);
  EXPECT_EQ(text_at(coverage.front(), "decisions"), "300");
  EXPECT_EQ(text_at(coverage.front(), "starts"), "1");
}

TEST_F(ApiTest, TheIndexIsMadeAnewFromTheLogs) {
  const auto before = pages(100);
  for (const bool removed : {false, true}) {
    collector_.reset();
    if (removed) {
      for (const char* suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(folder_ + "/collector/index.sqlite" + suffix);
    }
    start_collector();
    EXPECT_EQ(pages(100), before);
  }
}

TEST_F(ApiTest, TheTokenOpensTheApiWithoutCertificate) {
  const auto token = read_file(folder_ + "/collector/api.token");
  ASSERT_TRUE(token);
  const auto status = [&](const std::string& header) {
    const std::string file = folder_ + "/status";
    const std::string command = "curl -sS -o /dev/null -w '%{http_code}' --cacert " + keys() +
                                "/one/ca.pem " + header + ' ' + url() + "/api/v1/hosts >" + file;
    EXPECT_EQ(std::system(command.c_str()), 0);
    return *read_file(file);
  };
  EXPECT_EQ(status(""), "401");
  EXPECT_EQ(status("-H 'authorization: Bearer wrong'"), "401");
  EXPECT_EQ(status("-H 'authorization: Bearer " + token->substr(0, token->size() - 1) + "'"), "200");
}

TEST(QueryTest, TimesHaveOneForm) {
  EXPECT_EQ(normal_time("2026-11-23", 0), "2026-11-23T00:00:00.000000Z");
  EXPECT_EQ(normal_time("2026-11-23T10:00:00Z", 0), "2026-11-23T10:00:00.000000Z");
  EXPECT_EQ(normal_time("2026-11-23T10:00:00.5Z", 0), "2026-11-23T10:00:00.500000Z");
  EXPECT_EQ(normal_time("1s", 1'500'000), "1970-01-01T00:00:00.500000Z");
  for (const char* text :
       {"", "-", "2026-11-23T10:00:00", "2026-11-23T10:00:00.Z", "2026-11-23T10:00:00.1234567Z", "2026-1-23",
        "5", "5y", "999999999d", "2026-11-23T10:00:00+01:00"})
    EXPECT_FALSE(normal_time(text, 0)) << text;
}

}  // namespace
}  // namespace warden::audit
