// SPDX-License-Identifier: Apache-2.0
#include "agent/app/upgrade.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include "agent/base/log.h"
#include "audit/record/schema.h"

namespace warden::app {
namespace {

constexpr auto kPatience = std::chrono::seconds(10);
constexpr std::string_view kDeleted = " (deleted)";

std::string text_of(int file) {
  std::array<char, 2048> text{};
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  std::string said(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  while (said.ends_with('\n')) said.pop_back();
  return said;
}

}  // namespace

Program Program::self(std::string config) {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  Program program{std::string(path.data(), size > 0 ? static_cast<size_t>(size) : 0), std::move(config)};
  if (program.path.ends_with(kDeleted)) program.path.resize(program.path.size() - kDeleted.size());
  return program;
}

void Upgrade::try_out(std::function<void(std::string)> done) {
  if (child_ > 0) return;  // one trial is answer enough
  done_ = std::move(done);
  said_.reset(::memfd_create("egresswarden-check", MFD_CLOEXEC));
  std::array<char*, 6> argv = {program_.path.data(), const_cast<char*>("--check"), const_cast<char*>("--with-policy"),
                               const_cast<char*>("--config"), program_.config.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, said_.get(), STDERR_FILENO);
  const int error = ::posix_spawn(&child_, program_.path.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    child_ = -1;
    return finish(program_.path + ": " + std::strerror(error));
  }
  patience_.expires_after(kPatience);
  patience_.async_wait([this](boost::system::error_code aborted) {
    if (aborted || child_ <= 0) return;
    ::kill(child_, SIGKILL);
    child_ = -1;
    finish(program_.path + " --check takes too long");
  });
}

void Upgrade::ended(pid_t child, int status) {
  if (child != child_) return;
  child_ = -1;
  patience_.cancel();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return finish({});
  const std::string said = text_of(said_.get());
  finish(said.empty() ? program_.path + " --check failed" : said);
}

void Upgrade::finish(std::string refusal) {
  if (auto done = std::exchange(done_, {})) done(std::move(refusal));
}

void Upgrade::become(const Fd& handover) const {
  const std::string resume = std::to_string(handover.get());
  const std::array argv = {program_.path.c_str(), "--config", program_.config.c_str(), "--resume", resume.c_str(), static_cast<const char*>(nullptr)};
  run(argv.data());
}

void Upgrade::become() const {
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  const std::array argv = {program_.path.c_str(), "--config", program_.config.c_str(), static_cast<const char*>(nullptr)};
  run(argv.data());
}

void Upgrade::run(const char* const* argv) const {
  char* const* const words = const_cast<char* const*>(argv);  // execv changes none
  ::execv(program_.path.c_str(), words);
  log::error("{} cannot be run: {}; going on with the program that runs", program_.path, std::strerror(errno));
  ::execv("/proc/self/exe", words);
}

audit::Draft record_of_refused_upgrade() {
  audit::Draft draft(audit::Kind::config_change);
  draft.set(audit::Field::cfg_result, std::string("refused"));
  return draft;
}

}  // namespace warden::app
