// SPDX-License-Identifier: Apache-2.0
// The provider leg against servers with certificates that a real provider must not have. The server is
// OpenSSL itself on a thread of its own, so nothing of ours is on both sides.
#include <openssl/ocsp.h>
#include <signal.h>

#include <thread>

#include "loopback.h"
#include "pki.h"
#include "tlsproxy/tls/context.h"
#include "tlsproxy/tls/context_state.h"

namespace warden::tls {
namespace {

struct Double {
  Issued issued;
  std::string staple;
  std::string error;  // of the server, when it matters
};

int give_staple(SSL* ssl, void* argument) {
  const auto& staple = *static_cast<std::string*>(argument);
  if (staple.empty()) return SSL_TLSEXT_ERR_NOACK;
  void* copy = OPENSSL_memdup(staple.data(), staple.size());
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(staple.size()));
  return SSL_TLSEXT_ERR_OK;
}

void serve(int fd, Double& server) {
  sigset_t pipe;  // of this thread alone: our own side must do without
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  const SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(context.get(), server.issued.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), server.issued.key.get());
  SSL_CTX_set_tlsext_status_cb(context.get(), give_staple);
  SSL_CTX_set_tlsext_status_arg(context.get(), &server.staple);
  const SslPtr ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), fd);
  if (SSL_accept(ssl.get()) != 1) server.error = openssl_reason();
  char byte = 0;
  SSL_read(ssl.get(), &byte, 1);
}

class ProviderTest : public testing::Test {
 protected:
  // Connects for `host` to a server with this certificate and staple.
  Result<void, StreamError> connect(const Issued& issued, const std::string& staple = {},
                                    const std::string& host = "provider.test") {
    Double server{
        {CertificatePtr(X509_dup(issued.certificate.get())), KeyPtr(EVP_PKEY_dup(issued.key.get()))},
        staple,
        {}};
    Tcp::socket near = net_.dial(net_.port());
    Tcp::socket far = net_.acceptor.accept();
    std::thread thread([&, fd = far.native_handle()] { serve(fd, server); });
    Stream stream(std::move(near));
    auto [result] = net_.run(stream.connect_tls(*context_, host, {"http/1.1"}));
    stream.close();
    thread.join();
    return result;
  }
  void refused(const Result<void, StreamError>& result, const std::string& why) {
    ASSERT_FALSE(result.has_value()) << why;
    EXPECT_EQ(result.error().code, StreamError::bad_certificate) << result.error().detail;
    EXPECT_NE(result.error().detail.find(why), std::string::npos) << result.error().detail;
  }

  Loopback net_;
  TestPki pki_;
  std::unique_ptr<ProviderContext> context_ = std::move(*ProviderContext::make(pki_.root_pem()));
};

TEST_F(ProviderTest, GoodCertificatesPass) {
  EXPECT_TRUE(connect(pki_.issue({})).has_value());
  EXPECT_TRUE(connect(pki_.issue({.names = "DNS:*.provider.test"}), {}, "api.provider.test").has_value());
  EXPECT_TRUE(connect(pki_.issue({.names = "IP:127.0.0.1"}), {}, "127.0.0.1").has_value());
}

TEST_F(ProviderTest, ExpiredAndEarlyOnesAreRefused) {
  refused(connect(pki_.issue({.from_days = -10, .until_days = -1})), "provider.test: expired");
  refused(connect(pki_.issue({.from_days = 1, .until_days = 5})), "not yet valid");
}

TEST_F(ProviderTest, SelfSignedAndUnknownIssuersAreRefused) {
  refused(connect(pki_.issue({.self_signed = true})), "self-signed");
  refused(connect(TestPki().issue({})), "not trusted here, '/CN=Test Root'");
}

TEST_F(ProviderTest, WrongNamesAreRefused) {
  refused(connect(pki_.issue({.names = "DNS:other.test,DNS:third.test"})),
          "wrong name: it is for other.test, third.test");
  refused(connect(pki_.issue({.names = "DNS:*.test"}), {}, "a.provider.test"), "wrong name");
  refused(connect(pki_.issue({.names = "DNS:ap*.provider.test"}), {}, "api.provider.test"), "wrong name");
  refused(connect(pki_.issue({.names = "DNS:127.0.0.1"}), {}, "127.0.0.1"), "wrong name");
  refused(connect(pki_.issue({.names = "email:a@provider.test"}), {}, "leaf"),
          "wrong name");  // the common name is no name
}

TEST_F(ProviderTest, RevokedStaplesAreRefused) {
  const Issued issued = pki_.issue({});
  refused(connect(issued, pki_.staple(issued.certificate.get(), V_OCSP_CERTSTATUS_REVOKED)), "revoked");
  EXPECT_TRUE(connect(issued, pki_.staple(issued.certificate.get(), V_OCSP_CERTSTATUS_GOOD)).has_value());
}

TEST_F(ProviderTest, AStapleThatProvesNothingDoesNotCount) {
  const Issued issued = pki_.issue({});
  const Issued other = pki_.issue({});
  EXPECT_TRUE(connect(issued, "garbage").has_value());
  EXPECT_TRUE(
      connect(issued, TestPki().staple(issued.certificate.get(), V_OCSP_CERTSTATUS_REVOKED)).has_value());
  EXPECT_TRUE(connect(issued, pki_.staple(other.certificate.get(), V_OCSP_CERTSTATUS_REVOKED)).has_value());
}

TEST_F(ProviderTest, MustStapleDemandsAGoodStaple) {
  const Issued issued = pki_.issue({.must_staple = true});
  const Issued other = pki_.issue({});
  refused(connect(issued), "demands a stapled OCSP answer");
  refused(connect(issued, "garbage"), "demands a stapled OCSP answer");
  refused(connect(issued, TestPki().staple(issued.certificate.get(), V_OCSP_CERTSTATUS_GOOD)),
          "demands a stapled");
  refused(connect(issued, pki_.staple(other.certificate.get(), V_OCSP_CERTSTATUS_GOOD)), "demands a stapled");
  EXPECT_TRUE(connect(issued, pki_.staple(issued.certificate.get(), V_OCSP_CERTSTATUS_GOOD)).has_value());
}

TEST_F(ProviderTest, OtherFailuresAreNotTheCertificates) {
  Tcp::socket near = net_.dial(net_.port());
  Tcp::socket far = net_.acceptor.accept();
  far.send(asio::buffer(std::string("HTTP/1.1 400 Bad Request\r\n\r\n")));
  Stream stream(std::move(near));
  auto [result] = net_.run(stream.connect_tls(*context_, "provider.test", {}));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, StreamError::handshake) << result.error().detail;

  Stream left(net_.dial(net_.port()));
  net_.acceptor.accept().close();
  auto [closed] = net_.run(left.connect_tls(*context_, "provider.test", {}));
  EXPECT_EQ(closed.error().code, StreamError::handshake) << closed.error().detail;
}

TEST(Anchors, AreTheBundleWithoutOurs) {
  const TestPki one;
  const TestPki other;
  const auto left = anchors_without(one.root_pem() + other.root_pem(), one.root_pem());
  ASSERT_TRUE(left.has_value());
  EXPECT_EQ(*left, other.root_pem());
  EXPECT_EQ(anchors_without(one.root_pem(), one.root_pem()).error().code, ContextError::no_anchors);
  const auto system = system_anchors("");
  ASSERT_TRUE(system.has_value()) << system.error().detail;
  EXPECT_TRUE(ProviderContext::make(*system).has_value());
  EXPECT_FALSE(ProviderContext::make("").has_value());
}

}  // namespace
}  // namespace warden::tls
