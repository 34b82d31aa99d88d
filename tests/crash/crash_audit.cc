// SPDX-License-Identifier: Apache-2.0
// Kills the appender at random moments and looks at what it left: crash_audit APPENDER SECONDS.
// After each kill: every record that was answered is there once, at the sequence number that was answered;
// numbers have no hole; the signed checkpoint covers exactly the entries; a decision without outcome gets its
// lost outcome at the next start.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "audit/chain/checkpoint.h"
#include "audit/record/json.h"
#include "audit/store/log.h"
#include "audit/store/reader.h"

namespace {

using namespace warden;
using namespace warden::audit;

int failures = 0;
void expect(bool good, const std::string& what) {
  if (good) return;
  std::printf("FAIL: %s\n", what.c_str());
  ++failures;
}

// Runs the appender for some milliseconds and kills it; adds what it reported.
void run_and_kill(const char* appender, const std::string& folder, unsigned milliseconds,
                  std::map<std::string, uint64_t>& reported) {
  int pipe_ends[2];
  if (::pipe(pipe_ends) != 0) std::exit(2);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::close(pipe_ends[0]);
    ::execl(appender, appender, folder.c_str(), nullptr);
    std::_Exit(127);
  }
  ::close(pipe_ends[1]);
  const Fd out(pipe_ends[0]);
  // A killer of its own, so that the pipe is always being read and never holds the appender up.
  const pid_t killer = ::fork();
  if (killer == 0) {
    ::usleep(milliseconds * 1000);
    ::kill(child, SIGKILL);
    std::_Exit(0);
  }
  std::string text;
  char block[65536];
  for (ssize_t n; (n = ::read(out.get(), block, sizeof block)) > 0;)
    text.append(block, static_cast<size_t>(n));
  int status = 0;
  ::waitpid(child, &status, 0);
  ::waitpid(killer, nullptr, 0);
  expect(WIFSIGNALED(status), "the appender ended by itself: status " + std::to_string(status));
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    const size_t space = text.find(' ', at);
    if (space > end) continue;  // a line cut by the kill
    reported[text.substr(at, space - at)] = std::strtoull(text.c_str() + space, nullptr, 10);
  }
}

size_t check(const std::string& folder, const std::map<std::string, uint64_t>& reported) {
  auto reader = LogReader::open(folder);
  if (!reader) {
    // Killed before the first commit: then nothing can have been answered either.
    expect(reported.empty(), "the log does not open: " + reader.error().detail);
    return 0;
  }
  const auto state = reader->epoch(0);
  if (!state) {
    expect(reported.empty(), state.error().detail);
    return 0;
  }
  chain::Frontier tree;
  std::map<std::string, uint64_t> found;
  std::set<std::string> open;
  const auto read = reader->each_entry(state->epoch, 0, UINT64_MAX, [&](uint64_t seq, std::string_view leaf) {
    expect(seq == tree.size() && text_at(leaf, "seq") == std::to_string(seq),
           "a hole at " + std::to_string(seq));
    const std::string req = text_at(leaf, "req"), kind = text_at(leaf, "kind");
    if (text_at(leaf, "out.end") == "lost")
      expect(open.erase(req) == 1, "lost, but had an outcome: " + req);
    else if (!req.empty())
      expect(found.emplace(req, seq).second, "doubled: " + req);
    if (kind == "decision") open.insert(req);
    tree.append(chain::leaf_hash(leaf));
    return true;
  });
  expect(read.has_value(), "entries cannot be read");
  for (const auto& [req, seq] : reported) {
    const auto known = found.find(req);
    expect(known != found.end() && known->second == seq, "answered but not there: " + req);
  }
  const auto opened = chain::open_checkpoint(state->checkpoint, *chain::Verifier::parse(state->vkey));
  expect(opened && opened->checkpoint.size == tree.size() && opened->checkpoint.root == tree.root(),
         "the checkpoint");
  return open.size();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  char pattern[] = "/var/tmp/warden-crash-XXXXXX";
  if (::mkdtemp(pattern) == nullptr) return 2;
  const std::string folder = std::string(pattern) + "/audit";
  const auto seed = std::random_device{}();
  std::mt19937 random(seed);
  std::printf("seed %u\n", seed);
  std::map<std::string, uint64_t> reported;
  const int64_t until = boot_us() + std::atoll(argv[2]) * 1'000'000;
  int rounds = 0;
  while (boot_us() < until && failures == 0) {
    run_and_kill(argv[1], folder, 1 + random() % 400, reported);
    check(folder, reported);
    ++rounds;
  }
  // A last clean start settles every decision that a kill left open.
  LogConfig config;
  config.state_dir = folder;
  config.log_domain = "log.example";
  config.tenant = "crash";
  config.reserve_bytes = 1 << 20;
  { expect(Log::open(config).has_value(), "the log does not open again"); }
  expect(check(folder, reported) == 0, "decisions without outcome after a clean start");
  expect(reported.size() > 100, "too few records were answered for this to mean much");
  std::printf("%d kills, %zu records answered, %d failures\n", rounds, reported.size(), failures);
  std::filesystem::remove_all(pattern);
  return failures == 0 ? 0 : 1;
}
