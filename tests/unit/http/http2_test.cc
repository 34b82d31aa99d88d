// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/http2_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http2_wire.h"
#include "tlsproxy/http/http2_head.h"

namespace warden::http {
namespace {

using Role = Http2Session::Role;
using testing::HasSubstr;

std::string opening() { return std::string(kPreface) + frame(f_settings, 0, 0); }
std::string request(uint32_t stream, const Fields& fields = kPost, uint8_t flags = kEndHeaders | kEndStream) {
  return frame(f_headers, flags, stream, block(fields));
}
Fields with(const Fields& more) {
  Fields all = kPost;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(Http2Session, AMessageEachWay) {
  Http2End client(Role::client), server(Role::server);
  const std::string body(100'000, 'q');
  const int32_t id = client.session.request(with({{"x-key", "k", true}}), std::nullopt, true);
  client.session.borrow(id, body);
  exchange(client, server);
  ASSERT_EQ(server.log.streams.size(), 1u);
  EXPECT_EQ(server.log.streams[id].fields, with({{"x-key", "k", true}})) << "in their order, and marked";
  EXPECT_EQ(server.log.streams[id].body, body);
  EXPECT_TRUE(server.log.streams[id].ended);

  server.session.head(id, Http2Head::interim, {{":status", "103"}}, false);
  server.session.head(id, Http2Head::message, {{":status", "200"}}, false);
  server.session.body(id, "one");
  exchange(client, server);
  EXPECT_EQ(client.log.streams[id].body, "one") << "at once";
  server.session.body(id, "two");
  server.session.head(id, Http2Head::trailers, {{"grpc-status", "0"}}, true);
  exchange(client, server);
  EXPECT_EQ(client.log.streams[id].body, "onetwo");
  EXPECT_EQ(client.log.streams[id].trailers, (Fields{{"grpc-status", "0"}}));
  EXPECT_TRUE(client.log.streams[id].ended);
  EXPECT_EQ(client.log.streams[id].closed, no_error);
  EXPECT_EQ(server.session.queued_bytes(), 0u);
}

TEST(Http2Session, AClientGrantsOnlyWhatItIsTold) {
  Http2End client(Role::client), server(Role::server);
  const int32_t id = client.session.request(kPost, std::nullopt, false);
  exchange(client, server);
  server.session.head(id, Http2Head::message, {{":status", "200"}}, false);
  server.session.body(id, std::string(200'000, 'a'));
  server.session.end(id);
  exchange(client, server);
  EXPECT_EQ(client.log.streams[id].body.size(), 65'535u);
  client.session.credit(id, 100'000);
  exchange(client, server);
  EXPECT_EQ(client.log.streams[id].body.size(), 65'535u) << "the connection's window is another";
  client.session.credit(0, 50'000);
  exchange(client, server);
  EXPECT_EQ(client.log.streams[id].body.size(), 115'535u);
  EXPECT_EQ(server.session.queued_bytes(), 200'000u - 115'535u);
  client.session.reset(id, cancel);
  exchange(client, server);
  EXPECT_EQ(server.session.queued_bytes(), 0u);
}

TEST(Http2Session, ACutStandsBehindWhatIsQueued) {
  Http2End client(Role::client), server(Role::server);
  const int32_t id = client.session.request(kPost, std::nullopt, false);
  exchange(client, server);
  server.session.head(id, Http2Head::message, {{":status", "200"}}, false);
  server.session.body(id, "the last words");
  server.session.cut(id, internal_error);
  exchange(client, server);
  EXPECT_EQ(client.log.streams[id].body, "the last words");
  EXPECT_FALSE(client.log.streams[id].ended);
  EXPECT_EQ(client.log.streams[id].closed, internal_error);
}

TEST(Http2Session, AnAnswerBeforeTheRequestsEndStopsIt) {
  Http2End client(Role::client), server(Role::server);
  const int32_t id = client.session.request(kPost, std::nullopt, true);
  exchange(client, server);
  server.session.head(id, Http2Head::message, {{":status", "400"}}, true);
  exchange(client, server);
  EXPECT_TRUE(client.log.streams[id].ended);
  EXPECT_EQ(client.log.streams[id].closed, no_error);
}

TEST(Http2Session, ARequestThatAGoawayOvertookIsRefused) {
  Http2End client(Role::client), server(Role::server);
  exchange(client, server);
  const int32_t id = client.session.request(kPost, std::nullopt, false);
  server.session.goaway(no_error);
  (void)client.session.feed(server.sent());
  exchange(client, server);
  EXPECT_EQ(client.log.goaway, no_error);
  EXPECT_EQ(client.log.streams[id].closed, refused_stream);
  EXPECT_FALSE(client.session.takes_requests());
}

// A stream of its own is known to be malformed and its neighbours go on, or the connection ends.
struct Bad {
  const char* name;
  std::string bytes;  // after the opening
  bool connection;
};
class Http2Malformed : public testing::TestWithParam<Bad> {};

TEST_P(Http2Malformed, IsNoMessage) {
  Http2End server(Role::server);
  const bool sound = server.session.feed(opening() + GetParam().bytes);
  (void)server.sent();
  if (GetParam().connection) {
    EXPECT_TRUE(!sound || server.session.failed_with() != no_error);
    EXPECT_NE(server.session.failed_with(), no_error);
  } else {
    EXPECT_EQ(server.session.failed_with(), no_error);
    const Http2Log::Stream& stream = server.log.streams[1];
    EXPECT_TRUE(stream.malformed);
    (void)server.session.feed(request(3));
    EXPECT_TRUE(server.log.streams[3].ended) << "the next stream goes on";
  }
}

std::string repeated(const std::string& bytes, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += bytes;
  return out;
}

std::string resets() {
  std::string out;
  for (uint32_t stream = 1; stream < 5000; stream += 2) out += request(stream) + frame(f_reset, 0, stream, number(cancel));
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    All, Http2Malformed,
    testing::Values(
        Bad{"UpperCase", request(1, with({{"X-A", "b"}})), false}, Bad{"Connection", request(1, with({{"connection", "close"}})), false},
        Bad{"TransferEncoding", request(1, with({{"transfer-encoding", "chunked"}})), false}, Bad{"TeGzip", request(1, with({{"te", "gzip"}})), false},
        Bad{"NoPath", request(1, {kPost[0], kPost[1], kPost[2]}), false}, Bad{"PseudoLate", request(1, with({{"a", "b"}, {":path", "/"}})), false},
        Bad{"PseudoTwice", request(1, with({{":path", "/"}})), false}, Bad{"PseudoUnknown", request(1, with({{":x", "y"}})), false},
        Bad{"ProtocolUnasked", request(1, with({{":protocol", "websocket"}})), false}, Bad{"LineEnd", request(1, with({{"a", "b\r\nc: d"}})), false},
        Bad{"Nul", request(1, with({{"a", std::string("b\0c", 3)}})), false}, Bad{"EmptyName", request(1, with({{"", "b"}})), false},
        Bad{"LengthTwice", request(1, with({{"content-length", "1"}, {"content-length", "1"}})), false},
        Bad{"LengthShort", request(1, with({{"content-length", "5"}}), kEndHeaders) + frame(f_data, kEndStream, 1, "ab"), false},
        Bad{"LengthLong", request(1, with({{"content-length", "1"}}), kEndHeaders) + frame(f_data, kEndStream, 1, "ab"), false},
        Bad{"TooManyFields", request(1, with(Fields(300, {"a", "b"}))), false},
        Bad{"HeadTooLarge", request(1, with({{"a", std::string(15'000, 'b')}}), 0) + repeated(frame(f_continuation, 0, 1, literal("a", std::string(15'000, 'b'))), 5) + frame(f_continuation, kEndHeaders, 1), false},
        Bad{"ContinuationFlood", request(1, kPost, 0) + repeated(frame(f_continuation, 0, 1, literal("a", "b")), 100), true},
        Bad{"EmptyContinuationFlood", request(1, kPost, 0) + repeated(frame(f_continuation, 0, 1), 5000), true},
        Bad{"PingFlood", repeated(frame(f_ping, 0, 0, "12345678"), 5000), true}, Bad{"SettingsFlood", repeated(frame(f_settings, 0, 0), 5000), true},
        Bad{"EmptyDataFlood", request(1, kPost, kEndHeaders) + repeated(frame(f_data, 0, 1), 5000), true},
        Bad{"PriorityFlood", repeated(frame(f_priority, 0, 1, std::string("\0\0\0\0\1", 5)), 5000), true},
        Bad{"RapidReset", resets(), true},
        Bad{"DataOnStreamZero", frame(f_data, 0, 0, "a"), true}, Bad{"EvenStream", request(2), true},
        Bad{"Interleaved", request(1, kPost, 0) + frame(f_ping, 0, 0, "12345678"), true}, Bad{"PushFromClient", frame(static_cast<FrameType>(5), kEndHeaders, 1, number(2)), true},
        Bad{"WindowZero", frame(f_window, 0, 0, number(0)), true}, Bad{"WindowOverflow", repeated(frame(f_window, 0, 0, number(0x7fffffff)), 2), true},
        Bad{"BrokenCompression", frame(f_headers, kEndHeaders, 1, std::string(10, '\xff')), true}, Bad{"FrameTooLarge", frame(f_data, 0, 1, std::string(20'000, 'a')), true}),
    [](const testing::TestParamInfo<Bad>& bad) { return bad.param.name; });

TEST(Http2Session, IdleFramesAreForgivenWithTime) {
  Http2End server(Role::server, {.idle_frames_burst = 10, .idle_frames_per_s = 1'000'000});
  ASSERT_TRUE(server.session.feed(opening()));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(server.session.feed(frame(f_ping, 0, 0, "12345678"))) << i;
    (void)server.sent();
  }
}

TEST(Http2Session, AnHpackBombIsReadWithoutBeingKept) {
  Http2End server(Role::server);
  // One large field in the table, then named by single bytes some ten thousand times: 60 MB if it were kept.
  std::string bomb = block(kPost) + "\x40\x01" "x" "\x7f\xc1\x1d" + std::string(3904, 'b');
  std::string bytes = opening() + frame(f_headers, kEndStream, 1, bomb);
  bytes += frame(f_continuation, kEndHeaders, 1, std::string(16'000, '\xbe'));
  EXPECT_TRUE(server.session.feed(bytes));
  EXPECT_TRUE(server.log.streams[1].malformed);
  EXPECT_TRUE(server.log.streams[1].fields.empty());
  EXPECT_TRUE(server.session.feed(request(3)));
  EXPECT_TRUE(server.log.streams[3].ended);
}

RC_GTEST_PROP(Http2Session, HowBytesAreCutDoesNotMatter, ()) {
  const auto sizes = *rc::gen::nonEmpty(rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(1, 40)));
  const std::string bytes = opening() + request(1, with({{"content-length", "3"}}), kEndHeaders) + request(3) + frame(f_data, kEndStream, 1, "abc") + request(5, with({{"te", "x"}}));
  Http2End whole(Role::server), cut(Role::server);
  RC_ASSERT(whole.session.feed(bytes));
  for (size_t at = 0, i = 0; at < bytes.size(); at += sizes[i++ % sizes.size()])
    RC_ASSERT(cut.session.feed(std::string_view(bytes).substr(at, sizes[i % sizes.size()])));
  RC_ASSERT(cut.log.streams == whole.log.streams);
  RC_ASSERT(cut.sent() == whole.sent());
}

TEST(Http2Head, IsReadAsStrictlyAsOneOfHttp1) {
  Head head;
  const Fields usual = with({{"content-length", "12"}, {"expect", "100-continue"}, {"host", "llm.test"}});
  ASSERT_TRUE(read_http2_request(usual, "https", head));
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/v1/x");
  EXPECT_EQ(head.header("host"), "llm.test");
  EXPECT_EQ(head.headers.size(), 3u) << "a Host that says the same is no second one";
  EXPECT_EQ(head.content_length, 12u);
  EXPECT_TRUE(head.expects_continue);
  const auto refused = [](const Fields& fields, std::string_view scheme = "https") {
    Head ignored;
    return !read_http2_request(fields, scheme, ignored);
  };
  EXPECT_TRUE(refused(kPost, "http"));
  for (const char* path : {"", "x", "*", "/a b", "/a#b", "/\xc3\xa4"}) EXPECT_TRUE(refused({kPost[0], kPost[1], kPost[2], {":path", path}})) << path;
  for (const char* length : {"", "-1", "+1", "1, 1", "0x1", "9999999999999999999"}) EXPECT_TRUE(refused(with({{"content-length", length}}))) << length;
  Head two;
  const Fields doubled = with({{"host", "other.test"}});
  ASSERT_TRUE(read_http2_request(doubled, "https", two));
  EXPECT_EQ(std::ranges::count(two.headers, std::string_view("host"), &Header::name), 2);
}

TEST(Http2Head, AnotherLengthStandsWhereTheFirstStood) {
  const Fields edited = with_length({{"a", "b"}, {"content-length", "7"}, {"c", "d"}}, 123);
  EXPECT_EQ(edited, (Fields{{"a", "b"}, {"content-length", "123"}, {"c", "d"}}));
  EXPECT_EQ(with_length({{"a", "b"}}, 123), (Fields{{"a", "b"}})) << "HTTP/2 needs none";
}

}  // namespace
}  // namespace warden::http
