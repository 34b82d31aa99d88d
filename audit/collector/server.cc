// SPDX-License-Identifier: Apache-2.0
#include "audit/collector/server.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <thread>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/log.h"
#include "audit/ship/wire.h"

namespace warden::audit {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using Stream = beast::ssl_stream<beast::tcp_stream>;
constexpr auto kTuple = asio::experimental::as_tuple(asio::use_awaitable);

constexpr int kConnectionsMax = 4096;
constexpr auto kHandshakeTime = std::chrono::seconds(10);
constexpr auto kRequestTime = std::chrono::seconds(30);
constexpr auto kIdleTime = std::chrono::seconds(75);
constexpr size_t kHeaderBytesMax = 16 << 10;

struct Peer {
  std::string key;
  bool is_agent = false, is_reader = false;
};

void read_names(X509* certificate, Peer& peer) {
  auto* const names =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                static_cast<size_t>(ASN1_STRING_length(uri)));
    peer.is_agent |= text == "egresswarden:agent";
    peer.is_reader |= text == "egresswarden:reader";
  }
  GENERAL_NAMES_free(names);
}

// Of the key and not of the certificate, so that renewing it with the same key changes nothing.
Peer peer_of(SSL* ssl) {
  Peer peer;
  X509* const certificate = SSL_get1_peer_certificate(ssl);
  if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) {
    X509_free(certificate);
    return peer;
  }
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (length > 0) {
    peer.key = hex(view(sha256({reinterpret_cast<const char*>(der), static_cast<size_t>(length)})));
    read_names(certificate, peer);
  }
  OPENSSL_free(der);
  X509_free(certificate);
  return peer;
}

std::string_view text(beast::string_view value) {
  return {value.data(), value.size()};
}

class BeastServer final : public Server {
 public:
  explicit BeastServer(std::function<WebResponse(const WebRequest&)> serve) : serve_(std::move(serve)) {}

  ~BeastServer() override {
    stopping_ = true;
    asio::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      acceptor_.close(ignored);
    });
    // A request takes milliseconds; whoever keeps an idle connection is not waited for.
    for (int i = 0; i < 100 && serving_ > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
  }

  Result<void, CollectorError> open(const ServerConfig& config) {
    error_code error;
    const auto bad = [&](const std::string& file) {
      return fail(CollectorError::bad_config, file + ": " + error.message());
    };
    SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
    if (tls_.use_certificate_chain_file(config.cert, error); error) return bad(config.cert);
    if (tls_.use_private_key_file(config.key, asio::ssl::context::pem, error); error) return bad(config.key);
    if (tls_.load_verify_file(config.client_ca, error); error) return bad(config.client_ca);
    // People come with a token and no certificate; a certificate that is not of the fleet ends the handshake.
    tls_.set_verify_mode(asio::ssl::verify_peer, error);
    static const unsigned char kContext[] = "egresswarden-collector";
    SSL_CTX_set_session_id_context(tls_.native_handle(), kContext, sizeof kContext - 1);
    SSL_CTX_set_session_cache_mode(tls_.native_handle(), SSL_SESS_CACHE_OFF);

    const auto address = asio::ip::make_address(config.listen.ip(), error);
    const tcp::endpoint endpoint(address, config.listen.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(1024, error);
    if (error) return fail(CollectorError::cannot_listen, config.listen.to_string() + ": " + error.message());
    port_ = acceptor_.local_endpoint(error).port();
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
    for (unsigned i = 0; i < config.threads; ++i) threads_.emplace_back([this] { io_.run(); });
    return {};
  }

  [[nodiscard]] uint16_t port() const override { return port_; }

 private:
  asio::awaitable<void> accept() {
    asio::steady_timer pause(acceptor_.get_executor());
    while (!stopping_) {
      if (connections_ >= kConnectionsMax) {
        pause.expires_after(std::chrono::milliseconds(20));
        co_await pause.async_wait(kTuple);
        continue;
      }
      auto [error, socket] = co_await acceptor_.async_accept(asio::make_strand(io_), kTuple);
      if (error) {
        // No descriptors left, for instance: not a reason to spin.
        pause.expires_after(std::chrono::milliseconds(50));
        co_await pause.async_wait(kTuple);
        continue;
      }
      ++connections_;
      auto executor = socket.get_executor();
      asio::co_spawn(executor, session(Stream(beast::tcp_stream(std::move(socket)), tls_)),
                     [this](const std::exception_ptr&) { --connections_; });
    }
  }

  asio::awaitable<void> session(Stream stream) {
    auto& socket = beast::get_lowest_layer(stream);
    socket.expires_after(kHandshakeTime);
    auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
    if (error) {
      log::debug("a TLS handshake failed: {}", error.message());
      co_return;
    }
    const Peer peer = peer_of(stream.native_handle());
    beast::flat_buffer buffer;
    while (!stopping_) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(kHeaderBytesMax);
      // Strangers have nothing to send.
      parser.body_limit(peer.key.empty() ? 0 : kShipBodyBytesMax);
      socket.expires_after(kIdleTime);
      auto [header_error, header_bytes] = co_await http::async_read_header(stream, buffer, parser, kTuple);
      if (header_error) {
        log::debug("a connection ended: {}", header_error.message());
        break;
      }
      static_cast<void>(header_bytes);
      socket.expires_after(kRequestTime);
      auto [body_error, body_bytes] = co_await http::async_read(stream, buffer, parser, kTuple);
      static_cast<void>(body_bytes);
      if (body_error && body_error != http::error::body_limit) break;
      auto response = answer(parser.get(), peer, body_error == http::error::body_limit);
      socket.expires_after(kRequestTime);
      auto [write_error, written] = co_await http::async_write(stream, response, kTuple);
      static_cast<void>(written);
      if (write_error || !response.keep_alive()) break;
    }
    socket.expires_after(std::chrono::seconds(2));
    auto [ignored] = co_await stream.async_shutdown(kTuple);
    static_cast<void>(ignored);
  }

  http::response<http::string_body> answer(const http::request<http::string_body>& request, const Peer& peer,
                                           bool too_large) {
    WebResponse made{413, "text/plain; charset=utf-8", "the body is too large\n"};
    if (!too_large) {
      ++serving_;
      made = serve_({text(request.method_string()), text(request.target()), request.body(),
                     text(request[http::field::authorization]), text(request[kVkeyHeader]), peer.key,
                     peer.is_agent, peer.is_reader});
      --serving_;
    }
    http::response<http::string_body> response(static_cast<http::status>(made.status), request.version());
    response.set(http::field::server, "egresswarden-collector");
    response.set(http::field::content_type, made.type);
    response.set(http::field::cache_control, "no-store");
    response.set("x-content-type-options", "nosniff");
    if (made.status == 401) response.set(http::field::www_authenticate, "Bearer");
    response.keep_alive(request.keep_alive() && !too_large && !stopping_);
    response.body() = std::move(made.body);
    response.prepare_payload();
    return response;
  }

  const std::function<WebResponse(const WebRequest&)> serve_;
  asio::io_context io_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_{asio::make_strand(io_)};
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0, serving_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<Server>, CollectorError> Server::start(
    const ServerConfig& config, std::function<WebResponse(const WebRequest&)> serve) {
  auto server = std::make_unique<BeastServer>(std::move(serve));
  if (auto opened = server->open(config); !opened) return std::unexpected(opened.error());
  return server;
}

}  // namespace warden::audit
