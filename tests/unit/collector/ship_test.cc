// SPDX-License-Identifier: Apache-2.0
// From the log to the receipt, over real TLS: what arrives, what survives a stop, what a rollback does.
#include "agent/base/file.h"
#include "audit/record/json.h"
#include "tests/unit/collector/fleet.h"

namespace warden::audit {
namespace {

class ShipTest : public Fleet {
 protected:
  EpochState current() {
    auto reader = LogReader::open(log_config_.state_dir);
    EXPECT_TRUE(reader);
    auto epoch = reader->epoch(0);
    EXPECT_TRUE(epoch);
    return *epoch;
  }
  std::vector<std::string> local_leaves(uint64_t epoch = 0) {
    auto reader = LogReader::open(log_config_.state_dir);
    auto state = reader->epoch(epoch);
    return *reader->read_entries(state->epoch, 0, state->size);
  }
  // As a stranger would: by tiles, against the cosigned checkpoint.
  std::vector<std::string> mirrored_leaves(const EpochState& epoch) {
    const auto reader = client("reader");
    const auto checkpoint = reader->get("/checkpoint/" + epoch.origin);
    EXPECT_TRUE(checkpoint);
    EXPECT_EQ(checkpoint->status, 200U);
    const auto opened = chain::open_checkpoint(checkpoint->body, *chain::Verifier::parse(epoch.vkey));
    EXPECT_TRUE(opened);
    EXPECT_TRUE(chain::Verifier::parse(collector_->cosigner_vkey())->verify(opened->note));
    std::vector<std::string> leaves;
    chain::Frontier frontier;
    chain::each_tile(opened->checkpoint.size, [&](const chain::TileName& name) {
      const auto answer = reader->get("/tile/" + epoch.origin + name.path().substr(4));
      EXPECT_EQ(answer->status, 200U) << name.path();
      if (!name.entries) return true;
      const auto bundle = chain::parse_bundle(answer->body, name.width);
      EXPECT_TRUE(bundle) << name.path();
      for (const auto leaf : *bundle) {
        leaves.emplace_back(leaf);
        frontier.append(chain::leaf_hash(leaf));
      }
      return true;
    });
    EXPECT_EQ(frontier.root(), opened->checkpoint.root);
    return leaves;
  }
  void ship_all() {
    ASSERT_TRUE(eventually([&] { return all_cosigned(); })) << shipper_->status().detail;
  }
};

TEST_F(ShipTest, ShipsAndReceivesReceipts) {
  start_collector();
  open_writer();
  record(700);
  start_shipper();
  ship_all();
  record(3);
  ship_all();
  const EpochState epoch = current();
  EXPECT_EQ(epoch.epoch, 1U);
  const auto receipt = chain::open_checkpoint(epoch.receipt, *chain::Verifier::parse(epoch.vkey));
  ASSERT_TRUE(receipt);
  EXPECT_TRUE(chain::Verifier::parse(collector_->cosigner_vkey())->verify(receipt->note));
  EXPECT_EQ(mirrored_leaves(epoch), local_leaves());
  EXPECT_EQ(shipper_->status().state, ShipState::connected);
  EXPECT_EQ(shipper_->status().sent_records, epoch.size);
}

TEST_F(ShipTest, CollectorRestartsUnderLoad) {
  start_collector();
  open_writer();
  start_shipper();
  std::atomic<bool> stop = false;
  std::atomic<int> number = 0;
  std::thread load([&] {
    while (!stop) {
      writer_->submit(1, decision(++number));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(eventually(
        [&, receipts = shipper_->status().receipts] { return shipper_->status().receipts > receipts + 1; }));
    collector_.reset();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    start_collector();
  }
  stop = true;
  load.join();
  ship_all();
  EXPECT_EQ(current().epoch, 1U);
  EXPECT_EQ(mirrored_leaves(current()), local_leaves());
  EXPECT_GE(local_leaves().size(), static_cast<size_t>(number));
}

TEST_F(ShipTest, AgentRestartGoesOnInTheSameEpoch) {
  start_collector();
  open_writer();
  start_shipper();
  record(300);
  ship_all();
  shipper_.reset();
  record(100);  // committed, not shipped
  writer_.reset();
  open_writer();
  start_shipper();
  record(10);
  ship_all();
  EXPECT_EQ(current().epoch, 1U);
  EXPECT_EQ(mirrored_leaves(current()), local_leaves());
}

TEST_F(ShipTest, SilentCollectorAtStartOpensOneEpochAndLosesNothing) {
  start_collector();
  open_writer();
  start_shipper();
  record(20);
  ship_all();
  shipper_.reset();
  writer_.reset();
  collector_.reset();
  open_writer();
  record(30);
  start_shipper();
  ASSERT_TRUE(eventually([&] { return writer_->status().epoch == 2; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_EQ(writer_->status().epoch, 2U);
  EXPECT_EQ(shipper_->status().state, ShipState::unreachable);
  EXPECT_EQ(text_at(local_leaves().front(), "start.pred_state"), "unconfirmed");
  record(5);
  start_collector();
  ship_all();
  EXPECT_EQ(mirrored_leaves(current()), local_leaves());
  auto reader = LogReader::open(log_config_.state_dir);
  EXPECT_EQ(mirrored_leaves(*reader->epoch(1)), local_leaves(1));
}

TEST_F(ShipTest, RolledBackDiskOpensANewEpoch) {
  namespace fs = std::filesystem;
  start_collector();
  open_writer();
  start_shipper();
  record(20);
  ship_all();
  shipper_.reset();
  writer_.reset();
  fs::copy(log_config_.state_dir, folder_ + "/backup", fs::copy_options::recursive);
  open_writer();
  start_shipper();
  record(50);
  ship_all();
  shipper_.reset();
  writer_.reset();
  fs::remove_all(log_config_.state_dir);
  fs::copy(folder_ + "/backup", log_config_.state_dir, fs::copy_options::recursive);
  open_writer();
  start_shipper();
  ASSERT_TRUE(eventually([&] { return writer_->status().epoch == 2; }));
  record(5);
  ship_all();
  EXPECT_EQ(text_at(local_leaves().front(), "start.pred_state"), "rolled_back");
  EXPECT_EQ(mirrored_leaves(current()), local_leaves());
  EXPECT_TRUE(eventually([&] { return shipper_->status().stuck_epochs == 1; }));
}

// The collector has seen epochs that the restored disk does not know: their numbers are not used again.
TEST_F(ShipTest, RollbackBehindASilentCollectorComesOutLater) {
  namespace fs = std::filesystem;
  start_collector();
  open_writer();
  start_shipper();
  record(20);
  ship_all();
  shipper_.reset();
  writer_.reset();
  fs::copy(log_config_.state_dir, folder_ + "/backup", fs::copy_options::recursive);
  open_writer();
  writer_->rotate("rolled_back", 5);
  start_shipper();
  ASSERT_TRUE(eventually([&] { return writer_->status().epoch == 5 && all_cosigned(); }));
  shipper_.reset();
  writer_.reset();
  fs::remove_all(log_config_.state_dir);
  fs::copy(folder_ + "/backup", log_config_.state_dir, fs::copy_options::recursive);
  collector_.reset();
  open_writer();
  start_shipper();
  ASSERT_TRUE(eventually([&] { return writer_->status().epoch == 2; }));
  start_collector();
  ASSERT_TRUE(eventually([&] { return writer_->status().epoch == 6 && all_cosigned(); }));
  EXPECT_EQ(mirrored_leaves(current()), local_leaves());
}

TEST_F(ShipTest, CertificateOfAnotherFleetIsRefused) {
  start_collector();
  open_writer();
  auto config = ship_config();
  config.cert = keys() + "/other/agent.pem";
  config.key = keys() + "/other/agent.key";
  start_shipper(config);
  EXPECT_TRUE(eventually([&] { return shipper_->status().failures > 2; }));
  EXPECT_EQ(shipper_->status().receipts, 0U);
}

TEST_F(ShipTest, ServerOfAnotherFleetIsRefused) {
  start_collector();
  open_writer();
  auto config = ship_config();
  config.ca = keys() + "/other/ca.pem";
  start_shipper(config);
  EXPECT_TRUE(eventually([&] { return shipper_->status().failures > 2; }));
  EXPECT_NE(shipper_->status().detail.find("certificate verify failed"), std::string::npos);
}

TEST_F(ShipTest, ReplacedCosignerIsNotBelieved) {
  start_collector();
  open_writer();
  start_shipper();
  ship_all();
  shipper_.reset();
  collector_.reset();
  std::filesystem::remove(folder_ + "/collector/cosign.key");
  start_collector();
  start_shipper();
  record(1);
  EXPECT_TRUE(eventually([&] { return shipper_->status().state == ShipState::refused; }));
  EXPECT_LT(writer_->status().cosigned, writer_->status().size);
}

TEST_F(ShipTest, StopsInTheMiddle) {
  start_collector();
  open_writer();
  record(2000);
  start_shipper();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const auto began = std::chrono::steady_clock::now();
  shipper_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  start_shipper();
  ship_all();
  EXPECT_EQ(mirrored_leaves(current()), local_leaves());
}

}  // namespace
}  // namespace warden::audit
