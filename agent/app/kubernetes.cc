// SPDX-License-Identifier: Apache-2.0
#include "agent/app/kubernetes.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <cctype>
#include <cstdlib>
#include <random>

#include "agent/base/address.h"
#include "agent/base/file.h"
#include "agent/base/log.h"

namespace warden::app {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Stream = beast::ssl_stream<beast::tcp_stream>;
using Request = http::request<http::empty_body>;
using Parser = http::response_parser<http::string_body>;
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

constexpr auto kStepPatience = seconds(15);
constexpr auto kWatchFor = seconds(240);     // asked of the server; it ends the watch itself
constexpr auto kWatchPatience = seconds(300);
constexpr auto kPauseFirst = milliseconds(250), kPauseMax = milliseconds(30'000);
constexpr size_t kListBytesMax = size_t{64} << 20;
constexpr size_t kEventBytesMax = size_t{4} << 20;  // etcd takes no object over 1.5 MiB
constexpr size_t kTokenBytesMax = size_t{64} << 10;
constexpr int kPagesMax = 64;

const std::string kAccount = "/var/run/secrets/kubernetes.io/serviceaccount/";

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// A watch that ended well, one that has to begin with a list again, or what went wrong.
enum class End { well, expired, failed };

class Watch final : public PodWatch {
 public:
  Watch(asio::io_context& io, KubernetesConfig config, attribution::Pods& pods, std::function<void()> changed)
      : config_(std::move(config)), pods_(pods), changed_(std::move(changed)), resolver_(io), pause_(io), io_(io) {}
  [[nodiscard]] const PodWatchStatus& status() const override { return status_; }

  asio::awaitable<void> run() {
    auto pause = kPauseFirst;
    for (;;) {
      const End end = co_await follow();
      if (end == End::failed) {
        ++status_.failures;
        status_.state = "failing";
        log::warn("kubernetes: {}", status_.detail);
      }
      pause = end == End::failed ? std::min(pause * 2, kPauseMax) : kPauseFirst;
      // Agents of a whole cluster must not come back in step.
      pause_.expires_after(pause / 2 + milliseconds(random_() % static_cast<uint64_t>(pause.count() / 2 + 1)));
      co_await pause_.async_wait(kNoThrow);
    }
  }

 private:
  End failed(const std::string& what, error_code error = {}) {
    status_.detail = config_.url + ": " + what + (error ? ": " + error.message() : "");
    return End::failed;
  }

  // A list, and watches from there on until one cannot be resumed.
  asio::awaitable<End> follow() {
    std::string version;
    if (const End listed = co_await list(version); listed != End::well) co_return listed;
    for (;;) {
      const End end = co_await watch(version);
      if (end != End::well) co_return end;
    }
  }

  asio::awaitable<End> list(std::string& version) {
    std::vector<attribution::Pod> pods;
    std::string next;
    for (int page = 0; page < kPagesMax; ++page) {
      Parser answer;
      answer.body_limit(kListBytesMax);
      const std::string more = next.empty() ? "" : "&continue=" + escape(next);
      if (const End end = co_await ask("limit=500" + more, answer); end != End::well) co_return end;
      auto list = attribution::parse_pod_list(answer.get().body());
      if (!list) co_return failed("the answer is no list of pods");
      std::ranges::move(list->pods, std::back_inserter(pods));
      version = list->resource_version;
      next = list->next;
      if (next.empty()) break;
      if (pods.size() > attribution::Pods::kPodsMax) co_return failed("more pods than a node has");
    }
    pods_.replace(std::move(pods));
    ++status_.lists;
    changed_();
    co_return End::well;
  }

  asio::awaitable<End> ask(std::string query, Parser& answer) {
    auto stream = co_await connect();
    if (!stream) co_return End::failed;
    if (const End sent = co_await send(*stream, query); sent != End::well) co_return sent;
    beast::flat_buffer buffer;
    beast::get_lowest_layer(*stream).expires_after(kStepPatience);
    const auto [error, size] = co_await http::async_read(*stream, buffer, answer, kNoThrow);
    if (error) co_return failed("receive", error);
    co_return judge(answer.get().result_int());
  }

  End judge(unsigned status) {
    if (status == 200) return End::well;
    if (status == 410) return End::expired;
    return failed("status " + std::to_string(status) + (status == 403 ? "; the service account needs get, list, watch on pods" : ""));
  }

  asio::awaitable<End> watch(std::string& version) {
    auto stream = co_await connect();
    if (!stream) co_return End::failed;
    const std::string query = "watch=1&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(kWatchFor.count()) +
                              "&resourceVersion=" + escape(version);
    if (const End sent = co_await send(*stream, query); sent != End::well) co_return sent;
    beast::flat_buffer buffer;
    Parser answer;
    answer.body_limit(boost::none);
    auto& socket = beast::get_lowest_layer(*stream);
    socket.expires_after(kStepPatience);
    if (const auto [error, size] = co_await http::async_read_header(*stream, buffer, answer, kNoThrow); error)
      co_return failed("receive", error);
    if (const End end = judge(answer.get().result_int()); end != End::well) co_return end;
    ++status_.watches;
    status_.state = "watching";
    while (!answer.is_done()) {
      socket.expires_after(kWatchPatience);
      const auto [error, size] = co_await http::async_read_some(*stream, buffer, answer, kNoThrow);
      if (const End end = take_lines(answer.get().body(), version); end != End::well) co_return end;
      // A server that goes away ends the stream as it may; the version says where to go on.
      if (error) co_return failed("watch", error);
    }
    co_return End::well;
  }

  End take_lines(std::string& text, std::string& version) {
    size_t at = 0;
    for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', at)) {
      const std::string_view line(text.data() + at, end - at);
      at = end + 1;
      auto event = attribution::parse_pod_event(line);
      if (!event) continue;  // of a kind that later servers may send
      using Kind = attribution::PodEvent::Kind;
      if (event->kind == Kind::expired) return End::expired;
      if (event->kind == Kind::failed) return failed("the server ended the watch with an error");
      if (!event->resource_version.empty()) version = event->resource_version;
      if (event->kind == Kind::bookmark) continue;
      pods_.apply(std::move(*event));
      changed_();
    }
    text.erase(0, at);
    return text.size() > kEventBytesMax ? failed("an event of more than 4 MiB") : End::well;
  }

  static std::string escape(const std::string& text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
        out += c;
      } else {
        out += '%';
        out += kHex[byte >> 4];
        out += kHex[byte & 15];
      }
    }
    return out;
  }

  asio::awaitable<End> send(Stream& stream, const std::string& query) {
    auto token = read_file(config_.token, kTokenBytesMax);
    if (!token) co_return failed("token: " + token.error().detail);
    token->erase(token->find_last_not_of(" \r\n") + 1);
    Request request(http::verb::get, "/api/v1/pods?fieldSelector=spec.nodeName%3D" + escape(config_.node) + "&" + query, 11);
    request.set(http::field::host, host_);
    request.set(http::field::accept, "application/json");
    request.set(http::field::user_agent, "egresswarden");
    request.set(http::field::authorization, "Bearer " + *token);
    beast::get_lowest_layer(stream).expires_after(kStepPatience);
    const auto [error, size] = co_await http::async_write(stream, request, kNoThrow);
    if (error) co_return failed("send", error);
    co_return End::well;
  }

  // https://host[:port]; [address] for IPv6.
  bool split_url() {
    std::string rest = config_.url.substr(std::min<size_t>(8, config_.url.size()));
    while (rest.ends_with('/')) rest.pop_back();
    const size_t colon = rest.rfind(':');
    const bool port = colon != std::string::npos && rest.find(']', colon) == std::string::npos;
    port_ = port ? rest.substr(colon + 1) : "443";
    host_ = port ? rest.substr(0, colon) : rest;
    if (host_.starts_with('[') && host_.ends_with(']')) host_ = host_.substr(1, host_.size() - 2);
    return config_.url.starts_with("https://") && !host_.empty();
  }

  asio::awaitable<std::unique_ptr<Stream>> connect() {
    if (!split_url()) co_return failed("want https://host[:port]"), nullptr;
    error_code error;
    tls_.emplace(asio::ssl::context::tls_client);
    tls_->set_verify_mode(asio::ssl::verify_peer, error);
    SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
    if (tls_->load_verify_file(config_.ca, error); error) co_return failed(config_.ca, error), nullptr;
    auto [unnamed, found] = co_await resolver_.async_resolve(host_, port_, kNoThrow);
    if (unnamed) co_return failed("name", unnamed), nullptr;
    auto stream = std::make_unique<Stream>(io_, *tls_);
    auto& socket = beast::get_lowest_layer(*stream);
    socket.expires_after(kStepPatience);
    if (auto [refused, where] = co_await socket.async_connect(found, kNoThrow); refused) co_return failed("connect", refused), nullptr;
    X509_VERIFY_PARAM* const param = SSL_get0_param(stream->native_handle());
    if (Endpoint::parse(host_, 0)) {
      X509_VERIFY_PARAM_set1_ip_asc(param, host_.c_str());
    } else {
      X509_VERIFY_PARAM_set1_host(param, host_.c_str(), 0);
      SSL_set_tlsext_host_name(stream->native_handle(), host_.c_str());
    }
    if (auto [untrusted] = co_await stream->async_handshake(asio::ssl::stream_base::client, kNoThrow); untrusted)
      co_return failed("TLS", untrusted), nullptr;
    co_return stream;
  }

  KubernetesConfig config_;
  attribution::Pods& pods_;
  std::function<void()> changed_;
  tcp::resolver resolver_;
  asio::steady_timer pause_;
  asio::io_context& io_;
  std::optional<asio::ssl::context> tls_;
  std::string host_, port_;
  PodWatchStatus status_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace

std::optional<KubernetesConfig> PodWatch::locate(const KubernetesConfig& config) {
  if (config.mode == KubernetesConfig::Mode::off) return std::nullopt;
  KubernetesConfig found = config;
  if (found.node.empty()) found.node = variable("NODE_NAME");
  if (config.mode == KubernetesConfig::Mode::given) return found;
  const std::string host = variable("KUBERNETES_SERVICE_HOST"), port = variable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || found.node.empty()) return std::nullopt;
  found.url = "https://" + (host.find(':') != std::string::npos ? "[" + host + "]" : host) + (port.empty() ? "" : ":" + port);
  found.token = kAccount + "token";
  found.ca = kAccount + "ca.crt";
  return found;
}

std::unique_ptr<PodWatch> PodWatch::start(asio::io_context& io, const KubernetesConfig& config, attribution::Pods& pods,
                                          std::function<void()> changed) {
  auto watch = std::make_unique<Watch>(io, config, pods, std::move(changed));
  asio::co_spawn(io, watch->run(), asio::detached);
  return watch;
}

}  // namespace warden::app
