// SPDX-License-Identifier: Apache-2.0
// Hellos made by OpenSSL itself, whole, split, spoilt.
#include "tlsproxy/tls/client_hello.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "tlsproxy/tls/x509.h"

namespace warden::tls {
namespace {

struct Shape {
  std::string name = "api.openai.com";
  std::vector<std::string> alpn = {"h2", "http/1.1"};
  int version_max = TLS1_3_VERSION;
  size_t bulk = 0;  // a custom extension of this size stands in for a post-quantum key share
};

int add_bulk(SSL*, unsigned, unsigned, const unsigned char** out, size_t* size, X509*, size_t, int*,
             void* argument) {
  const auto& bulk = *static_cast<std::string*>(argument);
  *out = reinterpret_cast<const unsigned char*>(bulk.data());
  *size = bulk.size();
  return 1;
}

std::string hello_of(const Shape& shape, unsigned bulk_type = 0xaaaa) {
  std::string bulk(shape.bulk, 'x');
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(context.get(), shape.version_max);
  if (!bulk.empty() || bulk_type != 0xaaaa)
    SSL_CTX_add_custom_ext(context.get(), bulk_type, SSL_EXT_CLIENT_HELLO, add_bulk, nullptr, &bulk, nullptr,
                           nullptr);
  const SslPtr ssl(SSL_new(context.get()));
  if (!shape.name.empty()) SSL_set_tlsext_host_name(ssl.get(), shape.name.c_str());
  std::string wire;
  for (const auto& one : shape.alpn) wire += static_cast<char>(one.size()) + one;
  if (!wire.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  return {data, static_cast<size_t>(size)};
}

// The same message over records of at most `piece` bytes.
std::string in_records(const std::string& hello, size_t piece) {
  const std::string message = hello.substr(5);
  std::string out;
  for (size_t at = 0; at < message.size(); at += piece) {
    const std::string part = message.substr(at, piece);
    out += std::string("\x16\x03\x01", 3) + static_cast<char>(part.size() >> 8) +
           static_cast<char>(part.size()) + part;
  }
  return out;
}

HelloError error_of(std::string_view bytes) {
  const auto hello = read_client_hello(bytes);
  EXPECT_FALSE(hello.has_value());
  return hello ? HelloError::incomplete : hello.error().code;
}

TEST(ClientHello, ReadsWhatOpenSslSends) {
  const auto hello = read_client_hello(hello_of({}));
  ASSERT_TRUE(hello.has_value()) << hello.error().detail;
  EXPECT_EQ(hello->server_name, "api.openai.com");
  EXPECT_EQ(hello->alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_TRUE(hello->tls13);
  EXPECT_FALSE(hello->encrypted_hello);
}

TEST(ClientHello, ReadsTls12WithoutNameOrAlpn) {
  const auto hello = read_client_hello(hello_of({"", {}, TLS1_2_VERSION}));
  ASSERT_TRUE(hello.has_value()) << hello.error().detail;
  EXPECT_EQ(hello->server_name, "");
  EXPECT_TRUE(hello->alpn.empty());
  EXPECT_FALSE(hello->tls13);
}

TEST(ClientHello, LowersTheNameAndDropsItsDot) {
  EXPECT_EQ(read_client_hello(hello_of({"API.OpenAI.com."}))->server_name, "api.openai.com");
}

TEST(ClientHello, SeesTheEncryptedHelloExtension) {
  EXPECT_TRUE(read_client_hello(hello_of({}, 0xfe0d))->encrypted_hello);
}

TEST(ClientHello, ReadsHellosTheSizeOfPostQuantumOnes) {
  for (const size_t bulk : {1184U, 1500U, 2000U, 9000U}) {
    const auto hello = read_client_hello(hello_of({"api.anthropic.com", {"h2"}, TLS1_3_VERSION, bulk}));
    ASSERT_TRUE(hello.has_value()) << bulk;
    EXPECT_EQ(hello->server_name, "api.anthropic.com");
  }
}

RC_GTEST_PROP(ClientHello, EverySplitPointAsksForMore, ()) {
  const Shape shape{
      "a." + *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'z'))) + ".test",
      {"h2"},
      TLS1_3_VERSION,
      *rc::gen::inRange<size_t>(1, 1800)};
  const std::string hello = hello_of(shape);
  const std::string bytes =
      *rc::gen::arbitrary<bool>() ? hello : in_records(hello, *rc::gen::inRange<size_t>(1, 900));
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    const auto early = read_client_hello(std::string_view(bytes).substr(0, cut));
    RC_ASSERT(!early.has_value());
    RC_ASSERT(early.error().code == HelloError::incomplete);
  }
  const auto whole = read_client_hello(bytes);
  RC_ASSERT(whole.has_value());
  if (shape.name.size() < 250) RC_ASSERT(whole->server_name == shape.name);
}

// A verdict never changes with what comes later: else two readers of one connection could differ.
RC_GTEST_PROP(ClientHello, ASpoiltByteNeverMakesAVerdictWaver, ()) {
  std::string bytes = hello_of({});
  bytes[*rc::gen::inRange<size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  std::optional<HelloError> verdict;
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto hello = read_client_hello(std::string_view(bytes).substr(0, cut));
    if (verdict) RC_ASSERT(!hello.has_value() && hello.error().code == *verdict);
    if (!hello && hello.error().code != HelloError::incomplete) verdict = hello.error().code;
  }
}

TEST(ClientHello, TellsOtherProtocolsApart) {
  EXPECT_EQ(error_of("GET / HTTP/1.1\r\n"), HelloError::not_tls);
  EXPECT_EQ(error_of("SSH-2.0-OpenSSH"), HelloError::not_tls);
  EXPECT_EQ(error_of(std::string("\x80\x2e\x01\x03\x01", 5)), HelloError::not_tls);  // the hello of SSL 2
  EXPECT_EQ(error_of(""), HelloError::incomplete);
}

TEST(ClientHello, RefusesWhatFollowsTheHelloInItsRecord) {
  std::string bytes = hello_of({});
  bytes += "more";
  const size_t length = bytes.size() - 5;
  bytes[3] = static_cast<char>(length >> 8);
  bytes[4] = static_cast<char>(length);
  EXPECT_EQ(error_of(bytes), HelloError::malformed);
}

TEST(ClientHello, RefusesAnExtensionThatComesTwice) {
  const std::string with = hello_of({"api.openai.com", {}, TLS1_3_VERSION, 4}, 0xaaaa);
  std::string twice = with;
  const size_t at = twice.find(std::string("\xaa\xaa\x00\x04xxxx", 8));
  ASSERT_NE(at, std::string::npos);
  // Renamed to supported_versions, which the hello already has; `xxxx` alone would not parse as one either
  // way.
  twice[at] = 0;
  twice[at + 1] = 43;
  twice.replace(at + 4, 4, std::string("\x03\x03\x04\x00", 4));
  EXPECT_EQ(error_of(twice), HelloError::malformed);
  EXPECT_TRUE(read_client_hello(with).has_value());
}

TEST(ClientHello, RefusesNamesThatTwoReadersCouldTakeApart) {
  const std::string good = hello_of({});
  const size_t at = good.find("api.openai.com");
  for (const char bad : {'\0', ' ', '/', '\n', '\x80', '*'}) {
    std::string bytes = good;
    bytes[at + 5] = bad;
    EXPECT_EQ(error_of(bytes), HelloError::malformed) << int{bad};
  }
}

TEST(ClientHello, IsBounded) {
  std::string endless;
  while (endless.size() < (64U << 10)) endless += std::string("\x16\x03\x01\x00\x01\x01", 6);
  EXPECT_NE(error_of(endless), HelloError::incomplete);
  EXPECT_EQ(error_of(std::string("\x16\x03\x01\x40\x00\x01\xff\xff\xff", 9)), HelloError::too_large);
  EXPECT_EQ(error_of(std::string("\x16\x03\x01\x00\x00", 5)), HelloError::not_tls);
}

}  // namespace
}  // namespace warden::tls
