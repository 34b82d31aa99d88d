// SPDX-License-Identifier: Apache-2.0
#include "audit/ship/client.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>

#include "agent/base/address.h"
#include "audit/ship/wire.h"

namespace warden::audit {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kAnswerBytesMax = 1 << 20;

struct Address {
  std::string host, port;
};

std::optional<Address> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  Address address{{}, "443"};
  if (url.starts_with('[')) {
    const size_t end = url.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    address.host = url.substr(1, end - 1);
    url.remove_prefix(end + 1);
  } else {
    const size_t colon = url.find(':');
    address.host = url.substr(0, colon);
    url.remove_prefix(std::min(colon, url.size()));
  }
  if (!url.empty()) address.port = url.substr(1);
  const bool digits = !address.port.empty() && address.port.size() <= 5 &&
                      address.port.find_first_not_of("0123456789") == std::string::npos;
  const bool plain = !address.host.empty() && address.host.find_first_of("/?#@ ") == std::string::npos;
  return digits && plain && (url.empty() || url.front() == ':') ? std::optional(address) : std::nullopt;
}

class BeastClient final : public HttpsClient {
 public:
  BeastClient(Address address, std::chrono::milliseconds timeout)
      : address_(std::move(address)), timeout_(timeout), tls_(asio::ssl::context::tls_client) {}

  Result<void, ShipError> load(const ClientConfig& config) {
    error_code error;
    const auto bad = [&](const std::string& file) {
      return fail(ShipError::bad_config, file + ": " + error.message());
    };
    tls_.set_verify_mode(asio::ssl::verify_peer, error);
    SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
    if (tls_.load_verify_file(config.ca, error); error) return bad(config.ca);
    if (tls_.use_certificate_chain_file(config.cert, error); error) return bad(config.cert);
    if (tls_.use_private_key_file(config.key, asio::ssl::context::pem, error); error) return bad(config.key);
    return {};
  }

  Result<HttpAnswer, ShipError> get(const std::string& target) override {
    return exchange(http::verb::get, target, {}, {});
  }
  Result<HttpAnswer, ShipError> post(const std::string& target, std::string body,
                                     const std::string& vkey) override {
    return exchange(http::verb::post, target, std::move(body), vkey);
  }

  void interrupt() override {
    stopped_ = true;
    asio::post(io_, [this] {
      if (stream_) beast::get_lowest_layer(*stream_).cancel();
      resolver_.cancel();
    });
  }

 private:
  using Stream = beast::ssl_stream<beast::tcp_stream>;

  // Starts one asynchronous step and runs it to its end or its deadline.
  template <class Start>
  error_code run(Start&& start) {
    error_code result = asio::error::operation_aborted;
    io_.restart();
    start([&result](error_code error, auto&&...) { result = error; });
    if (stopped_) interrupt();
    io_.run();
    return result;
  }

  std::unexpected<Error<ShipError>> failed(const char* doing, error_code error) {
    stream_.reset();
    const std::string where = address_.host + ':' + address_.port + ": ";
    if (stopped_) return fail(ShipError::stopped, where + "stopped");
    return fail(ShipError::unreachable, where + doing + ": " + error.message());
  }

  Result<void, ShipError> connect() {
    tcp::resolver::results_type found;
    auto error = run([&](auto done) {
      resolver_.async_resolve(address_.host, address_.port, [&found, done](error_code e, auto results) {
        found = std::move(results);
        done(e);
      });
    });
    if (error) return failed("name", error);
    stream_.emplace(io_, tls_);
    auto& socket = beast::get_lowest_layer(*stream_);
    socket.expires_after(timeout_);
    error = run([&](auto done) { socket.async_connect(found, done); });
    if (error) return failed("connect", error);
    error_code ignored;
    socket.socket().set_option(tcp::no_delay(true), ignored);
    SSL* const ssl = stream_->native_handle();
    // The certificate must be for the name or the address in the URL.
    X509_VERIFY_PARAM* const param = SSL_get0_param(ssl);
    if (Endpoint::parse(address_.host, 0)) {
      X509_VERIFY_PARAM_set1_ip_asc(param, address_.host.c_str());
    } else {
      X509_VERIFY_PARAM_set1_host(param, address_.host.c_str(), 0);
      SSL_set_tlsext_host_name(ssl, address_.host.c_str());
    }
    socket.expires_after(timeout_);
    error = run([&](auto done) { stream_->async_handshake(asio::ssl::stream_base::client, done); });
    if (error) return failed("TLS", error);
    return {};
  }

  Result<HttpAnswer, ShipError> exchange(http::verb verb, const std::string& target, std::string body,
                                         const std::string& vkey) {
    http::request<http::string_body> request(verb, target, 11);
    request.set(http::field::host, address_.host);
    request.set(http::field::user_agent, "egresswarden");
    if (!vkey.empty()) request.set(kVkeyHeader, vkey);
    request.body() = std::move(body);
    if (verb == http::verb::post) request.prepare_payload();
    // A kept connection may have ended in the meantime; every request may be repeated, so once anew.
    const bool kept = stream_.has_value();
    auto answer = attempt(request);
    if (!answer && kept && !stopped_) answer = attempt(request);
    return answer;
  }

  Result<HttpAnswer, ShipError> attempt(const http::request<http::string_body>& request) {
    if (stopped_) return fail(ShipError::stopped, "stopped");
    if (!stream_)
      if (auto connected = connect(); !connected) return std::unexpected(connected.error());
    auto& socket = beast::get_lowest_layer(*stream_);
    socket.expires_after(timeout_);
    auto error = run([&](auto done) { http::async_write(*stream_, request, done); });
    if (error) return failed("send", error);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kAnswerBytesMax);
    socket.expires_after(timeout_);
    error = run([&](auto done) { http::async_read(*stream_, buffer, parser, done); });
    if (error) return failed("receive", error);
    if (!parser.get().keep_alive()) stream_.reset();
    return HttpAnswer{parser.get().result_int(), std::move(parser.get().body())};
  }

  const Address address_;
  const std::chrono::milliseconds timeout_;
  std::atomic<bool> stopped_ = false;
  asio::io_context io_{1};
  asio::ssl::context tls_;
  tcp::resolver resolver_{io_};
  std::optional<Stream> stream_;
};

}  // namespace

Result<std::unique_ptr<HttpsClient>, ShipError> HttpsClient::make(const ClientConfig& config) {
  auto address = parse_url(config.url);
  if (!address)
    return fail(ShipError::bad_config, "audit.collector.url: want https://host[:port], not " + config.url);
  auto client = std::make_unique<BeastClient>(std::move(*address), config.timeout);
  if (auto loaded = client->load(config); !loaded) return std::unexpected(loaded.error());
  return client;
}

}  // namespace warden::audit
