// SPDX-License-Identifier: Apache-2.0
// Two legs of HTTP/2 joined, seen from both ends: an application and a provider of the test's own.
#include "agent/pipeline/http2.h"

#include "../tls/pki.h"
#include "http2_peer.h"

namespace warden::pipeline {
namespace {

using audit::Field;
using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr uint16_t kInitialWindow = 4;

std::string prompt(const std::string& content = "tide") {
  return R"({"model":"m","messages":[{"role":"user","content":")" + content + R"("}]})";
}

class Http2Test : public testing::Test {
 protected:
  Http2Test() : worker_(tls::TestPki().root_pem()), acceptor_(worker_.io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    const uint16_t port = acceptor_.local_endpoint().port();
    worker_.supervisor.grant.original.port = port;
    worker_.catalogue = *provider::Catalogue::load({{"openai", std::string(kHost), port, false, "openai", {}, false, {}}});
    worker_.services->catalogue = worker_.catalogue;
    asio::co_spawn(worker_.io, accept(), asio::detached);
  }
  ~Http2Test() override {
    if (application_) application_->close();
    EXPECT_TRUE(worker_.run([&] { return worker_.supervisor.ended == connections_; })) << "a connection did not end";
  }

  Http2Peer& connect(std::vector<http::Http2Setting> settings = {}) {
    auto [accepted, application] = worker_.connect();
    asio::co_spawn(worker_.io, serve(*worker_.services, std::move(accepted)), asio::detached);
    ++connections_;
    application_ = std::make_unique<Http2Peer>(std::move(application), Http2Peer::Role::client, std::move(settings));
    return *application_;
  }
  bool until(std::function<bool()> there, std::chrono::milliseconds limit = 10s) { return worker_.run(there, limit); }
  size_t asked() const { return provider_ ? provider_->streams.size() : 0; }
  void answer(int32_t stream, std::string_view body, bool end = true) {
    provider_->session.head(stream, http::Http2Head::message, {{":status", "200"}, {"content-type", "application/json"}}, false);
    provider_->session.body(stream, body);
    if (end) provider_->session.end(stream);
    provider_->flush();
  }
  void answer_all() {
    ASSERT_TRUE(until([&] { return provider_ != nullptr; }));
    provider_->on_request = [this](int32_t stream) { answer(stream, "{}"); };
  }

  TestWorker worker_;
  std::unique_ptr<Http2Peer> application_, provider_;
  size_t connections_ = 0;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kTuple);
      if (error) co_return;
      provider_ = std::make_unique<Http2Peer>(std::move(socket), Http2Peer::Role::server);
    }
  }
  Tcp::acceptor acceptor_;
};

TEST_F(Http2Test, ARequestGoesOnlyOnceItsRecordIsDurable) {
  worker_.supervisor.hold = true;
  Http2Peer& application = connect();
  const int32_t first = application.ask(prompt("one")), second = application.ask(prompt("two"));
  ASSERT_TRUE(until([&] { return worker_.supervisor.decisions.size() == 2; }));
  EXPECT_FALSE(until([&] { return asked() > 0; }, 200ms)) << "a stream was forwarded before its record";
  answer_all();
  worker_.supervisor.hold = false;
  ASSERT_TRUE(until([&] { return application.streams[first].ended && application.streams[second].ended; }));
  EXPECT_EQ(application.streams[first].field(":status"), "200");
  EXPECT_EQ(asked(), 2u);
  ASSERT_TRUE(until([&] { return worker_.supervisor.outcomes.size() == 2; }));
  EXPECT_NE(text(worker_.supervisor.decisions[0], Field::req), text(worker_.supervisor.decisions[1], Field::req));
}

TEST_F(Http2Test, WhatCannotBeRecordedIsNotSentAndOthersGoOn) {
  worker_.supervisor.result = RecordResult::not_durable;
  Http2Peer& application = connect();
  const int32_t first = application.ask(prompt());
  ASSERT_TRUE(until([&] { return application.streams[first].ended; }));
  EXPECT_EQ(application.streams[first].field(":status"), "503");
  EXPECT_EQ(asked(), 0u);
  worker_.supervisor.result = RecordResult::durable;
  answer_all();
  const int32_t second = application.ask(prompt());
  ASSERT_TRUE(until([&] { return application.streams[second].ended; }));
  EXPECT_EQ(application.streams[second].field(":status"), "200");
}

TEST_F(Http2Test, FieldsGoOnInTheirOrderAndARedactedBodyHasItsLength) {
  Http2Peer& application = connect();
  answer_all();
  const std::string body = prompt("The SSN is 545-45-4321, please file it.");
  const int32_t id = application.ask(body, {{"content-length", std::to_string(body.size())}, {"x-last", "z", true}});
  ASSERT_TRUE(until([&] { return application.streams[id].ended; }));
  const Http2Peer::Seen& seen = provider_->streams.begin()->second;
  std::vector<std::string> names;
  for (const http::Field& field : seen.fields) names.push_back(field.name);
  EXPECT_THAT(names, testing::ElementsAre(":method", ":scheme", ":authority", ":path", "content-type", "content-length", "x-last"));
  EXPECT_TRUE(seen.fields.back().never_indexed);
  EXPECT_THAT(seen.body, testing::AllOf(HasSubstr("[PII:US_SSN#"), testing::Not(HasSubstr("545-45-4321"))));
  EXPECT_EQ(seen.field("content-length"), std::to_string(seen.body.size()));
}

TEST_F(Http2Test, TheProviderMaySendWhatTheApplicationGrantsAndNoMore) {
  Http2Peer& application = connect({{kInitialWindow, 1000}});
  application.grants = false;
  const int32_t id = application.ask(prompt());
  ASSERT_TRUE(until([&] { return asked() == 1 && provider_->streams.begin()->second.ended; }));
  answer(provider_->streams.begin()->first, std::string(5000, 'x'));
  ASSERT_TRUE(until([&] { return application.streams[id].body.size() == 1000; }));
  EXPECT_FALSE(until([&] { return provider_->session.queued_bytes() < 4000; }, 200ms)) << "it was granted more than the application grants";
  application.session.credit(id, 1500);
  application.flush();
  ASSERT_TRUE(until([&] { return application.streams[id].body.size() == 2500; }));
  application.session.credit(id, 10'000);
  application.flush();
  ASSERT_TRUE(until([&] { return application.streams[id].ended; }));
  EXPECT_EQ(application.streams[id].body.size(), 5000u);
}

TEST_F(Http2Test, OurOwnAnswersDoNotWidenTheProvidersWindow) {
  Http2Peer& application = connect();
  answer_all();
  for (int i = 0; i < 300; ++i) {
    const int32_t id = application.ask("not JSON");
    ASSERT_TRUE(until([&] { return application.streams[id].ended; }));
    ASSERT_EQ(application.streams[id].field(":status"), "400");
  }
  // The connection's window is what it was: 65,535 bytes, though the application granted more than that again.
  application.grants = false;
  provider_->on_request = nullptr;
  const int32_t id = application.ask(prompt(), {});
  application.session.credit(id, 1 << 20);
  application.flush();
  ASSERT_TRUE(until([&] { return asked() == 1 && provider_->streams.begin()->second.ended; }));
  answer(provider_->streams.begin()->first, std::string(200'000, 'x'));
  EXPECT_FALSE(until([&] { return provider_->session.queued_bytes() < 200'000 - 65'535; }, 300ms));
}

TEST_F(Http2Test, AnAnswersTrailersAndItsEndPass) {
  Http2Peer& application = connect();
  const int32_t id = application.ask(prompt());
  ASSERT_TRUE(until([&] { return asked() == 1 && provider_->streams.begin()->second.ended; }));
  const int32_t there = provider_->streams.begin()->first;
  answer(there, "abc", false);
  provider_->session.head(there, http::Http2Head::trailers, {{"grpc-status", "0"}}, true);
  provider_->flush();
  ASSERT_TRUE(until([&] { return application.streams[id].ended; }));
  EXPECT_EQ(application.streams[id].body, "abc");
  ASSERT_EQ(application.streams[id].trailers.size(), 1u);
  EXPECT_EQ(application.streams[id].trailers[0].name, "grpc-status");
}

TEST_F(Http2Test, AResetOfEitherSideReachesTheOther) {
  Http2Peer& application = connect();
  const int32_t first = application.ask(prompt());
  ASSERT_TRUE(until([&] { return asked() == 1 && provider_->streams.begin()->second.ended; }));
  provider_->session.reset(provider_->streams.begin()->first, http::refused_stream);
  provider_->flush();
  ASSERT_TRUE(until([&] { return application.streams[first].closed.has_value(); }));
  EXPECT_EQ(application.streams[first].closed, http::refused_stream);
  ASSERT_TRUE(until([&] { return worker_.supervisor.outcomes.size() == 1; }));
  EXPECT_EQ(text(worker_.supervisor.outcomes[0], Field::out_end), "provider_error");
  EXPECT_THAT(text(worker_.supervisor.outcomes[0], Field::out_error), HasSubstr("REFUSED_STREAM"));

  const int32_t second = application.ask(prompt());
  ASSERT_TRUE(until([&] { return asked() == 2 && provider_->streams.rbegin()->second.ended; }));
  application.session.reset(second, http::cancel);
  application.flush();
  ASSERT_TRUE(until([&] { return provider_->streams.rbegin()->second.closed.has_value(); }));
  EXPECT_EQ(provider_->streams.rbegin()->second.closed, http::cancel);
  ASSERT_TRUE(until([&] { return worker_.supervisor.outcomes.size() == 2; }));
  EXPECT_EQ(text(worker_.supervisor.outcomes[1], Field::out_end), "client_abort");
}

TEST_F(Http2Test, AProviderThatGoesIsToldByStatusBeforeAnAnswerAndByResetWithinOne) {
  Http2Peer& application = connect();
  const int32_t silent = application.ask(prompt()), begun = application.ask(prompt());
  ASSERT_TRUE(until([&] { return asked() == 2 && provider_->streams.rbegin()->second.ended; }));
  answer(provider_->streams.rbegin()->first, "half", false);
  ASSERT_TRUE(until([&] { return application.streams[begun].body == "half"; }));
  provider_->close();
  ASSERT_TRUE(until([&] { return application.streams[silent].ended && application.streams[begun].closed.has_value(); }));
  EXPECT_EQ(application.streams[silent].field(":status"), "502");
  EXPECT_FALSE(application.streams[begun].ended);
  EXPECT_NE(application.streams[begun].closed, http::no_error);
  EXPECT_TRUE(until([&] { return application.gone.has_value() && application.over; })) << "the application was not sent away";
}

TEST_F(Http2Test, AnApplicationThatGoesEndsTheProviderLegAndItsStreamsAreRecorded) {
  Http2Peer& application = connect();
  application.ask(prompt());
  ASSERT_TRUE(until([&] { return asked() == 1 && provider_->streams.begin()->second.ended; }));
  application.close();
  EXPECT_TRUE(until([&] { return provider_->over; }));
  ASSERT_TRUE(until([&] { return worker_.supervisor.outcomes.size() == 1; }));
  EXPECT_EQ(text(worker_.supervisor.outcomes[0], Field::out_end), "client_abort");
}

TEST_F(Http2Test, WithoutAProviderEveryStreamIsTold) {
  worker_.supervisor.grant.original = *Endpoint::parse("127.0.0.1", 1);
  worker_.catalogue = *provider::Catalogue::load({{"openai", std::string(kHost), 1, false, "openai", {}, false, {}}});
  worker_.services->catalogue = worker_.catalogue;
  Http2Peer& application = connect();
  const int32_t id = application.ask(prompt());
  ASSERT_TRUE(until([&] { return application.streams[id].ended; }));
  EXPECT_EQ(application.streams[id].field(":status"), "502");
}

TEST_F(Http2Test, ADrainLetsStreamsEndAndClosesTheIdle) {
  Http2Peer& application = connect();
  const int32_t id = application.ask(prompt());
  ASSERT_TRUE(until([&] { return asked() == 1 && provider_->streams.begin()->second.ended; }));
  EXPECT_TRUE(worker_.services->idle.empty());
  worker_.services->draining = true;
  answer(provider_->streams.begin()->first, "{}");
  ASSERT_TRUE(until([&] { return application.streams[id].ended; }));
  EXPECT_TRUE(until([&] { return application.gone == http::no_error && application.over; }));
  worker_.services->draining = false;
  connect();
  EXPECT_TRUE(until([&] { return worker_.services->idle.size() == 1; })) << "a drain would not find it";
}

TEST_F(Http2Test, ABodyOverTheCapIsRefusedBeforeItsEnd) {
  Http2Peer& application = connect();
  const int32_t id = application.ask(prompt(std::string(TestWorker::kBodyBytesMax + 1000, 'a')));
  ASSERT_TRUE(until([&] { return application.streams[id].ended; }));
  EXPECT_EQ(application.streams[id].field(":status"), "400");
  EXPECT_EQ(text(worker_.supervisor.decisions[0], Field::dec_reason), "unreadable:body_too_large");
  EXPECT_TRUE(until([&] { return worker_.bodies->used_bytes() == 0; })) << worker_.bodies->used_bytes();
  EXPECT_EQ(asked(), 0u);
}

}  // namespace
}  // namespace warden::pipeline
