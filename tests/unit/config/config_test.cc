// SPDX-License-Identifier: Apache-2.0
#include "agent/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "agent/app/config_values.h"
#include "agent/base/file.h"

namespace warden::app {
namespace {

using ::testing::HasSubstr;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string put(const std::string& name, const std::string& text) {
    EXPECT_TRUE(write_file(folder_ + "/" + name, text, 0600));
    return folder_ + "/" + name;
  }
  Result<AgentConfig, ConfigError> agent(const std::string& text) {
    return load_agent_config(put("agent.yaml", text));
  }
  std::string refused(const std::string& text) {
    const auto config = agent(text);
    EXPECT_FALSE(config) << text;
    return config ? "" : config.error().detail;
  }
  std::string folder_ = "/tmp/warden-config-XXXXXX";
};

TEST_F(ConfigTest, TheShippedFileIsTheDefaults) {
  const auto shipped = load_agent_config(WARDEN_SOURCE_DIR "/packaging/etc/agent.yaml");
  ASSERT_TRUE(shipped) << shipped.error().detail;
  const AgentConfig defaults;
  EXPECT_EQ(shipped->state_dir, defaults.state_dir);
  EXPECT_EQ(shipped->body_bytes_max, defaults.body_bytes_max);
  EXPECT_EQ(shipped->bodies_bytes_max, defaults.bodies_bytes_max);
  EXPECT_EQ(shipped->spool_bodies_over_bytes, defaults.spool_bodies_over_bytes);
  EXPECT_EQ(shipped->audit.log_domain, defaults.audit.log_domain);
  EXPECT_EQ(shipped->audit.spool_bytes_max, defaults.audit.spool_bytes_max);
  EXPECT_EQ(shipped->drain_timeout, defaults.drain_timeout);
  EXPECT_EQ(shipped->upgrade_drain, defaults.upgrade_drain);
  EXPECT_EQ(shipped->intercept.stale_after, defaults.intercept.stale_after);
  EXPECT_EQ(shipped->metrics_listen, defaults.metrics_listen);
  EXPECT_FALSE(shipped->intercept.pass_when_agent_down);
  EXPECT_TRUE(shipped->intercept.endpoints.empty());
  EXPECT_EQ(shipped->intercept.strict_ports, defaults.intercept.strict_ports);
  EXPECT_FALSE(shipped->audit.collector);
}

TEST_F(ConfigTest, ReadsEveryKind) {
  put("a.pem", "x");
  put("persons.yaml", "alice: alice@example.org\n1007: { person: bob@example.org, groups: [interns] }\n");
  const auto config = agent(R"(
intercept:
  cgroup: /sys/fs/cgroup/unified/x
  on_agent_down: pass
  mode: strict
  endpoints:
    - { host: llm.test, port: 8443, tls: false, dialect: openai-chat, provider: lab, addresses: [127.0.0.9, "::1"] }
policy: { trusted_keys: [a.pem], allow_unsigned: true }
identity: { persons: persons.yaml, kubernetes: off }
audit:
  spool: { max_bytes: 10MiB, on_full: allow }
  collector: { url: "https://c:1", cert: a.pem, key: a.pem, ca: a.pem }
limits: { body_bytes_max: 512KiB, bodies_bytes_max: 2MiB, spool_bodies_over: off }
provider_roots: a.pem
workers: 3
metrics: { listen: off }
)");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->intercept.cgroup, "/sys/fs/cgroup/unified/x");
  EXPECT_TRUE(config->intercept.pass_when_agent_down);
  EXPECT_TRUE(config->intercept.strict);
  EXPECT_TRUE(config->intercept.refuse_unknown_quic) << "QUIC would hide what strict mode is to see";
  EXPECT_EQ(config->intercept.strict_ports, (std::vector<uint16_t>{443, 8443}));
  ASSERT_EQ(config->intercept.endpoints.size(), 1u);
  EXPECT_EQ(config->intercept.endpoints[0].addresses[1].to_string(), "[::1]:8443");
  EXPECT_FALSE(config->intercept.endpoints[0].tls);
  EXPECT_EQ(config->policy.trusted_keys, std::vector<std::string>{folder_ + "/a.pem"});
  EXPECT_EQ(config->identity.persons.at("alice").id, "alice@example.org");
  EXPECT_EQ(config->identity.persons.at("1007").id, "bob@example.org");
  EXPECT_EQ(config->identity.persons.at("1007").groups, std::vector<std::string>{"interns"});
  EXPECT_EQ(config->audit.spool_bytes_max, 10u << 20);
  EXPECT_EQ(config->audit.collector->cert, folder_ + "/a.pem");
  EXPECT_EQ(config->body_bytes_max, 512u << 10);
  EXPECT_EQ(config->bodies_bytes_max, 2u << 20);
  EXPECT_EQ(config->spool_bodies_over_bytes, 0u);
  EXPECT_EQ(config->workers, 3u);
  EXPECT_FALSE(config->metrics_listen);
}

TEST_F(ConfigTest, ErrorsSayWhereAndTheRemedy) {
  EXPECT_THAT(refused("log_level: info\nintercept:\n  mod: strict\n"),
              HasSubstr("agent.yaml:3:3: intercept.mod: unknown key; known here: "));
  EXPECT_THAT(refused("intercept:\n  mode: learnt\n"),
              HasSubstr("agent.yaml:2:9: intercept.mode: 'learnt' is not valid; give one of learned, strict, observe"));
  EXPECT_THAT(refused("workers: 0\n"), HasSubstr("agent.yaml:1:10: workers"));
  EXPECT_THAT(refused("workers: [1]\n"), HasSubstr("workers: give a whole number"));
  EXPECT_THAT(refused("workers: 1\nworkers: 2\n"), HasSubstr("agent.yaml:2:1: workers: given twice"));
  EXPECT_THAT(refused("limits: 3\n"), HasSubstr("limits: expected keys and values"));
  EXPECT_THAT(refused("limits: { body_bytes_max: 32 MB }\n"), HasSubstr("give a size above zero"));
  EXPECT_THAT(refused("limits: { spool_bodies_over: 0 }\n"), HasSubstr("give a size above zero such as 512KiB, or off"));
  EXPECT_THAT(refused("limits: { bodies_bytes_max: 127MiB }\n"), HasSubstr("give at least four times body_bytes_max"));
  EXPECT_THAT(refused("limits:\n  body_bytes_max: 64MiB\n  bodies_bytes_max: 255MiB\n"), HasSubstr("agent.yaml:3:21: limits.bodies"));
  EXPECT_THAT(refused("policy: { trusted_keys: [none.pem] }\n"), HasSubstr("none.pem cannot be read"));
  EXPECT_THAT(refused("identity: { persons: none.yaml }\n"), HasSubstr("none.yaml cannot be read"));
  EXPECT_THAT(refused("audit: { collector: { url: \"https://c\" } }\n"), HasSubstr("cert is missing"));
  EXPECT_THAT(refused("intercept: { endpoints: [{ port: 1 }] }\n"),
              HasSubstr("intercept.endpoints[0].host: missing"));
  EXPECT_THAT(refused("a: [\n"), HasSubstr("agent.yaml:"));
  EXPECT_THAT(refused("- a\n"), HasSubstr("expected keys and values"));
}

TEST_F(ConfigTest, StrictPortsAreBounded) {
  const auto config = agent("intercept: { strict_ports: [443, 9443], mode: strict, unknown_quic: record }\n");
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->intercept.strict_ports, (std::vector<uint16_t>{443, 9443}));
  EXPECT_FALSE(config->intercept.refuse_unknown_quic) << "the word that was given";
  EXPECT_FALSE(agent("intercept: { mode: learned }\n")->intercept.refuse_unknown_quic);
  EXPECT_THAT(refused("intercept: { strict_ports: [] }\n"), HasSubstr("strict_ports: give at least one port"));
  for (const char* bad : {"[0]", "[65536]", "[443, 443]", "[x]", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"})
    EXPECT_THAT(refused("intercept: { strict_ports: " + std::string(bad) + " }\n"), HasSubstr("intercept.strict_ports: give at most 16")) << bad;
}

TEST_F(ConfigTest, ReportsAllMistakesAtOnce) {
  const std::string detail = refused("workers: x\nlog_level: loud\n");
  EXPECT_THAT(detail, HasSubstr(":1:10:"));
  EXPECT_THAT(detail, HasSubstr(":2:12:"));
}

TEST_F(ConfigTest, DigestCoversValuesNotLayout) {
  const std::string one = agent("workers: 3\nlog_level: info\n")->digest;
  EXPECT_EQ(one, agent("# comment\nworkers:   3\n")->digest);
  EXPECT_NE(one, agent("workers: 4\n")->digest);
  EXPECT_EQ(one.size(), 64u);
}

TEST_F(ConfigTest, MissingFileNamesIt) {
  const auto config = load_agent_config(folder_ + "/none.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ConfigError::unreadable);
  EXPECT_THAT(config.error().detail, HasSubstr("none.yaml"));
}

TEST_F(ConfigTest, CollectorNeedsItsCertificates) {
  put("a.pem", "x");
  const auto config = load_collector_config(
      put("c.yaml", "listen: \"[::1]:9\"\ntls: { cert: a.pem, key: a.pem, client_ca: a.pem }\n"));
  ASSERT_TRUE(config) << config.error().detail;
  EXPECT_EQ(config->listen.to_string(), "[::1]:9");
  const auto bare = load_collector_config(put("c.yaml", "log_level: info\n"));
  ASSERT_FALSE(bare);
  EXPECT_THAT(bare.error().detail, HasSubstr("client_ca is missing"));
}

TEST_F(ConfigTest, WorkerAccountIsNeverRoot) {
  AgentConfig config;
  EXPECT_TRUE(worker_account(config));
  EXPECT_NE(worker_account(config)->uid, 0u);
  config.worker_user = "nobody";
  EXPECT_EQ(worker_account(config)->uid, 65534u);
  config.worker_user = "61900";
  EXPECT_EQ(worker_account(config)->uid, 61900u);
  for (const char* bad : {"root", "0", "no-such-user"}) {
    config.worker_user = bad;
    EXPECT_FALSE(worker_account(config)) << bad;
  }
}

TEST(ConfigValues, SizesAndDurationsDoNotOverflow) {
  EXPECT_EQ(parse_size_bytes("8GiB"), uint64_t{8} << 30);
  EXPECT_EQ(parse_size_bytes("99999999999TiB"), std::nullopt);
  EXPECT_EQ(parse_size_bytes("-1"), std::nullopt);
  EXPECT_EQ(parse_duration("1500ms"), std::chrono::milliseconds(1500));
  EXPECT_EQ(parse_duration("5"), std::nullopt);
  EXPECT_EQ(parse_listen("127.0.0.1:99999"), std::nullopt);
  EXPECT_EQ(parse_listen("::1:80"), std::nullopt);
}

}  // namespace
}  // namespace warden::app
