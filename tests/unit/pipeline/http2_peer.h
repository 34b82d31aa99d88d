// SPDX-License-Identifier: Apache-2.0
// Either end of an HTTP/2 connection without TLS, for tests: an application in front of a worker, or a provider behind it.
#pragma once

#include <map>

#include "test_worker.h"
#include "tlsproxy/http/http2_session.h"

namespace warden::pipeline {

class Http2Peer final : public http::Http2Events {
 public:
  using Role = http::Http2Session::Role;
  struct Seen {
    http::Fields fields, trailers;
    std::string body;
    bool ended = false;
    std::optional<uint32_t> closed;
    [[nodiscard]] std::string field(std::string_view name) const {
      for (const http::Field& f : fields)
        if (f.name == name) return f.value;
      return {};
    }
  };

  Http2Peer(Tcp::socket socket, Role role, std::vector<http::Http2Setting> first = {})
      : session(role, *this, first), socket_(std::move(socket)) {
    asio::co_spawn(socket_.get_executor(), read(), asio::detached);
    flush();
  }

  http::Http2Session session;
  std::map<int32_t, Seen> streams;
  std::vector<http::Http2Setting> settings;
  std::optional<uint32_t> gone;  // the code of a GOAWAY
  bool over = false;
  bool grants = true;  // windows of what it receives
  std::function<void(int32_t)> on_request;  // a provider's: the request is whole

  int32_t ask(const std::string& body, http::Fields more = {}) {
    http::Fields fields = {{":method", "POST"}, {":scheme", "http"}, {":authority", std::string(kHost)}, {":path", "/v1/chat/completions"}, {"content-type", "application/json"}};
    for (http::Field& field : more) {
      const auto same = std::ranges::find(fields, field.name, &http::Field::name);
      if (same != fields.end())
        *same = field;
      else
        fields.push_back(field);
    }
    const int32_t id = session.request(fields, std::nullopt, true);
    session.borrow(id, kept_.emplace_back(std::make_unique<std::string>(body))->c_str());
    flush();
    return id;
  }
  void flush() {
    if (std::exchange(writing_, true)) return;
    asio::co_spawn(socket_.get_executor(), write(), asio::detached);
  }
  void close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

  void on_head(int32_t stream, http::Http2Head kind, http::Fields fields, std::optional<http::Http2Weight>, bool) override {
    if (kind == http::Http2Head::trailers)
      streams[stream].trailers = std::move(fields);
    else
      streams[stream].fields = std::move(fields);
  }
  void on_body(int32_t stream, std::string_view bytes) override {
    streams[stream].body += bytes;
    if (!grants) return;
    session.credit(0, static_cast<uint32_t>(bytes.size()));
    session.credit(stream, static_cast<uint32_t>(bytes.size()));
  }
  void on_end(int32_t stream) override {
    streams[stream].ended = true;
    if (on_request) on_request(stream);
  }
  void on_malformed(int32_t) override {}
  void on_sent(int32_t) override {}
  void on_closed(int32_t stream, uint32_t code, size_t) override { streams[stream].closed = code; }
  void on_window(int32_t, uint32_t) override {}
  void on_settings(std::span<const http::Http2Setting> all) override { settings.assign(all.begin(), all.end()); }
  void on_goaway(uint32_t code) override { gone = code; }

 private:
  asio::awaitable<void> read() {
    std::string block(64 * 1024, '\0');
    for (;;) {
      const auto [error, size] = co_await socket_.async_read_some(asio::buffer(block), kTuple);
      if (error || !session.feed({block.data(), size})) break;
      flush();
    }
    over = true;
  }
  asio::awaitable<void> write() {
    for (std::string out;; out.clear()) {
      session.take(out, 64 * 1024);
      if (out.empty()) break;
      const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(out), kTuple);
      if (error) co_return;
    }
    writing_ = false;
  }

  Tcp::socket socket_;
  std::vector<std::unique_ptr<std::string>> kept_;
  bool writing_ = false;
};

}  // namespace warden::pipeline
