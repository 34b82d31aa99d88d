// SPDX-License-Identifier: Apache-2.0
// The log on a real disk: what is answered is there, signed, in order, and still there after reopening.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "agent/base/uuid.h"
#include "audit/chain/proof.h"
#include "audit/record/json.h"
#include "audit/record/schema.h"
#include "audit/store/layout.h"
#include "audit/store/log.h"
#include "audit/store/reader.h"

namespace warden::audit {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/warden-store-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder_ = pattern;
    config_.state_dir = folder_ + "/audit";
    config_.log_domain = "log.example";
    config_.tenant = "t1";
    config_.host_id = "h1";
    config_.reserve_bytes = 1 << 20;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static Draft decision(const std::string& req = uuid7()) {
    Draft draft(Kind::decision);
    draft.set(Field::req, req);
    draft.set(Field::proc_comm, std::string("curl"));
    draft.set(Field::proc_exe, std::string("/usr/bin/curl"));
    draft.set(Field::user_uid, int64_t{1000});
    draft.set(Field::user_name, std::string("alice"));
    draft.set(Field::dec_verdict, std::string("allow"));
    return draft;
  }
  static Draft outcome(const std::string& req) {
    Draft draft(Kind::outcome);
    draft.set(Field::req, req);
    draft.set(Field::out_end, std::string("complete"));
    return draft;
  }
  std::unique_ptr<Log> open_log() {
    auto log = Log::open(config_);
    EXPECT_TRUE(log) << (log ? "" : log.error().detail);
    return log ? std::move(*log) : nullptr;
  }
  // Every leaf of every epoch, checked against the signed checkpoint.
  std::vector<std::string> verified_leaves() {
    auto reader = LogReader::open(config_.state_dir);
    EXPECT_TRUE(reader);
    std::vector<std::string> leaves;
    const auto epochs = reader->epochs();
    EXPECT_TRUE(epochs);
    for (const EpochState& state : *epochs) {
      const auto key = chain::Verifier::parse(state.vkey);
      const auto opened = chain::open_checkpoint(state.checkpoint, *key);
      EXPECT_TRUE(opened);
      chain::Frontier tree;
      const auto entries = reader->read_entries(state.epoch, 0, state.size);
      for (const std::string& leaf : *entries) {
        EXPECT_EQ(text_at(leaf, "seq"), std::to_string(tree.size()));
        EXPECT_EQ(text_at(leaf, "origin"), state.origin);
        EXPECT_TRUE(is_canonical(leaf)) << leaf;
        tree.append(chain::leaf_hash(leaf));
        leaves.push_back(leaf);
      }
      EXPECT_EQ(tree.size(), opened->checkpoint.size);
      EXPECT_EQ(tree.root(), opened->checkpoint.root);
    }
    return leaves;
  }

  std::string folder_;
  LogConfig config_;
};

TEST_F(StoreTest, AppendsSignsAndReopens) {
  for (uint64_t run = 0; run < 3; ++run) {
    auto log = open_log();
    ASSERT_TRUE(log);
    const std::string req = uuid7();
    const auto answers = log->append({{7, decision(req)}, {8, outcome(req)}});
    ASSERT_EQ(answers.size(), 2u);
    EXPECT_EQ(answers[0].token, 7u);
    ASSERT_TRUE(answers[1].seq);
    EXPECT_EQ(*answers[0].seq, run * 3 + 1);  // after this run's `start`
    EXPECT_EQ(log->status().origin, "log.example/t1/h/h1/1");
  }
  const auto leaves = verified_leaves();
  ASSERT_EQ(leaves.size(), 9u);
  EXPECT_EQ(text_at(leaves[3], "kind"), "start");
  EXPECT_EQ(text_at(leaves[1], "dec.verdict"), "allow");
  EXPECT_EQ(leaves[1].find("alice"), std::string::npos);
}

TEST_F(StoreTest, FilesAreOurs) {
  open_log();
  struct stat status {};
  ASSERT_EQ(::stat(config_.state_dir.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  auto log = open_log();
  for (const auto& file : std::filesystem::directory_iterator(config_.state_dir)) {
    ASSERT_EQ(::stat(file.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u) << file.path();
  }
  EXPECT_EQ(Log::open(config_).error().code, StoreError::cannot_open);  // one writer
}

TEST_F(StoreTest, DecisionsLeftOpenAreLost) {
  const std::string ended = uuid7(), open = uuid7();
  open_log()->append({{1, decision(ended)}, {2, decision(open)}, {3, outcome(ended)}});
  open_log();
  open_log();
  size_t lost = 0;
  for (const std::string& leaf : verified_leaves()) {
    if (text_at(leaf, "out.end") != "lost") continue;
    ++lost;
    EXPECT_EQ(text_at(leaf, "req"), open);
  }
  EXPECT_EQ(lost, 1u);
}

TEST_F(StoreTest, WhatIsInFlightIsNotLostUntilItEndsOrAnotherRunKnowsNothingOfIt) {
  const std::string ends = uuid7(), goes_on = uuid7();
  open_log()->append({{1, decision(ends)}, {2, decision(goes_on)}});
  config_.in_flight = {ends, goes_on};
  open_log()->append({{3, outcome(ends)}});
  open_log();
  config_.in_flight = {};
  open_log();
  std::vector<std::string> outcomes;
  for (const std::string& leaf : verified_leaves())
    if (text_at(leaf, "kind") == "outcome") outcomes.push_back(text_at(leaf, "req") + ' ' + text_at(leaf, "out.end"));
  EXPECT_EQ(outcomes, (std::vector{ends + " complete", goes_on + " lost"}));
}

TEST_F(StoreTest, ProofsTilesAndDisclosures) {
  auto log = open_log();
  for (int i = 0; i < 7; ++i) {
    std::vector<Item> group;
    for (uint64_t k = 0; k < 100; ++k) group.push_back({k, decision()});
    for (const Committed& answer : log->append(std::move(group))) ASSERT_TRUE(answer.seq);
  }
  auto reader = LogReader::open(config_.state_dir);
  ASSERT_TRUE(reader);
  const auto state = reader->epoch(0);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->size, 701u);
  const auto key = chain::Verifier::parse(state->vkey);
  for (const uint64_t seq : {0u, 1u, 255u, 256u, 511u, 512u, 700u}) {
    const auto leaf = reader->read_entries(1, seq, seq + 1);
    const auto hashes = chain::inclusion_proof(seq, state->size, reader->subtrees(1));
    ASSERT_TRUE(leaf && hashes);
    const chain::TlogProof proof{"", seq, *hashes, state->checkpoint};
    EXPECT_TRUE(proof.verify(leaf->front(), *key));
  }
  EXPECT_TRUE(chain::each_tile(
      state->size, [&](const chain::TileName& name) { return reader->tile(1, name).has_value(); }));
  const auto disclosures = reader->disclosures(1, 5);
  ASSERT_TRUE(disclosures);
  const auto opened = from_base64url(disclosures->substr(0, disclosures->find('~')));
  ASSERT_TRUE(opened);
  EXPECT_TRUE(is_canonical(*opened));
}

TEST_F(StoreTest, TheWriteAheadLogDoesNotGrowWhenItIsFoldedInTime) {
  const std::string wal = config_.state_dir + "/log.sqlite-wal";
  auto log = open_log();
  size_t records = 1;  // `start`
  for (int round = 0; round < 3; ++round) {
    while (!log->wants_rest()) {
      ASSERT_TRUE(log->append({{1, decision()}})[0].seq);
      ASSERT_LT(++records, 5000u);
      ASSERT_EQ(std::filesystem::file_size(wal), kWalBytes);
    }
    log->rest();
    EXPECT_FALSE(log->wants_rest());
  }
  EXPECT_EQ(verified_leaves().size(), records);
}

TEST_F(StoreTest, RoomForTheWriteAheadLogIsAddedBehindWhatACrashLeft) {
  const std::string wal = config_.state_dir + "/log.sqlite-wal", kept = config_.state_dir + "/kept";
  auto log = open_log();
  log->append({{1, decision()}});
  std::filesystem::copy_file(config_.state_dir + "/log.sqlite", kept);
  std::filesystem::copy_file(wal, kept + "-wal");
  log.reset();
  std::filesystem::rename(kept, config_.state_dir + "/log.sqlite");
  std::filesystem::rename(kept + "-wal", wal);
  std::filesystem::resize_file(wal, 300'000);  // its frames, and less room than is wanted
  log = open_log();
  EXPECT_EQ(std::filesystem::file_size(wal), kWalBytes);
  EXPECT_TRUE(log->append({{1, decision()}})[0].seq);
  EXPECT_EQ(verified_leaves().size(), 5u);  // start, decision, lost outcome, start, decision
}

TEST_F(StoreTest, AChangedTailIsNotSignedOver) {
  open_log()->append({{1, decision()}});
  {
    auto database = Database::open(config_.state_dir + "/log.sqlite", Database::Mode::read_write);
    ASSERT_TRUE(database->run("UPDATE entries SET leaf = replace(leaf, 'allow', 'block')"));
  }
  EXPECT_EQ(Log::open(config_).error().code, StoreError::corrupt);
}

TEST_F(StoreTest, RotationNamesThePredecessor) {
  auto log = open_log();
  log->append({{1, decision()}});
  ASSERT_TRUE(log->rotate("rolled_back", 5));
  log->append({{1, decision()}});
  const auto leaves = verified_leaves();
  ASSERT_EQ(leaves.size(), 4u);
  EXPECT_EQ(text_at(leaves[2], "start.predecessor"), "log.example/t1/h/h1/1");
  EXPECT_EQ(text_at(leaves[2], "start.pred_state"), "rolled_back");
  EXPECT_EQ(text_at(leaves[2], "start.pred_size"), "2");
  EXPECT_EQ(text_at(leaves[2], "origin"), "log.example/t1/h/h1/5");
}

TEST_F(StoreTest, SpoolFullTakesOutcomesOnly) {
  config_.spool_bytes_max = 20'000;
  auto log = open_log();
  std::vector<std::string> open;
  bool refused = false;
  for (int i = 0; i < 200 && !refused; ++i) {
    const std::string req = uuid7();
    const auto answers = log->append({{1, decision(req)}});
    refused = !answers[0].seq;
    if (refused) {
      EXPECT_EQ(answers[0].seq.error().code, StoreError::spool_full);
    } else {
      open.push_back(req);
    }
  }
  ASSERT_TRUE(refused);
  EXPECT_TRUE(log->append({{1, outcome(open.back())}})[0].seq);
  EXPECT_EQ(log->status().gap_decisions, 1u);
  const uint64_t size = log->status().size;
  ASSERT_TRUE(log->set_cosigned(1, size, "receipt"));
  EXPECT_EQ(log->set_cosigned(1, size + 1, "receipt").error().code, StoreError::rolled_back);
}

TEST_F(StoreTest, WriterAnswersEveryDraft) {
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<uint64_t> sequences;
  auto writer = Writer::open(config_, [&](std::vector<Committed> group) {
    const std::lock_guard lock(mutex);
    for (const Committed& answer : group) {
      EXPECT_TRUE(answer.seq);
      sequences.push_back(answer.seq.value_or(0));
    }
    wake.notify_one();
  });
  ASSERT_TRUE(writer);
  constexpr size_t kCount = 3000;
  for (uint64_t i = 0; i < kCount; ++i)
    while (!(*writer)->submit(i, decision())) std::this_thread::yield();
  std::unique_lock lock(mutex);
  ASSERT_TRUE(wake.wait_for(lock, std::chrono::seconds(60), [&] { return sequences.size() == kCount; }));
  for (size_t i = 0; i < kCount; ++i) EXPECT_EQ(sequences[i], i + 1);
  EXPECT_EQ((*writer)->status().size, kCount + 1);
  lock.unlock();
  writer->reset();
  EXPECT_EQ(verified_leaves().size(), kCount + 1);
}

}  // namespace
}  // namespace warden::audit
