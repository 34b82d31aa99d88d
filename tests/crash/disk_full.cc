// SPDX-License-Identifier: Apache-2.0
// A log on a disk of 24 MB that somebody fills: decisions are refused, outcomes of exchanges in flight are
// still written, and one `gap` record tells the counts when space returns. Needs root for its private mount.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "agent/base/fd.h"
#include "agent/base/uuid.h"
#include "audit/chain/checkpoint.h"
#include "audit/record/json.h"
#include "audit/store/log.h"
#include "audit/store/reader.h"
#include "tests/crash/sample.h"

namespace {

using namespace warden;
using namespace warden::audit;

int failures = 0;
void expect(bool good, const char* what) {
  std::printf("%s: %s\n", good ? "ok" : "FAIL", what);
  failures += good ? 0 : 1;
}

void fill_disk(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  const std::string block(4096, 'x');
  while (::write(fd.get(), block.data(), block.size()) > 0) {
  }
}

bool refused_for_space(const Committed& answer) {
  return !answer.seq && answer.seq.error().code == StoreError::disk_full;
}

void check_log(const std::string& folder, uint64_t decisions) {
  auto reader = LogReader::open(folder);
  const auto state = reader->epoch(0);
  chain::Frontier tree;
  uint64_t gaps = 0, counted = 0, outcomes = 0;
  std::string by;
  const auto leaves = reader->read_entries(state->epoch, 0, state->size);
  for (const std::string& leaf : *leaves) {
    tree.append(chain::leaf_hash(leaf));
    outcomes += text_at(leaf, "out.end") == "complete" ? 1 : 0;
    if (text_at(leaf, "kind") != "gap") continue;
    ++gaps;
    counted += std::strtoull(text_at(leaf, "gap.decisions").c_str(), nullptr, 10);
    by = text_at(leaf, "gap.by");
  }
  const auto opened = chain::open_checkpoint(state->checkpoint, *chain::Verifier::parse(state->vkey));
  expect(opened && opened->checkpoint.root == tree.root(), "the log verifies");
  expect(gaps == 1, "one gap record");
  expect(counted == decisions, "which counts every refused decision");
  expect(by.find("\"process\":\"curl\"") != std::string::npos, "by process");
  expect(outcomes == 50, "every outcome in flight was recorded");
}

void run(const std::string& disk) {
  LogConfig config;
  config.state_dir = disk + "/audit";
  config.log_domain = "log.example";
  config.tenant = "full";
  config.reserve_bytes = 4 << 20;
  auto log = Log::open(config);
  expect(log.has_value(), "the log opens");
  if (!log) return;
  std::vector<std::string> in_flight;
  for (int i = 0; i < 50; ++i) {
    in_flight.push_back(uuid7());
    if (!(*log)->append({{1, sample_decision(in_flight.back())}})[0].seq) expect(false, "a decision before");
  }
  fill_disk(disk + "/filler");
  uint64_t refused = 0;
  for (int i = 0; i < 3000 && refused < 20; ++i) {
    const std::string req = uuid7();
    const auto answers = (*log)->append({{1, sample_decision(req)}});
    if (refused_for_space(answers[0])) ++refused;
    // Room may be left inside the files: what still fits is an exchange like any other, and it ends at once.
  }
  expect(refused == 20, "decisions are refused with disk_full");
  expect((*log)->full() && (*log)->status().gap_decisions == 20, "and counted");
  for (const std::string& req : in_flight)
    if (!(*log)->append({{1, sample_outcome(req)}})[0].seq)
      expect(false, "an outcome while the disk is full");
  (*log)->recover();
  expect((*log)->full(), "no recovery while the disk is full");
  log->reset();                 // the counts outlive the process
  fill_disk(disk + "/filler");  // closing gave back the write-ahead log's room
  log = Log::open(config);
  expect(log.has_value(), "the log opens on a full disk");
  if (!log) return;
  expect(refused_for_space((*log)->append({{1, sample_decision(uuid7())}})[0]), "still refused");
  std::filesystem::remove(disk + "/filler");
  (*log)->recover();
  expect(!(*log)->full(), "recovers when space returns");
  expect((*log)->append({{1, sample_decision(uuid7())}})[0].seq.has_value(), "decisions are recorded again");
  log->reset();
  check_log(config.state_dir, refused + 1);
}

}  // namespace

int main() {
  char pattern[] = "/tmp/warden-full-XXXXXX";
  if (::mkdtemp(pattern) == nullptr) return 2;
  if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", pattern, "tmpfs", 0, "size=24m,mode=0700") != 0) {
    std::perror("disk_full: a private mount needs root");
    return 1;
  }
  run(pattern);
  ::umount(pattern);
  ::rmdir(pattern);
  return failures == 0 ? 0 : 1;
}
