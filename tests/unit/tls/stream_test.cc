// SPDX-License-Identifier: Apache-2.0
// Both legs against each other over loopback: handshakes, resumption, transfer, cancellation.
#include "tlsproxy/tls/stream.h"

#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "loopback.h"
#include "tlsproxy/tls/authority.h"
#include "tlsproxy/tls/context.h"
#include "tlsproxy/tls/context_state.h"

namespace warden::tls {
namespace {

constexpr const char* kHost = "api.openai.com";

class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    authority_ = std::move(*Authority::open(folder_, {kHost}));
    EXPECT_TRUE(client_leg_.put_leaf(kHost, *authority_->mint(kHost)).has_value());
    provider_leg_ = std::move(*ProviderContext::make(authority_->roots_pem()));
  }
  ~StreamTest() override { std::filesystem::remove_all(folder_); }

  std::pair<Stream, Stream> connected(const std::vector<std::string>& alpn = {}, std::string_view chosen = {}) {
    auto [near, far] = net_.pair();
    auto [dialled, accepted] =
        net_.run(near.connect_tls(*provider_leg_, kHost, alpn), far.accept_tls(client_leg_, {}, kHost, chosen));
    EXPECT_TRUE(dialled.has_value()) << dialled.error().detail;
    EXPECT_TRUE(accepted.has_value()) << accepted.error().detail;
    return {std::move(near), std::move(far)};
  }
  void limit_to_tls12() {
    SSL_CTX_set_max_proto_version(provider_leg_->state->context.get(), TLS1_2_VERSION);
  }

  std::string folder_ = testing::TempDir() + "stream-" + hex(random_bytes(6));
  Loopback net_;
  std::unique_ptr<Authority> authority_;
  ClientContext client_leg_;
  std::unique_ptr<ProviderContext> provider_leg_;
};

Async<void> echo(Stream& stream, size_t buffer_bytes) {
  std::string buffer(buffer_bytes, '\0');
  for (;;) {
    const auto count = co_await stream.read_some(buffer);
    if (!count) co_return std::unexpected(count.error());
    if (*count == 0) co_return co_await stream.shutdown();
    const auto written = co_await stream.write(std::string_view(buffer).substr(0, *count));
    if (!written) co_return written;
  }
}

Async<void> send_all(Stream& stream, std::string_view bytes, size_t piece) {
  while (!bytes.empty()) {
    const auto head = bytes.substr(0, std::min<size_t>(piece / 3, bytes.size()));
    const auto body = bytes.substr(head.size(), piece - head.size());
    const auto written = co_await stream.write(head, body);
    if (!written) co_return written;
    bytes.remove_prefix(head.size() + body.size());
  }
  co_return co_await stream.shutdown();
}

Async<std::string> receive_all(Stream& stream, size_t buffer_bytes) {
  std::string all;
  std::string buffer(buffer_bytes, '\0');
  for (;;) {
    const auto count = co_await stream.read_some(buffer);
    if (!count) co_return std::unexpected(count.error());
    if (*count == 0) co_return all;
    all.append(buffer, 0, *count);
  }
}

TEST_F(StreamTest, HandshakesInBothVersions) {
  {
    auto [near, far] = connected();
    EXPECT_EQ(near.version(), "TLSv1.3");
    EXPECT_EQ(far.version(), "TLSv1.3");
  }
  limit_to_tls12();
  auto [near, far] = connected();
  EXPECT_EQ(near.version(), "TLSv1.2");
  EXPECT_TRUE(far.is_tls());
}

TEST_F(StreamTest, AlpnIsChosenFromWhatBothHave) {
  EXPECT_EQ(connected({"http/1.1"}, "http/1.1").second.alpn(), "http/1.1");
  EXPECT_EQ(connected({"http/1.1", "h2"}, "h2").first.alpn(), "h2");
  EXPECT_EQ(connected({"http/1.1", "h2"}, "").first.alpn(), "");
  EXPECT_EQ(connected({}, "h2").first.alpn(), "");
  EXPECT_EQ(connected({"spdy/9"}, "h2").first.alpn(), "");
}

Async<void> greet(Stream& stream) {
  const auto sent = co_await stream.write("hello");
  if (!sent) co_return sent;
  co_return co_await stream.shutdown();
}

TEST_F(StreamTest, SessionsAreResumedOnBothLegs) {
  for (const bool old : {false, true}) {
    if (old) limit_to_tls12();
    provider_leg_->state->sessions.clear();
    int resumed = 0;
    for (int i = 0; i < 6; ++i) {
      auto [near, far] = connected();
      EXPECT_EQ(near.resumed(), far.resumed());
      resumed += near.resumed() ? 1 : 0;
      // TLS 1.3 sends tickets after the handshake, so they arrive with the first read.
      auto [sent, got] = net_.run(greet(far), receive_all(near, 100));
      EXPECT_EQ(*got, "hello");
    }
    EXPECT_EQ(resumed, 5) << (old ? "TLS 1.2" : "TLS 1.3");
  }
}

TEST_F(StreamTest, SeenBytesAreReadFirst) {
  auto [near, far] = net_.pair();
  const auto take_hello = [&, &there = far]() -> Async<void> {
    std::string seen(4096, '\0');
    const auto count = co_await there.read_some(std::span(seen.data(), 7));
    if (!count) co_return std::unexpected(count.error());
    seen.resize(*count);
    co_return co_await there.accept_tls(client_leg_, seen, kHost);
  };
  auto [dialled, accepted] = net_.run(near.connect_tls(*provider_leg_, kHost, {}), take_hello());
  EXPECT_TRUE(dialled.has_value());
  EXPECT_TRUE(accepted.has_value()) << accepted.error().detail;
}

void echo_sixteen_megabytes(Loopback& net, Stream& near, Stream& far, size_t buffer_bytes, size_t piece,
                            size_t size) {
  const std::string sent = random_bytes(size);
  auto [echoed, written, got] =
      net.run(echo(far, buffer_bytes), send_all(near, sent, piece), receive_all(near, buffer_bytes));
  ASSERT_TRUE(echoed.has_value()) << echoed.error().detail;
  ASSERT_TRUE(written.has_value()) << written.error().detail;
  ASSERT_TRUE(got.has_value()) << got.error().detail;
  EXPECT_TRUE(*got == sent) << got->size();
}

TEST_F(StreamTest, EchoesOverTls) {
  for (const auto& [buffer, piece, size] : {std::tuple{16384, 65536, 16 << 20},
                                            {1 << 20, 3 << 20, 16 << 20},
                                            {7, 50, 100'000},
                                            {70'000, 13, 200'000}}) {
    auto [near, far] = connected();
    echo_sixteen_megabytes(net_, near, far, buffer, piece, size);
  }
}

TEST_F(StreamTest, EchoesInTheClear) {
  for (const auto& [buffer, piece] : {std::pair{16384, 65536}, {1 << 20, 3 << 20}}) {
    auto [near, far] = net_.pair();
    EXPECT_FALSE(near.is_tls());
    echo_sixteen_megabytes(net_, near, far, buffer, piece, 16 << 20);
  }
}

TEST_F(StreamTest, SmallWritesShareARecord) {
  auto [near, far] = connected();
  auto [sent] = net_.run(near.write("head", "body"));
  ASSERT_TRUE(sent.has_value());
  std::string buffer(100, '\0');
  auto [count] = net_.run(far.read_some(buffer));
  EXPECT_EQ(buffer.substr(0, *count), "headbody");
}

TEST_F(StreamTest, HasBufferedTellsOfDecryptedBytes) {
  auto [near, far] = connected();
  EXPECT_FALSE(far.has_buffered());
  auto [sent] = net_.run(near.write("12345678"));
  char two[2];
  auto [count] = net_.run(far.read_some(two));
  EXPECT_EQ(*count, 2U);
  EXPECT_TRUE(far.has_buffered());
  char rest[10];
  auto [more] = net_.run(far.read_some(rest));
  EXPECT_EQ(*more, 6U);
  EXPECT_FALSE(far.has_buffered());
}

TEST_F(StreamTest, ManyWrittenRecordsAreBufferedTogether) {
  auto [near, far] = connected();
  auto [one] = net_.run(near.write("first"));
  auto [two] = net_.run(near.write("second"));
  char buffer[100];
  auto [count] = net_.run(far.read_some(buffer));
  EXPECT_EQ(*count, 5U);
  EXPECT_TRUE(far.has_buffered());  // read ahead with the first record
  auto [ready] = net_.run(far.wait_readable());
  EXPECT_TRUE(ready.has_value());
}

Async<void> close_soon(Stream& stream) {
  co_await boost::asio::post(stream.socket().get_executor(), boost::asio::use_awaitable);
  stream.close();
  co_return Result<void, StreamError>{};
}

TEST_F(StreamTest, CloseEndsWhatIsPending) {
  char buffer[10];
  {
    auto [near, far] = connected();
    auto [count, closed] = net_.run(near.read_some(buffer), close_soon(near));
    ASSERT_FALSE(count.has_value());
    EXPECT_EQ(count.error().code, StreamError::cancelled);
    auto [after] = net_.run(near.write("x"));
    EXPECT_EQ(after.error().code, StreamError::cancelled);
  }
  auto [near, far] = net_.pair();
  auto [waited, closed] = net_.run(far.accept_tls(client_leg_, {}, kHost), close_soon(far));
  EXPECT_EQ(waited.error().code, StreamError::cancelled);
  const std::string much(64 << 20, 'x');  // more than the socket takes
  auto [near2, far2] = connected();
  auto [written, shut] = net_.run(near2.write(much), close_soon(near2));
  EXPECT_EQ(written.error().code, StreamError::cancelled);
}

TEST_F(StreamTest, AnEndWithoutCloseNotifyLooksCut) {
  auto [near, far] = connected();
  char buffer[10];
  far.close();
  auto [count] = net_.run(near.read_some(buffer));
  ASSERT_FALSE(count.has_value());
  EXPECT_EQ(count.error().code, StreamError::closed);
}

TEST_F(StreamTest, AResetIsAnErrorAndNoSignal) {
  for (const bool tls : {true, false}) {
    auto [near, far] = tls ? connected() : net_.pair();
    far.socket().set_option(boost::asio::socket_base::linger(true, 0));
    far.close();
    auto [first] = net_.run(near.write("x"));
    auto [second] = net_.run(near.write("y"));
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code, StreamError::closed);
  }
}

TEST_F(StreamTest, NoLeafIsAnError) {
  auto [near, far] = net_.pair();
  EXPECT_FALSE(client_leg_.has_leaf("other.test"));
  EXPECT_TRUE(client_leg_.has_leaf(kHost));
  auto [accepted] = net_.run(far.accept_tls(client_leg_, {}, "other.test"));
  EXPECT_EQ(accepted.error().code, StreamError::handshake);
}

}  // namespace
}  // namespace warden::tls
