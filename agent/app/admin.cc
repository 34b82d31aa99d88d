// SPDX-License-Identifier: Apache-2.0
#include "agent/app/admin.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <chrono>

namespace warden::app {
namespace asio = boost::asio;
namespace json = boost::json;
using Local = asio::local::stream_protocol;

namespace {

constexpr size_t kSessionsMax = 16;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // out of descriptors or memory
constexpr size_t kQuestionBytesMax = 64 * 1024;
constexpr size_t kBacklogBytesMax = 16 << 20;  // a follower that does not read is let go

std::string word(const json::object& question, std::string_view key) {
  const json::value* value = question.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Local::socket socket, const AdminCommands& commands, std::shared_ptr<size_t> running)
      : socket_(std::move(socket)), commands_(commands), running_(std::move(running)) {
    ++*running_;
  }
  ~Session() {
    unfollow();
    --*running_;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(text_, kQuestionBytesMax), '\n',
                           [self = shared_from_this()](boost::system::error_code error, size_t size) {
                             if (error) return self->end();
                             self->answer(self->text_.substr(0, size));
                             self->text_.erase(0, size);
                             if (!self->over_) self->read();
                           });
  }

 private:
  void answer(const std::string& line) {
    boost::system::error_code error;
    const json::value question = json::parse(line, error);
    if (error || !question.is_object()) return say_last({{"error", "not a JSON object"}});
    const json::object& object = question.get_object();
    const std::string command = word(object, "cmd");
    if (command == "status") return say_last(commands_.status());
    if (command == "inventory") return say_last({{"inventory", commands_.inventory->rows()}});
    if (command == "observe") return observe(object);
    say_last({{"error", "unknown command '" + command + "'"}});
  }

  void observe(const json::object& question) {
    ObserveFilter filter{word(question, "user"), word(question, "process"), word(question, "provider"),
                         word(question, "verdict"), 0};
    if (const json::value* since = question.if_contains("since_us"); since != nullptr && since->is_int64())
      filter.since_us = since->get_int64();
    for (const Observation* o : commands_.observations->select(filter)) say(to_json(*o));
    const json::value* follow = question.if_contains("follow");
    if (follow == nullptr || !follow->is_bool() || !follow->get_bool()) return finish();
    unfollow();
    following_ = commands_.observations->follow([weak = weak_from_this(), filter](const Observation& o) {
      if (const auto self = weak.lock(); self && filter.passes(o)) self->say(to_json(o));
    });
  }

  void say(const json::object& object) {
    if (over_) return;
    if (out_.size() > kBacklogBytesMax) return end();
    out_ += json::serialize(object);
    out_ += '\n';
    write();
  }
  void say_last(const json::object& object) {
    say(object);
    finish();
  }
  void finish() {
    finishing_ = true;
    write();
  }
  void write() {
    if (writing_ || over_) return;
    if (out_.empty()) {
      if (finishing_) end();
      return;
    }
    writing_ = true;
    sending_.clear();
    sending_.swap(out_);
    asio::async_write(socket_, asio::buffer(sending_), [self = shared_from_this()](boost::system::error_code error, size_t) {
      self->writing_ = false;
      if (error) return self->end();
      self->write();
    });
  }
  // The follower stays registered until the session goes: it may be the one that is being called.
  void end() {
    over_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  void unfollow() {
    if (following_ != 0) commands_.observations->unfollow(following_);
    following_ = 0;
  }

  Local::socket socket_;
  AdminCommands commands_;
  std::shared_ptr<size_t> running_;
  std::string text_, out_, sending_;
  uint64_t following_ = 0;
  bool writing_ = false, finishing_ = false, over_ = false;
};

class Listener final : public Admin {
 public:
  Listener(asio::io_context& io, AdminCommands commands) : acceptor_(io), pause_(io), commands_(std::move(commands)) {}
  Result<void, AdminError> open(const std::string& path) {
    boost::system::error_code error;
    ::unlink(path.c_str());
    const mode_t before = ::umask(0177);
    acceptor_.open(Local(), error);
    if (!error) acceptor_.bind(Local::endpoint(path), error);
    ::umask(before);
    if (!error) acceptor_.listen(16, error);
    if (error) return fail(AdminError::cannot_listen, path + ": " + error.message());
    accept();
    return {};
  }

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Local::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error && *running_ < kSessionsMax) std::make_shared<Session>(std::move(socket), commands_, running_)->read();
      if (!error) return accept();
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) accept();
      });
    });
  }
  Local::acceptor acceptor_;
  asio::steady_timer pause_;
  std::shared_ptr<size_t> running_ = std::make_shared<size_t>(0);  // sessions may outlive the listener
  AdminCommands commands_;
};

}  // namespace

Result<std::unique_ptr<Admin>, AdminError> Admin::listen(asio::io_context& io, const std::string& path,
                                                         AdminCommands commands) {
  auto listener = std::make_unique<Listener>(io, std::move(commands));
  if (auto opened = listener->open(path); !opened) return std::unexpected(opened.error());
  return listener;
}

}  // namespace warden::app
