// SPDX-License-Identifier: Apache-2.0
// What bodies may hold, seen from an application: whole exchanges against a provider of the test's own.
#include "agent/pipeline/exchange.h"

#include "../tls/pki.h"
#include "spool_support.h"
#include "test_worker.h"

namespace warden::pipeline {
namespace {

using audit::Field;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr size_t kMiB = 1 << 20;

std::string prompt(size_t bytes, const std::string& words = "tide ") {
  std::string content;
  while (content.size() < bytes) content += words;
  return R"({"model":"m","messages":[{"role":"user","content":")" + content + R"("}]})";
}

struct Form {
  http::Coding coding = http::Coding::identity;
  bool chunked = false;
};

std::string request(uint16_t port, const std::string& body, Form form = {}) {
  const std::string coded = http::encode(form.coding, body);
  std::string text = "POST /v1/chat/completions HTTP/1.1\r\nHost: llm.test:" + std::to_string(port) +
                     "\r\nConnection: close\r\nContent-Type: application/json\r\n";
  if (form.coding == http::Coding::gzip) text += "Content-Encoding: gzip\r\n";
  if (!form.chunked) return text + "Content-Length: " + std::to_string(coded.size()) + "\r\n\r\n" + coded;
  text += "Transfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < coded.size(); at += 50'000) {
    const std::string piece = coded.substr(at, 50'000);
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    text += size + piece + "\r\n";
  }
  return text + "0\r\n\r\n";
}

class ExchangeTest : public testing::Test {
 protected:
  void open(Bodies::Limits limits, size_t files = 0) {
    worker_ = std::make_unique<TestWorker>(tls::TestPki().root_pem(), limits, unnamed_files(files));
  }
  std::string ask(const std::string& body, Form form = {}) {
    return worker_->answered(request(worker_->provider.port(), body, form));
  }
  // The last decision and its outcome say: ours is the fault, nothing was sent.
  void expect_refused(const std::string& answer, const std::string& reason) {
    EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("\"error\""), HasSubstr("not_evaluated"), HasSubstr(reason)));
    ASSERT_FALSE(worker_->supervisor.decisions.empty());
    const audit::Draft& decision = worker_->supervisor.decisions.back();
    EXPECT_EQ(text(decision, Field::dec_verdict), "not_evaluated");
    EXPECT_EQ(text(decision, Field::dec_action), "block");
    EXPECT_EQ(text(decision, Field::dec_reason), "unreadable:" + reason);
    EXPECT_EQ(decision.get(Field::io_req_hash), nullptr) << "of a body that is not whole there is no hash";
    EXPECT_EQ(text(worker_->supervisor.outcomes.back(), Field::out_end), "blocked");
    EXPECT_EQ(number(worker_->supervisor.outcomes.back(), Field::out_status), 503);
    EXPECT_TRUE(worker_->provider.bodies.empty());
    uint64_t counted = 0;
    for (const auto& [name, n] : worker_->tally.take())
      if (name == "not_evaluated_total|unreadable:" + reason) counted = n;
    EXPECT_EQ(counted, 1u);
  }
  void expect_nothing_held() {
    EXPECT_TRUE(worker_->run([&] { return worker_->bodies->used_bytes() == 0; })) << worker_->bodies->used_bytes();
  }

  std::unique_ptr<TestWorker> worker_;
};

TEST_F(ExchangeTest, ABodyThatFitsPassesAndIsGivenBack) {
  open({.bytes_max = 16 * kMiB});
  for (const Form form : {Form{}, Form{.chunked = true}, Form{.coding = http::Coding::gzip}, Form{http::Coding::gzip, true}}) {
    EXPECT_THAT(ask(prompt(kMiB), form), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(worker_->provider.bodies.back(), http::encode(form.coding, prompt(kMiB)));
    expect_nothing_held();
  }
}

TEST_F(ExchangeTest, OneBodyOverTheBudgetIsOurFault) {
  for (const Form form : {Form{}, Form{.chunked = true}, Form{.coding = http::Coding::gzip}, Form{http::Coding::gzip, true}}) {
    open({.bytes_max = kMiB});
    expect_refused(ask(prompt(2 * kMiB), form), "body_budget");
    expect_nothing_held();
  }
}

TEST_F(ExchangeTest, TogetherTheyAreBoundAndOtherConnectionsGoOn) {
  open({.bytes_max = 4 * kMiB});
  const uint16_t port = worker_->provider.port();
  // One that never comes to its end holds most of the budget.
  std::string slow = request(port, prompt(3 * kMiB));
  slow.resize(slow.size() - 10);
  const auto held = worker_->call(slow);
  ASSERT_TRUE(worker_->run([&] { return worker_->bodies->used_bytes() > 3 * kMiB; }));

  expect_refused(ask(prompt(2 * kMiB)), "body_budget");
  EXPECT_THAT(ask(prompt(2000)), StartsWith("HTTP/1.1 200 ")) << "a small one goes on";
  EXPECT_FALSE(held->over) << "and so does the large one that was first";
  held->socket.close();
  EXPECT_TRUE(worker_->run([&] { return worker_->bodies->used_bytes() < kMiB; }));
  EXPECT_THAT(ask(prompt(2 * kMiB)), StartsWith("HTTP/1.1 200 "));
}

TEST_F(ExchangeTest, ABodyIsHeldUntilItIsSentAndNotUntilTheAnswerEnds) {
  open({.bytes_max = 8 * kMiB});
  worker_->provider.hold = true;
  const auto streaming = worker_->call(request(worker_->provider.port(), prompt(3 * kMiB)));
  ASSERT_TRUE(worker_->run([&] { return worker_->provider.bodies.size() == 1; }));
  EXPECT_TRUE(worker_->run([&] { return worker_->bodies->used_bytes() == 0; }));
  EXPECT_FALSE(streaming->over);
  worker_->provider.hold = false;
  EXPECT_TRUE(worker_->run([&] { return streaming->over; }));
  EXPECT_THAT(streaming->answer, StartsWith("HTTP/1.1 200 "));
}

// Each number becomes a longer token: the body can be held, and its edited form beside it cannot.
TEST_F(ExchangeTest, WhatCannotBeEditedForWantOfRoomDoesNotGoUnedited) {
  const std::string ids = "my social security number (SSN) is 536-22-1234, tide tide tide ";
  open({.bytes_max = 3 * kMiB});
  const std::string body = prompt(kMiB + kMiB / 2, ids);
  const std::string answer = ask(body);
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 503 "), HasSubstr("body_budget")));
  EXPECT_TRUE(worker_->provider.bodies.empty());
  expect_nothing_held();

  open({.bytes_max = 16 * kMiB});
  for (const Form form : {Form{}, Form{.coding = http::Coding::gzip}}) {
    EXPECT_THAT(ask(body, form), StartsWith("HTTP/1.1 200 "));
    std::string sent = worker_->provider.bodies.back();
    if (form.coding == http::Coding::gzip) {
      std::string plain;
      ASSERT_TRUE(http::Decoder::make(form.coding, 16 * kMiB)->decode(sent, plain));
      sent = plain;
    }
    EXPECT_THAT(sent, AllOf(HasSubstr("[PII:US_SSN#"), testing::Not(HasSubstr("536-22-1234"))));
    expect_nothing_held();
  }
}

TEST_F(ExchangeTest, ALargeBodyWaitsOnDiskInEveryForm) {
  open({.bytes_max = 16 * kMiB, .spool_over_bytes = 64 * 1024}, 4);
  const std::string body = prompt(kMiB, "my social security number (SSN) is 536-22-1234, tide ");
  std::string kept = request(worker_->provider.port(), body);
  kept.resize(kept.size() - 10);
  const auto held = worker_->call(kept);
  ASSERT_TRUE(worker_->run([&] { return worker_->bodies->used_bytes() > kMiB; }));
  EXPECT_EQ(worker_->bodies->files_free(), 3u);
  held->socket.close();
  expect_nothing_held();
  for (const Form form : {Form{}, Form{.chunked = true}, Form{http::Coding::gzip, true}}) {
    EXPECT_THAT(ask(body, form), StartsWith("HTTP/1.1 200 "));
    expect_nothing_held();
    EXPECT_EQ(worker_->bodies->files_free(), 4u);
  }
}

TEST_F(ExchangeTest, WithoutAFreeFileTheAnswerIsTheSame) {
  open({.bytes_max = 16 * kMiB, .spool_over_bytes = 64 * 1024}, 0);
  expect_refused(ask(prompt(kMiB)), "body_spool");
  expect_nothing_held();
  EXPECT_THAT(ask(prompt(20'000)), StartsWith("HTTP/1.1 200 "));
}

// Of little more than a megabyte, which would cost fifty times as much: the request's own fault, so 400.
TEST_F(ExchangeTest, ABodyOfTooManyValuesIsNotEvaluated) {
  open({.bytes_max = 16 * kMiB});
  std::string body = R"({"model":"m","messages":[],"input":[0)";
  for (size_t i = 0; i < (1 << 19); ++i) body += ",0";
  const std::string answer = ask(body + "]}");
  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 400 "), HasSubstr("not_evaluated"), HasSubstr("unreadable:too_many_values")));
  EXPECT_EQ(text(worker_->supervisor.decisions.back(), Field::dec_reason), "unreadable:too_many_values");
  EXPECT_TRUE(worker_->provider.bodies.empty());
}

}  // namespace
}  // namespace warden::pipeline
