// SPDX-License-Identifier: Apache-2.0
// However the bytes are cut, a parser comes to the same result, and it never takes a byte beyond the message.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/unit/http/message.h"

namespace warden::http {
namespace {

using Sizes = std::vector<size_t>;

// A message from fragments that are right and fragments that are not, so that both verdicts come often.
std::string arbitrary_message() {
  static const std::vector<std::string> kStarts = {"GET / HTTP/1.1\r\n", "POST /v1/x?y HTTP/1.1\r\n",
                                                   "PUT / HTTP/1.0\r\n", "GET / HTTP/1.1\n"};
  static const std::vector<std::string> kHeaders = {"Host: x\r\n",
                                                    "Content-Length: 12\r\n",
                                                    "Transfer-Encoding: chunked\r\n",
                                                    "A: b\r\n",
                                                    "A : b\r\n",
                                                    " folded\r\n",
                                                    "Connection: close\r\n",
                                                    "B:\r\n",
                                                    "C: d\re\r\n",
                                                    "Expect: 100-continue\r\n"};
  static const std::vector<std::string> kBodies = {
      "hello, world",      "5\r\nhello\r\n", "0\r\n\r\n", "a;x=y\r\n0123456789\r\n",
      "0\r\nT: v\r\n\r\n", "\r\n",           "\n",        "GET / HTTP/1.1\r\n"};
  std::string message = *rc::gen::elementOf(kStarts) + "Host: y\r\n";
  for (const size_t i : *rc::gen::container<Sizes>(rc::gen::inRange<size_t>(1, kHeaders.size())))
    message += kHeaders[i];
  message += "\r\n";
  for (const size_t i : *rc::gen::container<Sizes>(rc::gen::inRange<size_t>(0, kBodies.size())))
    message += kBodies[i];
  return message;
}

TEST(ParserProperty, TheCutDoesNotMatter) {
  EXPECT_TRUE(rc::check("same outcome for every cut", [] {
    const std::string message = arbitrary_message();
    const Sizes sizes = *rc::gen::nonEmpty(rc::gen::container<Sizes>(rc::gen::inRange<size_t>(1, 20)));
    RC_ASSERT(parse(Side::request, message, sizes) == parse(Side::request, message, {}));
    RC_ASSERT(parse(Side::request, message, {1}) == parse(Side::request, message, {}));
  }));
}

TEST(ParserProperty, AWholeMessageEndsWhereItEnds) {
  EXPECT_TRUE(rc::check("nothing beyond the message is taken", [] {
    const auto body = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    const auto next = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    const auto cuts = *rc::gen::container<Sizes>(rc::gen::inRange<size_t>(1, 9));
    const bool chunked = *rc::gen::arbitrary<bool>();
    std::string message = "POST / HTTP/1.1\r\nHost: x\r\n";
    if (chunked) {
      message += "Transfer-Encoding: chunked\r\n\r\n";
      std::string_view rest = body;
      for (const size_t cut : cuts) {
        const std::string_view chunk = rest.substr(0, cut);
        if (chunk.empty()) break;
        message += std::to_string(chunk.size()) + "\r\n" + std::string(chunk) + "\r\n";
        rest.remove_prefix(chunk.size());
      }
      message += "0\r\n\r\n";
      const Outcome out = parse(Side::request, message + next, cuts);
      RC_ASSERT(out.complete);
      RC_ASSERT(out.body == body.substr(0, body.size() - rest.size()));
      RC_ASSERT(out.taken == message.size());
    } else {
      message += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      const Outcome out = parse(Side::request, message + next, cuts);
      RC_ASSERT(out.complete);
      RC_ASSERT(out.body == body);
      RC_ASSERT(out.taken == message.size());
    }
  }));
}

}  // namespace
}  // namespace warden::http
