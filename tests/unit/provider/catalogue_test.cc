// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/catalogue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {
namespace {

std::shared_ptr<const Catalogue> load(const std::vector<Service>& own = {}) {
  auto catalogue = Catalogue::load(own);
  EXPECT_TRUE(catalogue) << catalogue.error().detail;
  return catalogue ? *catalogue : nullptr;
}

TEST(Catalogue, KnowsProvidersByName) {
  const auto catalogue = load();
  const Service* openai = catalogue->find("api.openai.com", 443);
  ASSERT_NE(openai, nullptr);
  EXPECT_EQ(openai->provider, "openai");
  EXPECT_EQ(openai->dialect, "openai");
  EXPECT_EQ(openai->credential, "authorization");
  ASSERT_NE(catalogue->find("api.anthropic.com", 443), nullptr);
  EXPECT_EQ(catalogue->find("api.anthropic.com", 443)->credential, "x-api-key");
  EXPECT_EQ(catalogue->find("api.openai.com", 8443), nullptr);
  EXPECT_EQ(catalogue->find("openai.com", 443), nullptr);
  EXPECT_EQ(catalogue->find("", 443), nullptr);
}

TEST(Catalogue, AStarIsOneLabel) {
  const auto catalogue = load();
  ASSERT_NE(catalogue->find("acme.openai.azure.com", 443), nullptr);
  EXPECT_EQ(catalogue->find("a.b.openai.azure.com", 443), nullptr);
  EXPECT_EQ(catalogue->find("openai.azure.com", 443), nullptr);
  EXPECT_EQ(catalogue->find(".openai.azure.com", 443), nullptr);
  EXPECT_EQ(catalogue->find("*.openai.azure.com", 443), nullptr);
  EXPECT_TRUE(catalogue->find("dbc-1.cloud.databricks.com", 443)->shared_front);
}

TEST(Catalogue, SpellsOutRegions) {
  const auto catalogue = load();
  EXPECT_NE(catalogue->find("bedrock-runtime.eu-central-1.amazonaws.com", 443), nullptr);
  EXPECT_NE(catalogue->find("europe-west4-aiplatform.googleapis.com", 443), nullptr);
  EXPECT_EQ(catalogue->find("bedrock-runtime.mars-1.amazonaws.com", 443), nullptr);
}

TEST(Catalogue, EveryEntryIsUsableAndListedOnce) {
  std::set<std::pair<std::string, uint16_t>> names;
  const auto catalogue = load();
  for (const Service& service : catalogue->services()) {
    EXPECT_TRUE(service.dialect.empty() || find_dialect(service.dialect) != nullptr) << service.host;
    EXPECT_TRUE(names.emplace(service.host, service.port).second) << service.host << " stands twice";
    EXPECT_EQ(service.host.find('{'), std::string::npos) << service.host;
  }
}

TEST(Catalogue, OwnEndpointsStandBesideAndBefore) {
  const auto catalogue =
      load({{.provider = "vllm", .host = "llm.internal", .port = 8000, .tls = false, .dialect = "openai"},
            {.provider = "mine", .host = "api.openai.com"}});
  EXPECT_EQ(catalogue->find("llm.internal", 8000)->provider, "vllm");
  EXPECT_EQ(catalogue->find("llm.internal", 8000)->credential, "authorization");
  EXPECT_EQ(catalogue->find("api.openai.com", 443)->provider, "mine");
  EXPECT_NE(catalogue->digest(), load()->digest());
  EXPECT_EQ(load()->digest(), load()->digest());
}

TEST(Catalogue, RefusesABadEndpoint) {
  for (const Service& bad :
       {Service{.provider = "a", .host = "UPPER.example"}, Service{.provider = "a", .host = ""},
        Service{.provider = "", .host = "a.example"}, Service{.provider = "a", .host = "a.*.example"},
        Service{.provider = "a", .host = "a.example", .dialect = "nonsense"},
        Service{.provider = "a", .host = "a.example."}})
    EXPECT_FALSE(Catalogue::load({bad})) << bad.host;
}

// What a maintainer's slip in the data would break at a customer's.
TEST(Catalogue, IsSoundAndFitsTheKernelAndTheAuthority) {
  const auto catalogue = load();
  std::set<std::string> providers;
  size_t constraint_bytes = 0;
  for (const Service& service : catalogue->services()) {
    providers.insert(service.provider);
    EXPECT_TRUE(std::ranges::all_of(service.provider, [](char c) { return std::isdigit(c) || std::islower(c) || c == '-'; }))
        << service.provider;
    EXPECT_TRUE(std::ranges::all_of(service.credential, [](char c) { return std::islower(c) || c == '-'; })) << service.host;
    EXPECT_FALSE(service.credential.empty()) << service.host;
    EXPECT_TRUE(service.path_prefix.empty() || service.path_prefix.front() == '/') << service.host;
    EXPECT_FALSE(service.path_prefix.ends_with('/')) << service.host;
    EXPECT_NE(service.host.find('.'), std::string::npos) << service.host;
    EXPECT_LE(service.host.size(), 100U) << service.host;
    // A star over a registry's own suffix would guard, and sign for, half of the internet.
    if (service.host.starts_with("*.")) {
      EXPECT_GE(std::ranges::count(service.host, '.'), 2) << service.host;
    }
    constraint_bytes += service.host.size() + 4;
  }
  EXPECT_GE(providers.size(), 100U);
  EXPECT_LE(catalogue->services().size(), 4096U) << "half of the kernel's map of names; the rest is the operator's";
  // The issuing CA travels in every full handshake, and Java takes 32 KB of them at most by default.
  EXPECT_LE(constraint_bytes, size_t{20} * 1024);
  EXPECT_EQ(catalogue->version().size(), 10U) << catalogue->version();
  std::printf("%zu providers, %zu names, about %zu bytes of name constraints\n", providers.size(),
              catalogue->services().size(), constraint_bytes);
}

TEST(Catalogue, AStarNeverCoversAnotherEntry) {
  const auto catalogue = load();
  for (const Service& service : catalogue->services())
    EXPECT_EQ(catalogue->find(service.host, 443) == &service, !service.host.starts_with('*')) << service.host;
}

}  // namespace
}  // namespace warden::provider
