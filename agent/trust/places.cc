// SPDX-License-Identifier: Apache-2.0
#include "agent/trust/places.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/fd.h"
#include "agent/base/file.h"

namespace warden::trust {
namespace {

constexpr size_t kOutputMax = 4096;

std::string der_of(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  std::string der(reinterpret_cast<char*>(bytes), size > 0 ? static_cast<size_t>(size) : 0);
  OPENSSL_free(bytes);
  return der;
}

}  // namespace

Result<std::vector<Root>, TrustError> read_roots(const std::vector<std::string>& paths) {
  std::vector<Root> roots;
  for (const std::string& path : paths) {
    const auto text = read_file(path, 1 << 20);
    if (!text) return fail(TrustError::storage, "trust: " + text.error().detail);
    const auto certificates = tls::certificates_from_pem(*text);
    if (!certificates || certificates->size() != 1)
      return fail(TrustError::bad_certificate, "trust: " + path + ": not one PEM certificate");
    X509* certificate = certificates->front().get();
    Root root{tls::to_pem(certificate), der_of(certificate), {}};
    root.file_name = "egresswarden-" + hex(view(sha256(root.der))).substr(0, 8) + ".crt";
    roots.push_back(std::move(root));
  }
  return roots;
}

bool is_ours(const std::string& file_name) {
  constexpr std::string_view kStart = "egresswarden-";
  if (file_name.size() != kStart.size() + 8 + 4 || !file_name.starts_with(kStart)) return false;
  if (!file_name.ends_with(".crt") && !file_name.ends_with(".pem")) return false;
  return from_hex(file_name.substr(kStart.size(), 8)).has_value();
}

Inside bundle_has(const std::string& path, const std::vector<Root>& roots) {
  const auto text = read_file(path);
  if (!text) return Inside::unknown;
  const auto certificates = tls::certificates_from_pem(*text);
  if (!certificates) return Inside::unknown;
  const auto found = [&](const Root& root) {
    return std::any_of(certificates->begin(), certificates->end(),
                       [&](const tls::CertificatePtr& one) { return der_of(one.get()) == root.der; });
  };
  return std::all_of(roots.begin(), roots.end(), found) ? Inside::yes : Inside::no;
}

Ran run(const std::vector<std::string>& command, const std::string& input) {
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0) return {};
  const Fd in_read(in[0]);
  Fd in_write(in[1]);
  if (::pipe2(out, O_CLOEXEC) != 0) return {};
  const Fd out_read(out[0]);
  Fd out_write(out[1]);
  if (!input.empty() && ::write(in_write.get(), input.data(), input.size()) < 0) return {};
  in_write.reset();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in_read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out_write.get(), STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  // The operator's environment must not steer a tool that runs as root.
  const char* environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/", nullptr};
  pid_t child = -1;
  const int spawned = ::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(),
                                    const_cast<char**>(environment));
  posix_spawn_file_actions_destroy(&actions);
  out_write.reset();
  if (spawned != 0) return {};
  Ran ran;
  char block[1024];
  for (ssize_t count = 1; count > 0 || (count < 0 && errno == EINTR);) {
    count = ::read(out_read.get(), block, sizeof block);
    if (count > 0 && ran.output.size() < kOutputMax) ran.output.append(block, static_cast<size_t>(count));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

}  // namespace warden::trust
