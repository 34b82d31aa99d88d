// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/parser.h"

#include <gtest/gtest.h>

#include "tests/unit/http/message.h"

namespace warden::http {
namespace {

constexpr std::string_view kPost =
    "POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: 5\r\n"
    "X-Pad: \t two words \t\r\nExpect: 100-Continue\r\n\r\n";

const std::function<void(std::string_view)> kIgnore = [](std::string_view) {};

TEST(Parser, ReadsARequestAndStopsAfterItsHead) {
  Parser parser(Side::request);
  const std::string bytes = std::string(kPost) + "helloGET / HTTP/1.1\r\n";
  auto taken = parser.feed(bytes, kIgnore);
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, kPost.size());
  ASSERT_TRUE(parser.head_complete());
  EXPECT_FALSE(parser.complete());
  const Head& head = parser.head();
  EXPECT_EQ(head.raw, kPost);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/chat/completions?a=b");
  EXPECT_EQ(head.target_form, TargetForm::origin);
  EXPECT_EQ(head.header("x-pad"), "two words");
  EXPECT_EQ(head.header("none"), "");
  EXPECT_EQ(head.content_length, 5U);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_TRUE(head.keep_alive);

  std::string body;
  taken =
      parser.feed(std::string_view(bytes).substr(kPost.size()), [&](std::string_view span) { body += span; });
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, 5U) << "not a byte of the next request";
  EXPECT_EQ(body, "hello");
  EXPECT_TRUE(parser.complete());
}

TEST(Parser, HandsOutSpansOfTheGivenBytes) {
  Parser parser(Side::request);
  ASSERT_TRUE(parser.feed(kPost, kIgnore));
  const std::string bytes = "hello";
  ASSERT_TRUE(parser.feed(bytes, [&](std::string_view span) { EXPECT_EQ(span.data(), bytes.data()); }));
}

TEST(Parser, IsUsedAgainAfterReset) {
  Parser parser(Side::request);
  const std::string bytes = "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(parser.feed(bytes, kIgnore).value_or(0), bytes.size());
    EXPECT_TRUE(parser.complete());
    EXPECT_EQ(parser.head().headers.size(), 2U);
    EXPECT_FALSE(parser.head().keep_alive);
    EXPECT_EQ(parser.feed(bytes, kIgnore).value_or(9), 0U) << "a whole message takes nothing more";
    parser.reset();
    EXPECT_FALSE(parser.head_complete());
  }
}

TEST(Parser, ARequestMayHideNothingInItsFraming) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(parse(Side::request, head + "5;note=secret\r\nhello\r\n0\r\n\r\n", {}).error);
  EXPECT_TRUE(parse(Side::request, head + "5\r\nhello\r\n0\r\nX-Note: secret\r\n\r\n", {}).error);
  EXPECT_FALSE(parse(Side::request, head + "5\r\nhello\r\n0\r\n\r\n", {}).error);
}

TEST(Parser, ReadsChunksWithExtensionsAndTrailers) {
  const Outcome out = parse(Side::response,
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
                            "5;name=\"v\"\r\nhello\r\nA\r\n, dear you\r\n0\r\nX-Sum: 1\r\n\r\nREST",
                            {});
  EXPECT_FALSE(out.error);
  EXPECT_TRUE(out.complete);
  EXPECT_EQ(out.body, "hello, dear you");
}

TEST(Parser, AnAnswerWithoutLengthEndsWithTheConnection) {
  Parser parser(Side::response);
  ASSERT_TRUE(parser.feed("HTTP/1.1 200 OK\r\nX: y\r\n\r\n", kIgnore));
  EXPECT_FALSE(parser.head().keep_alive);
  ASSERT_EQ(parser.feed("some body", kIgnore).value_or(0), 9U);
  EXPECT_FALSE(parser.complete());
  EXPECT_TRUE(parser.finish());
  EXPECT_TRUE(parser.complete());
}

TEST(Parser, ACutMessageIsNotFinished) {
  Parser parser(Side::response);
  ASSERT_TRUE(parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", kIgnore));
  ASSERT_TRUE(parser.feed("part", kIgnore));
  EXPECT_FALSE(parser.finish());
}

TEST(Parser, KnowsAnswersWithoutBody) {
  for (const std::string_view start :
       {"HTTP/1.1 204 No Content", "HTTP/1.1 100 Continue", "HTTP/1.1 304 Not Modified"}) {
    const Outcome out = parse(Side::response, std::string(start) + "\r\nX: y\r\n\r\nHTTP/1.1", {});
    EXPECT_TRUE(out.complete) << start;
    EXPECT_EQ(out.body, "");
  }
  Parser head_answer(Side::response);
  head_answer.expect_no_body();
  ASSERT_TRUE(head_answer.feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", kIgnore));
  EXPECT_TRUE(head_answer.complete());
}

TEST(Parser, TellsVersionsUpgradesAndTargets) {
  const auto head_of = [](Parser& parser, std::string_view bytes) -> const Head& {
    parser.reset();
    EXPECT_TRUE(parser.feed(bytes, kIgnore)) << bytes;
    EXPECT_TRUE(parser.head_complete()) << bytes;
    return parser.head();
  };
  Parser request(Side::request);
  EXPECT_FALSE(head_of(request, "GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(head_of(request, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
  EXPECT_TRUE(
      head_of(request,
              "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\r\n")
          .upgrade);
  EXPECT_EQ(head_of(request, "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n").target_form, TargetForm::absolute);
  EXPECT_EQ(head_of(request, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target_form, TargetForm::asterisk);
  EXPECT_EQ(head_of(request, "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n").target_form, TargetForm::authority);
  EXPECT_TRUE(request.head().upgrade);
  Parser response(Side::response);
  EXPECT_TRUE(head_of(response,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                  .upgrade);
  EXPECT_EQ(head_of(response, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").status, 200);
}

TEST(Parser, LimitsTheHead) {
  const Limits limits{.head_bytes_max = 100, .headers_max = 3};
  const std::string start = "GET / HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(parse(Side::request, start + "A: " + std::string(100, 'a') + "\r\n\r\n", {}, false, limits).error,
            ParseError::head_too_large);
  EXPECT_EQ(parse(Side::request, start + "A: 1\r\nB: 1\r\nC: 1\r\n\r\n", {}, false, limits).error,
            ParseError::too_many_headers);
  EXPECT_TRUE(parse(Side::request, start + "A: 1\r\nB: 1\r\n\r\n", {}, false, limits).complete);
}

TEST(Parser, AnErrorStays) {
  Parser parser(Side::request);
  EXPECT_FALSE(parser.feed("GET / HTTP/1.1\n", kIgnore));
  EXPECT_FALSE(parser.feed("GET / HTTP/1.1\r\nHost: x\r\n\r\n", kIgnore));
  parser.reset();
  EXPECT_TRUE(parser.feed("GET / HTTP/1.1\r\nHost: x\r\n\r\n", kIgnore));
}

}  // namespace
}  // namespace warden::http
