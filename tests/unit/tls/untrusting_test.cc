// SPDX-License-Identifier: Apache-2.0
// Real clients that do not trust our authority: each refuses in its own way (an alert, a reset, a silent
// close), and all of them must be told apart from handshakes that failed for other reasons.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "loopback.h"
#include "tlsproxy/tls/authority.h"
#include "tlsproxy/tls/context.h"

extern char** environ;

namespace warden::tls {
namespace {

constexpr const char* kHost = "api.openai.com";

class Untrusting : public testing::Test {
 protected:
  Untrusting() : authority_(std::move(*Authority::open(folder_, {kHost}))) {
    EXPECT_TRUE(context_.put_leaf(kHost, *authority_->mint(kHost)).has_value());
  }
  ~Untrusting() override { std::filesystem::remove_all(folder_); }

  // Runs `command` in a shell with PORT and ROOT filled in, and accepts the one connection it makes.
  Result<void, StreamError> accept_from(const std::string& command) {
    const std::string variables =
        "PORT=" + std::to_string(net_.port()) + "; ROOT=" + authority_->root_paths().front() + "; ";
    std::string arguments[] = {"sh", "-c", variables + "exec " + command + " </dev/null >/dev/null 2>&1"};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    pid_t child = -1;
    EXPECT_EQ(::posix_spawn(&child, "/bin/sh", nullptr, nullptr, argv, environ), 0);
    Stream stream(net_.acceptor.accept());
    auto [result] = net_.run(stream.accept_tls(context_, {}, kHost));
    stream.close();
    ::waitpid(child, nullptr, 0);
    return result;
  }
  void untrusted(const std::string& command, const std::string& detail) {
    const auto result = accept_from(command);
    ASSERT_FALSE(result.has_value()) << command;
    EXPECT_EQ(result.error().code, StreamError::untrusted) << command << ": " << result.error().detail;
    EXPECT_NE(result.error().detail.find(detail), std::string::npos)
        << command << ": " << result.error().detail;
  }

  std::string folder_ = testing::TempDir() + "untrusting-" + hex(random_bytes(6));
  Loopback net_;
  std::unique_ptr<Authority> authority_;
  ClientContext context_;
};

TEST_F(Untrusting, OpenSslSendsUnknownCa) {
  const std::string client =
      "openssl s_client -connect 127.0.0.1:${PORT} -servername api.openai.com -verify_return_error";
  untrusted(client + " -tls1_3", "alert 48");
  untrusted(client + " -tls1_2", "alert 48");
  EXPECT_TRUE(accept_from(client + " -CAfile ${ROOT} -no-CApath").has_value());
}

TEST_F(Untrusting, CurlSendsUnknownCa) {
  const std::string client =
      "curl -s -m 5 --resolve api.openai.com:${PORT}:127.0.0.1 https://api.openai.com:${PORT}/";
  untrusted(client, "alert 48");
  EXPECT_TRUE(accept_from(client + " --cacert ${ROOT}").has_value());
}

TEST_F(Untrusting, PythonSendsUnknownCa) {
  untrusted(
      "python3 -c \"import ssl,socket; ssl.create_default_context().wrap_socket("
      "socket.create_connection(('127.0.0.1',${PORT})), server_hostname='api.openai.com')\"",
      "alert 48");
}

TEST_F(Untrusting, NodeResets) {
  const std::string client =
      "node -e \"require('tls').connect({host:'127.0.0.1',port:${PORT},servername:'api.openai.com'})\"";
  untrusted(client, "client refused our certificate");
}

TEST_F(Untrusting, AClientThatNeverSawTheCertificateIsNoRefusal) {
  const auto spoken = [&](const std::string& bytes) {
    Tcp::socket near = net_.dial(net_.port());
    near.send(asio::buffer(bytes));
    near.close();
    Stream far(net_.acceptor.accept());
    auto [result] = net_.run(far.accept_tls(context_, {}, kHost));
    return result.error();
  };
  EXPECT_EQ(spoken("").code, StreamError::closed);
  EXPECT_EQ(spoken(std::string("\x16\x03\x01\x02\x00\x01", 6)).code, StreamError::closed);
  EXPECT_EQ(spoken("GET / HTTP/1.1\r\n\r\n").code, StreamError::handshake);
}

TEST_F(Untrusting, NoCommonVersionIsNoRefusal) {
  const auto result = accept_from(
      "openssl s_client -connect 127.0.0.1:${PORT} -servername api.openai.com -tls1_1 -cipher "
      "DEFAULT@SECLEVEL=0");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, StreamError::handshake) << result.error().detail;
}

}  // namespace
}  // namespace warden::tls
