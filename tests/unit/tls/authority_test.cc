// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/tls/authority.h"

#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "gtest/gtest.h"
#include "tlsproxy/tls/authority_at.h"
#include "tlsproxy/tls/certificates.h"

namespace warden::tls {
namespace {

constexpr int64_t kStart_s = 1'800'000'000;

class AuthorityTest : public testing::Test {
 protected:
  ~AuthorityTest() override { std::filesystem::remove_all(parent_); }
  std::unique_ptr<Authority> open(const std::vector<std::string>& names) {
    auto opened = open_authority_at(folder_, names, [this] { return now_s_; });
    EXPECT_TRUE(opened.has_value()) << opened.error().detail;
    return opened ? std::move(*opened) : nullptr;
  }
  CertificatePtr leaf_of(const Leaf& leaf) {
    return std::move(certificates_from_pem(leaf.chain_pem)->front());
  }
  mode_t mode(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }

  std::string parent_ = testing::TempDir() + "authority-" + hex(random_bytes(6));
  std::string folder_ = parent_ + "/ca";
  int64_t now_s_ = kStart_s;
};

// The chain as a client sees it: verified by OpenSSL for `host`, with the name constraints that implies.
int verify(const std::string& roots_pem, const std::string& chain_pem, const std::string& host,
           int64_t at_s) {
  X509_STORE* store = X509_STORE_new();
  const auto roots = certificates_from_pem(roots_pem);
  for (const auto& root : *roots) X509_STORE_add_cert(store, root.get());
  auto chain = certificates_from_pem(chain_pem);
  STACK_OF(X509)* untrusted = sk_X509_new_null();
  for (const auto& link : *chain) sk_X509_push(untrusted, link.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, chain->front().get(), untrusted);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_time(parameters, at_s);
  X509_VERIFY_PARAM_set1_host(parameters, host.data(), host.size());
  X509_verify_cert(context);
  const int result = X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  sk_X509_free(untrusted);
  X509_STORE_free(store);
  return result;
}

TEST_F(AuthorityTest, MintsWhatAStrictClientAccepts) {
  const auto authority = open({"api.openai.com", "*.openai.azure.com"});
  for (const std::string host : {"api.openai.com", "mine.openai.azure.com", "API.OpenAI.com."}) {
    const auto leaf = authority->mint(host);
    ASSERT_TRUE(leaf.has_value()) << leaf.error().detail;
    EXPECT_EQ(verify(authority->roots_pem(), leaf->chain_pem, *dns_name(host), now_s_), X509_V_OK) << host;
    EXPECT_EQ(verify(authority->roots_pem(), leaf->chain_pem, "other.test", now_s_),
              X509_V_ERR_HOSTNAME_MISMATCH);
  }
}

TEST_F(AuthorityTest, RefusesNamesOutside) {
  const auto authority = open({"api.openai.com", "*.openai.azure.com"});
  for (const std::string host :
       {"www.openai.com", "openai.com", "evilapi.openai.com", "example.com", "xopenai.azure.com"}) {
    const auto leaf = authority->mint(host);
    ASSERT_FALSE(leaf.has_value()) << host;
    EXPECT_EQ(leaf.error().code, AuthorityError::outside_constraints);
  }
  for (const std::string host :
       {"", "10.0.0.1", "::1", "*.openai.azure.com", "a,DNS:evil.test", "a b", "a..b"})
    EXPECT_EQ(authority->mint(host).error().code, AuthorityError::invalid) << host;
}

// What a thief of the issuing key could sign is refused by the constraints, not by our own check.
TEST_F(AuthorityTest, ForgedNamesAndAddressesFailVerification) {
  const Issuer issuer = make_issuer({"api.openai.com"}, "host", now_s_);
  const std::string root = to_pem(issuer.root.get());
  const auto chain = [&](const std::string& name) {
    return to_pem(sign_leaf(issuer, name, now_s_).certificate.get()) + to_pem(issuer.issuing.get());
  };
  EXPECT_EQ(verify(root, chain("DNS:api.openai.com"), "api.openai.com", now_s_), X509_V_OK);
  EXPECT_EQ(verify(root, chain("DNS:bank.test"), "bank.test", now_s_), X509_V_ERR_PERMITTED_VIOLATION);
  EXPECT_EQ(verify(root, chain("DNS:api.openai.com,IP:10.1.2.3"), "api.openai.com", now_s_),
            X509_V_ERR_EXCLUDED_VIOLATION);
  EXPECT_EQ(verify(root, chain("DNS:api.openai.com,IP:2001:db8::1"), "api.openai.com", now_s_),
            X509_V_ERR_EXCLUDED_VIOLATION);
}

TEST_F(AuthorityTest, HasTheConstrainedForm) {
  const Issuer issuer = make_issuer({"api.openai.com"}, std::string(200, 'h'), now_s_);
  EXPECT_EQ(X509_get_pathlen(issuer.root.get()), 1);
  EXPECT_EQ(X509_get_pathlen(issuer.issuing.get()), 0);
  EXPECT_EQ(subtrees_of(issuer.issuing.get()), std::vector<std::string>{"api.openai.com"});
  EXPECT_TRUE(common_name_of(issuer.root.get()).starts_with("Egresswarden host authority hhh"));
  EXPECT_EQ(EVP_PKEY_get_base_id(issuer.issuing_key.get()), EVP_PKEY_EC);
  EXPECT_NE(key_digest_of(issuer.root.get()), key_digest_of(issuer.issuing.get()));
  EXPECT_LE(seconds_of(X509_get0_notAfter(issuer.root.get())) - now_s_, kAuthorityLife_s);
}

TEST_F(AuthorityTest, LeavesAreShortLivedAndHaveKeysOfTheirOwn) {
  const auto authority = open({"api.openai.com", "api.anthropic.com"});
  const auto one = authority->mint("api.openai.com");
  const auto other = authority->mint("api.anthropic.com");
  EXPECT_NE(one->key_pem, other->key_pem);
  EXPECT_NE(key_digest_of(leaf_of(*one).get()), key_digest_of(leaf_of(*other).get()));
  EXPECT_EQ(subject_of(leaf_of(*one).get()), "");
  EXPECT_LE(one->not_after_s - now_s_, kLeafLife_s);
  EXPECT_EQ(one->chain_pem, authority->mint("api.openai.com")->chain_pem);
  EXPECT_EQ(certificates_from_pem(one->chain_pem)->size(), 2U);
  now_s_ += 20 * kDay_s;
  const auto later = authority->mint("api.openai.com");
  EXPECT_GT(later->not_after_s, one->not_after_s);
  EXPECT_NE(later->key_pem, one->key_pem);
}

TEST_F(AuthorityTest, KeepsItsFilesPrivateAndNoRootKey) {
  open({"api.openai.com"});
  EXPECT_EQ(mode(folder_), 0700U);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    files.insert(entry.path().filename());
    EXPECT_EQ(mode(entry.path()), 0600U);
  }
  EXPECT_EQ(files, (std::set<std::string>{"issuing.key", "issuing.pem", "root.pem"}));
  const auto root = std::move(certificates_from_pem(*read_file(folder_ + "/root.pem"))->front());
  EXPECT_NE(X509_check_private_key(root.get(), key_from_pem(*read_file(folder_ + "/issuing.key")).get()), 1);
}

TEST_F(AuthorityTest, ReopensAndAddsAFurtherOneForNewNames) {
  const std::string first = open({"api.openai.com", "*.anthropic.com"})->roots_pem();
  EXPECT_EQ(open({"api.openai.com"})->roots_pem(), first);
  EXPECT_EQ(open({"api.anthropic.com"})->roots_pem(), first);
  const auto wider = open({"api.openai.com", "llm.corp.test"});
  ASSERT_EQ(wider->root_paths(), (std::vector<std::string>{folder_ + "/root.pem", folder_ + "/2/root.pem"}));
  EXPECT_EQ(mode(folder_ + "/2"), 0700U);
  for (const std::string host : {"api.openai.com", "llm.corp.test"})
    EXPECT_EQ(verify(wider->roots_pem(), wider->mint(host)->chain_pem, host, now_s_), X509_V_OK);
  EXPECT_EQ(open({"llm.corp.test"})->roots_pem(), wider->roots_pem());
}

TEST_F(AuthorityTest, RenewsWithOverlap) {
  const auto first = open({"api.openai.com"});
  now_s_ += kAuthorityLife_s - 50 * kDay_s;
  const auto overlap = open({"api.openai.com"});
  ASSERT_EQ(overlap->root_paths().size(), 2U);
  // Programs that started before the renewal know the first root alone, and it still serves them.
  EXPECT_EQ(verify(first->roots_pem(), overlap->mint("api.openai.com")->chain_pem, "api.openai.com", now_s_),
            X509_V_OK);
  now_s_ += 40 * kDay_s;
  const auto after = open({"api.openai.com"});
  EXPECT_EQ(verify(after->roots_pem(), after->mint("api.openai.com")->chain_pem, "api.openai.com",
                   now_s_ + 29 * kDay_s),
            X509_V_OK);
  now_s_ += 20 * kDay_s;
  EXPECT_EQ(open({"api.openai.com"})->root_paths(), std::vector<std::string>{folder_ + "/2/root.pem"});
}

TEST_F(AuthorityTest, NeverOutlivesItsIssuer) {
  const auto authority = open({"api.openai.com"});
  now_s_ += kAuthorityLife_s - 5 * kDay_s;
  const auto leaf = authority->mint("api.openai.com");
  EXPECT_LE(leaf->not_after_s, kStart_s + kAuthorityLife_s);
  now_s_ += 6 * kDay_s;
  EXPECT_FALSE(authority->mint("api.openai.com").has_value());
}

TEST_F(AuthorityTest, MakesAgainWhatWasCutShort) {
  open({"api.openai.com"});
  std::filesystem::remove(folder_ + "/root.pem");
  const auto again = open({"api.openai.com"});
  EXPECT_EQ(verify(again->roots_pem(), again->mint("api.openai.com")->chain_pem, "api.openai.com", now_s_),
            X509_V_OK);
}

TEST_F(AuthorityTest, RefusesAnOpenKeyAndFilesThatDoNotBelongTogether) {
  open({"api.openai.com"});
  const auto code = [&] {
    const auto opened = open_authority_at(folder_, {"api.openai.com"}, [&] { return now_s_; });
    return opened ? std::string("opened") : opened.error().detail;
  };
  ::chmod((folder_ + "/issuing.key").c_str(), 0644);
  EXPECT_NE(code().find("others could read this key"), std::string::npos) << code();
  ::chmod((folder_ + "/issuing.key").c_str(), 0600);
  const Issuer stranger = make_issuer({"api.openai.com"}, "host", now_s_);
  ASSERT_TRUE(write_file(folder_ + "/issuing.key", to_pem(stranger.issuing_key.get()), 0600).has_value());
  EXPECT_NE(code().find("do not belong together"), std::string::npos) << code();
}

TEST_F(AuthorityTest, RefusesNamesThatLimitNothing) {
  for (const std::string name : {"*.com", "*", "10.0.0.1", "a.*.test", "", "a;b", "*.*.test"}) {
    const auto opened = open_authority_at(folder_, {name}, [&] { return now_s_; });
    ASSERT_FALSE(opened.has_value()) << name;
    EXPECT_EQ(opened.error().code, AuthorityError::invalid);
  }
}

}  // namespace
}  // namespace warden::tls
