// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/joints.h"

#include <gtest/gtest.h>

#include "audit/record/schema.h"

namespace warden::pipeline {
namespace {

http::Parser parsed(const std::string& message) {
  http::Parser parser(http::Side::request);
  std::string_view rest = message;
  while (!rest.empty() && !parser.complete()) {
    const auto taken = parser.feed(rest, [](std::string_view) {});
    EXPECT_TRUE(taken.has_value());
    if (!taken || *taken == 0) break;
    rest.remove_prefix(*taken);
  }
  return parser;
}

TEST(Joints, EditedHeadChangesTheLengthAndNothingElse) {
  const auto parser = parsed("POST /v1/x HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 3\r\nX-Y:  z \r\n\r\nabc");
  EXPECT_EQ(edited_head(parser.head(), 17), "POST /v1/x HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 17\r\nX-Y:  z \r\n\r\n");
}

TEST(Joints, EditedHeadReplacesChunkedFraming) {
  const auto parser = parsed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(edited_head(parser.head(), 5), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\n\r\n");
}

TEST(Joints, HostMustNameTheConnectionsOwnService) {
  // The parser refuses several of these before; this must not depend on it.
  const auto names = [](std::string_view target, std::vector<http::Header> headers) {
    http::Head head;
    head.target = target;
    head.headers = std::move(headers);
    return names_host(head, "api.openai.com", 443);
  };
  EXPECT_TRUE(names("/", {{"Host", "API.openai.com"}}));
  EXPECT_TRUE(names("/", {{"Host", "api.openai.com:443"}}));
  EXPECT_FALSE(names("/", {{"Host", "api.openai.com:8443"}}));
  EXPECT_FALSE(names("/", {{"Host", "other.example"}}));
  EXPECT_FALSE(names("/", {{"Host", "api.openai.com"}, {"Host", "other.example"}}));
  EXPECT_FALSE(names("http://other.example/", {{"Host", "api.openai.com"}}));
  EXPECT_FALSE(names("/", {{"X", "y"}}));
}

TEST(Joints, EditsLandWhereTheirSegmentsStand) {
  const std::string body = R"({"a":"one 123 two","b":"456"})";
  const std::string_view view = body;
  std::vector<classify::Segment> segments(2);
  segments[0].raw = view.substr(6, 11);
  segments[1].raw = view.substr(24, 3);
  std::vector<classify::Edit> edits(2);
  edits[0] = {1, 0, 3, "[B]", "pii", "x"};
  edits[1] = {0, 4, 7, "[A]", "pii", "x"};
  std::string edited;
  const auto into = [&edited](std::string_view bytes) {
    edited += bytes;
    return edited.size() < 40;
  };
  EXPECT_TRUE(apply_edits(body, segments, edits, into));
  EXPECT_EQ(edited, R"({"a":"one [A] two","b":"[B]"})");
  EXPECT_FALSE(apply_edits(body, segments, edits, into)) << "the sink was full";
}

TEST(Joints, TheCredentialIsNeverASegmentAndNeverStored) {
  const auto parser = parsed(
      "POST /v1/messages?beta=1 HTTP/1.1\r\nHost: a\r\nX-Api-Key: sk-ant-secret\r\nAuthorization: Bearer sk-secret\r\n"
      "X-Note: hello\r\nContent-Length: 0\r\n\r\n");
  provider::Service service;
  service.credential = "x-api-key";
  std::vector<classify::Segment> segments;
  to_segments({}, parser.head(), service, segments);
  bool note = false;
  for (const classify::Segment& segment : segments) {
    EXPECT_EQ(segment.raw.find("secret"), std::string_view::npos);
    EXPECT_FALSE(segment.editable);
    note = note || segment.raw == "hello";
  }
  EXPECT_TRUE(note);
  const Credential one = credential(parser.head(), service, HmacSha256("key"));
  EXPECT_EQ(one.kind, "api_key");
  EXPECT_EQ(one.fingerprint.size(), 16u);
  EXPECT_NE(one.fingerprint, credential(parser.head(), service, HmacSha256("other key")).fingerprint);
}

TEST(Joints, ACredentialInTheQueryIsNeverASegment) {
  const auto parser = parsed("POST /v1beta/models/m:x?alt=sse&key=AIzaSecret&note=hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  provider::Service service;
  service.credential = "x-goog-api-key";
  service.credential_query = "key";
  std::vector<classify::Segment> segments;
  to_segments({}, parser.head(), service, segments);
  bool note = false;
  for (const classify::Segment& segment : segments) {
    EXPECT_EQ(segment.raw.find("Secret"), std::string_view::npos);
    note = note || segment.raw.find("note=hello") != std::string_view::npos;
  }
  EXPECT_TRUE(note);
  EXPECT_EQ(credential(parser.head(), service, HmacSha256("key")).kind, "api_key");
}

TEST(Joints, ASignatureIsFingerprintedByItsKey) {
  const auto of = [](std::string_view key, std::string_view signature) {
    const auto parser = parsed("POST /model/m/converse HTTP/1.1\r\nHost: a\r\nX-Amz-Security-Token: secret\r\nAuthorization: AWS4-HMAC-SHA256 "
                               "Credential=" + std::string(key) + "/20261126/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=" +
                               std::string(signature) + "\r\nContent-Length: 0\r\n\r\n");
    provider::Service service;
    service.dialect = "bedrock";
    std::vector<classify::Segment> segments;
    to_segments({}, parser.head(), service, segments);
    for (const classify::Segment& segment : segments) EXPECT_EQ(segment.raw.find("secret"), std::string_view::npos);
    return credential(parser.head(), service, HmacSha256("key"));
  };
  EXPECT_EQ(of("AKIA1", "aa").kind, "sigv4");
  EXPECT_EQ(of("AKIA1", "aa").fingerprint, of("AKIA1", "bb").fingerprint);
  EXPECT_NE(of("AKIA1", "aa").fingerprint, of("AKIA2", "aa").fingerprint);
}

TEST(Joints, WhatIsUnresolvedStaysUnresolved) {
  attribution::Identity identity;
  identity.user = attribution::Known<std::string>::unresolved("no such uid");
  identity.exe = attribution::Known<std::string>::of("/usr/bin/curl");
  identity.ancestry = attribution::Known<std::vector<attribution::Ancestor>>::unresolved("gone");
  policy::Facts facts;
  identity_facts(identity, facts);
  EXPECT_TRUE(std::holds_alternative<policy::Unresolved>(facts.get("identity.user")));
  EXPECT_EQ(std::get<std::string>(facts.get("identity.exe")), "/usr/bin/curl");
  EXPECT_TRUE(std::holds_alternative<policy::Absent>(facts.get("identity.pod.namespace")));
  audit::Draft draft;
  identity_fields(identity, draft);
  EXPECT_EQ(draft.get(audit::Field::user_name), nullptr);
  const auto& unresolved = std::get<std::vector<std::string>>(*draft.get(audit::Field::proc_unresolved));
  EXPECT_EQ(unresolved, (std::vector<std::string>{"ancestry", "user"}));
}

}  // namespace
}  // namespace warden::pipeline
