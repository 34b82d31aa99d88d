// SPDX-License-Identifier: Apache-2.0
// Token-shaped literals are assembled at run time, so that no scanner of this repository mistakes a test for
// a leak.
#include <gtest/gtest.h>

#include "tests/unit/classify/scan_text.h"

namespace warden::classify {
namespace {

const std::string kMixed40 = "Zq8Rk2Lm5Tx7Wc3Vb9Np4Hs6Jd1Gf0Ya2Ue8Io5B";

TEST(Secrets, AwsPair) {
  EXPECT_EQ(scan_text("AKIAQ3EGTYHN2XLPV5WD"), "secret.aws_akid=AKIAQ3EGTYHN2XLPV5WD");
  EXPECT_EQ(scan_text("akiaq3egtyhn2xlpv5wd XAKIAQ3EGTYHN2XLPV5WD AKIAQ3EGTYHN2XLPV5W"), "");
  EXPECT_EQ(scan_text("AKIAIOSFODNN7EXAMPLE"), "secret.aws_akid=AKIAIOSFODNN7EXAMPLE suppressed");
  EXPECT_EQ(scan_text("aws_secret_access_key = " + kMixed40), "secret.aws_secret=" + kMixed40);
  EXPECT_EQ(scan_text(kMixed40, Encoding::json_string, "SecretAccessKey"), "secret.aws_secret=" + kMixed40);
  EXPECT_EQ(scan_text("aws_secret_access_key = da39a3ee5e6b4b0d3255bfef95601890afd80709x"),
            "secret.generic_assign=da39a3ee5e6b4b0d3255bfef95601890afd80709x asserted");
}

TEST(Secrets, ChecksumDecidesTheTier) {
  const std::string wrong = "ghp_" + kMixed40.substr(0, 36);
  EXPECT_EQ(scan_text(wrong), "secret.github=" + wrong + " asserted");
  EXPECT_EQ(scan_text("ghp_" + kMixed40.substr(0, 35)), "");
  EXPECT_EQ(scan_text("ghp_" + std::string(36, 'x')),
            "secret.github=ghp_" + std::string(36, 'x') + " suppressed");
}

TEST(Secrets, Prefixes) {
  const std::string openai = "sk-" + kMixed40.substr(0, 20) + "T3BlbkFJ" + kMixed40.substr(20);
  EXPECT_EQ(scan_text("key " + openai), "secret.openai=" + openai);
  const std::string slack = "xoxb-82345601937-19735530284-" + kMixed40.substr(0, 24);
  EXPECT_EQ(scan_text(slack), "secret.slack=" + slack);
  const std::string stripe = "sk_live_" + kMixed40.substr(0, 24);
  EXPECT_EQ(scan_text(stripe), "secret.stripe=" + stripe);
  const std::string gitlab = "glpat-" + kMixed40.substr(0, 20);
  EXPECT_EQ(scan_text(gitlab), "secret.gitlab=" + gitlab);
  const std::string google = "AIza" + kMixed40.substr(0, 35);
  EXPECT_EQ(scan_text(google + " " + google + "x"), "secret.gcp_api_key=" + google);
  const std::string anthropic = "sk-ant-api03-" + kMixed40 + kMixed40 + kMixed40.substr(0, 13) + "AA";
  EXPECT_EQ(scan_text(anthropic), "secret.anthropic=" + anthropic);
  EXPECT_EQ(scan_text("task-force-of-seventeen risk-adjusted"), "");
}

TEST(Secrets, JwtHeaderMustBeJsonWithAlg) {
  const std::string payload = ".eyJzdWIiOiIxMjM0NTYifQ.";
  const std::string jwt = "eyJhbGciOiJIUzI1NiJ9" + payload + kMixed40;
  EXPECT_EQ(scan_text("Bearer " + jwt), "secret.jwt=" + jwt);
  EXPECT_EQ(scan_text("eyJmb28iOiJiYXIifQ" + payload + kMixed40), "");
}

TEST(Secrets, PemAlsoWithEscapedNewlines) {
  const std::string body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
  const std::string begin =
      "-----BEGIN PRIVATE"
      " KEY-----";
  const std::string end =
      "-----END PRIVATE"
      " KEY-----";
  const std::string pem = begin + "\n" + body + "\n" + body + "\n" + end;
  EXPECT_EQ(scan_text("key:\n" + pem + "\n"), "secret.private_key_pem=" + pem);
  const std::string escaped = begin + "\\n" + body + "\\n" + end;
  EXPECT_EQ(scan_text("\"" + escaped + "\\n\""), "secret.private_key_pem=" + escaped);
  EXPECT_EQ(scan_text("-----BEGIN PUBLIC KEY-----\n" + body), "");
  EXPECT_EQ(scan_text(begin + "\n...\n" + end),
            "secret.private_key_pem=" + begin + "\n...\n" + end + " suppressed");
}

TEST(Secrets, UrlCredentials) {
  EXPECT_EQ(scan_text("postgres://app:Tr0ub4dor@db.internal:5432/x"), "pii.url_userinfo=Tr0ub4dor");
  EXPECT_EQ(scan_text("https://user:password@host/ http://u:${PW}@h"),
            "pii.url_userinfo=password suppressed");
  EXPECT_EQ(scan_text("http://host:8080/a@b ssh://git@host/x"), "");
}

TEST(Secrets, PasswordAssignments) {
  const auto only = [](const std::string& value) { return "secret.password_assign=" + value + " asserted"; };
  EXPECT_EQ(scan_text("password = \"hunter2!\""), only("hunter2!"));
  EXPECT_EQ(scan_text("DB_PASSWORD=s3cretPw9"), only("s3cretPw9"));
  EXPECT_EQ(scan_text("{\"dbPassword\": \"Tr0ub4dor\"}"), only("Tr0ub4dor"));
  EXPECT_EQ(scan_text("contraseña: Gat0Negro7"), only("Gat0Negro7"));
  EXPECT_EQ(scan_text("my password is Tr0ub4dor, ok?"), only("Tr0ub4dor"));
  EXPECT_EQ(scan_text("--password Tr0ub4dor"), only("Tr0ub4dor"));
  EXPECT_EQ(scan_text("Tr0ub4dor", Encoding::json_string, "password"), only("Tr0ub4dor"));
  EXPECT_EQ(
      scan_text(
          "password = os.environ['PW'] password: ${PW} password_hash=ab12cd password == x1 passenger=ab12"),
      "");
  EXPECT_EQ(scan_text("password = get_password() password: string passwordField: 'x12y'"), "");
  EXPECT_EQ(scan_text("password: changeme"), "");
  EXPECT_EQ(scan_text("password: 'changeme'"), "secret.password_assign=changeme suppressed");
}

}  // namespace
}  // namespace warden::classify
