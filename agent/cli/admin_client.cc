// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/admin_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "agent/app/config.h"
#include "agent/base/fd.h"

namespace warden::cli {
namespace {

constexpr size_t kLineBytesMax = size_t{16} << 20;

Result<Fd, AdminError> dial(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(AdminError::config, path + ": too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail(
        AdminError::not_running,
        path + ": " + std::strerror(errno) +
            (errno == EACCES ? "; run as root" : "; no agent runs there: start it, or name its --config"));
  return fd;
}

}  // namespace

bool agent_runs(const std::string& run_dir) {
  return dial(run_dir + "/admin.sock").has_value();
}

Result<void, AdminError> ask_agent(const std::string& config_path, std::string_view question,
                                   const std::function<bool(std::string_view)>& each) {
  const auto config = app::load_agent_config(config_path);
  if (!config) return fail(AdminError::config, config.error().detail);
  auto fd = dial(config->run_dir + "/admin.sock");
  if (!fd) return std::unexpected(fd.error());
  const std::string line = std::string(question) + "\n";
  if (::send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return fail(AdminError::lost, "the agent closed its admin socket; see its log");
  std::string held;
  char block[16384];
  for (;;) {
    const ssize_t n = ::read(fd->get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(AdminError::lost, "the agent's admin socket broke; see its log");
    if (n == 0) return {};
    held.append(block, static_cast<size_t>(n));
    size_t start = 0;
    for (size_t end; (end = held.find('\n', start)) != std::string::npos; start = end + 1)
      if (!each(std::string_view(held).substr(start, end - start))) return {};
    held.erase(0, start);
    if (held.size() > kLineBytesMax) return fail(AdminError::lost, "the agent's answer has no end");
  }
}

}  // namespace warden::cli
