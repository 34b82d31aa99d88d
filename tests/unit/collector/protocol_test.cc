// SPDX-License-Identifier: Apache-2.0
// What the collector refuses, put to it by hand: forged and inconsistent checkpoints, entries and disclosures
// that are not the log's, peers that may not.
#include "agent/base/file.h"
#include "audit/record/json.h"
#include "audit/ship/wire.h"
#include "audit/store/log.h"
#include "tests/unit/collector/fleet.h"

namespace warden::audit {
namespace {

class ProtocolTest : public Fleet {
 protected:
  void SetUp() override {
    Fleet::SetUp();
    start_collector();
    open_writer();
    record(299);  // and the `start` record
    writer_.reset();
    reader_.emplace(*LogReader::open(log_config_.state_dir));
    epoch_ = *reader_->epoch(0);
    agent_ = client("agent");
  }
  unsigned checkpoint(uint64_t old, const std::string& note, const std::string& vkey,
                      chain::Proof proof = {}) {
    return agent_->post("/add-checkpoint", CheckpointRequest{old, std::move(proof), note}.format(), vkey)
        ->status;
  }
  unsigned entries(uint64_t start, uint64_t end,
                   const std::function<void(std::vector<std::string>&)>& change = {}) {
    auto leaves = *reader_->read_entries(epoch_.epoch, start, end);
    if (change) change(leaves);
    EntriesRequest request{epoch_.origin, start, end, {leaves.begin(), leaves.end()}, {}};
    request.proof = *package_proof(start / 256, epoch_.size, reader_->subtrees(epoch_.epoch));
    return agent_->post("/add-entries", request.format())->status;
  }
  unsigned disclose(uint64_t seq, std::string text) {
    return agent_->post("/add-disclosures", DisclosuresRequest{epoch_.origin, {{seq, text}}}.format())
        ->status;
  }
  chain::Signer key_of_log(const std::string& origin) {
    return *chain::Signer::generate(origin, chain::KeyType::ed25519);
  }
  std::optional<LogReader> reader_;
  EpochState epoch_;
  std::unique_ptr<HttpsClient> agent_;
};

TEST_F(ProtocolTest, ForgedCheckpointsAreRefused) {
  std::string other_root = epoch_.checkpoint;
  other_root[other_root.find('\n', other_root.find('\n') + 1) + 3] ^= 1;
  EXPECT_EQ(checkpoint(0, other_root, epoch_.vkey), 403U);
  const chain::Signer forger = key_of_log(epoch_.origin);
  const std::string forged = chain::sign_checkpoint({epoch_.origin, 300, Digest{}}, forger);
  EXPECT_EQ(checkpoint(0, forged, epoch_.vkey), 403U);
  EXPECT_EQ(checkpoint(0, epoch_.checkpoint, ""), 404U);  // first contact without a key
  EXPECT_EQ(checkpoint(0, epoch_.checkpoint, epoch_.vkey), 200U);
  // Once known, the key cannot be replaced, not even by one that signs well.
  EXPECT_EQ(checkpoint(300, forged, forger.verifier().vkey()), 403U);
  EXPECT_EQ(checkpoint(300, forged, ""), 403U);
}

TEST_F(ProtocolTest, OldSizesAndMalformedBodies) {
  EXPECT_EQ(checkpoint(0, epoch_.checkpoint, epoch_.vkey), 200U);
  const auto again =
      agent_->post("/add-checkpoint", CheckpointRequest{0, {}, epoch_.checkpoint}.format(), epoch_.vkey);
  EXPECT_EQ(again->status, 409U);
  EXPECT_EQ(again->body, "300\n");
  EXPECT_EQ(checkpoint(300, epoch_.checkpoint, epoch_.vkey), 200U);  // repeated
  for (const char* body : {"", "old", "old 1", "old 1\n", "old 01\n\nx\n\n", "old 1\nAAAA\n\n"})
    EXPECT_EQ(agent_->post("/add-checkpoint", body)->status, 400U) << body;
  EXPECT_EQ(agent_->post("/add-entries", "junk")->status, 400U);
  EXPECT_EQ(agent_->post("/add-disclosures", "junk")->status, 400U);
  const std::string climbing = "log.example/t1/h/../1";
  const chain::Signer signer = key_of_log(climbing);
  EXPECT_EQ(checkpoint(0, chain::sign_checkpoint({climbing, 1, Digest{}}, signer), signer.verifier().vkey()),
            400U);
}

TEST_F(ProtocolTest, ATreeThatDoesNotExtendTheAcceptedOneIsRefused) {
  const std::string origin = "log.example/t1/h/h9/1";
  const chain::Signer signer = key_of_log(origin);
  const std::string vkey = signer.verifier().vkey();
  chain::Frontier one, fork;
  for (int i = 0; i < 4; ++i) one.append(chain::leaf_hash("a" + std::to_string(i)));
  for (int i = 0; i < 6; ++i) fork.append(chain::leaf_hash("b" + std::to_string(i)));
  EXPECT_EQ(checkpoint(0, chain::sign_checkpoint({origin, 4, one.root()}, signer), vkey), 200U);
  EXPECT_EQ(checkpoint(4, chain::sign_checkpoint({origin, 6, fork.root()}, signer), vkey, {Digest{}}), 422U);
  EXPECT_EQ(checkpoint(4, chain::sign_checkpoint({origin, 4, fork.root()}, signer), vkey), 422U);
  EXPECT_EQ(checkpoint(4, chain::sign_checkpoint({origin, 3, one.root()}, signer), vkey), 422U);
  const Digest right = chain::node_hash(chain::leaf_hash("b4"), chain::leaf_hash("b5"));
  const Digest grown = chain::node_hash(one.root(), right);
  EXPECT_EQ(checkpoint(4, chain::sign_checkpoint({origin, 6, grown}, signer), vkey, {right}), 200U);
}

TEST_F(ProtocolTest, OnlyEntriesOfTheAcceptedTreeAreKept) {
  EXPECT_EQ(entries(0, 256), 404U);
  ASSERT_EQ(checkpoint(0, epoch_.checkpoint, epoch_.vkey), 200U);
  EXPECT_EQ(entries(256, 300), 409U);  // a gap
  EXPECT_EQ(entries(0, 255), 400U);    // a package that ends too early
  const auto changed = [](std::vector<std::string>& leaves) {
    const size_t at = leaves[7].find("\"uid\":100");
    ASSERT_NE(at, std::string::npos);
    leaves[7][at + 6] = '2';
  };
  EXPECT_EQ(entries(0, 256, changed), 422U);
  EXPECT_EQ(entries(0, 256, [](auto& leaves) { std::swap(leaves[3], leaves[4]); }), 422U);
  EXPECT_EQ(entries(0, 256, [](auto& leaves) { leaves[9] = "{}"; }), 422U);
  EXPECT_EQ(entries(0, 256), 202U);
  EXPECT_EQ(entries(0, 256), 409U);  // there already
  EXPECT_EQ(entries(256, 300), 200U);
  const auto receipt = agent_->post("/add-entries", EntriesRequest{epoch_.origin, 300, 300, {}, {}}.format());
  EXPECT_EQ(receipt->status, 200U);
  EXPECT_TRUE(chain::Verifier::parse(collector_->cosigner_vkey())
                  ->verify(*chain::parse_note(epoch_.checkpoint + receipt->body)));
}

TEST_F(ProtocolTest, DisclosuresMustBeTheirRecords) {
  ASSERT_EQ(checkpoint(0, epoch_.checkpoint, epoch_.vkey), 200U);
  const std::string own = *reader_->disclosures(epoch_.epoch, 5),
                    other = *reader_->disclosures(epoch_.epoch, 6);
  ASSERT_FALSE(own.empty());
  EXPECT_EQ(disclose(5, own), 409U);  // before its entry
  EXPECT_EQ(entries(0, 256), 202U);
  EXPECT_EQ(disclose(5, own), 200U);
  EXPECT_EQ(disclose(5, own), 200U);
  EXPECT_EQ(disclose(5, other), 422U);
  EXPECT_EQ(disclose(5, own + base64url("[\"salt\",\"name\",\"mallory\"]") + "~"), 422U);
  EXPECT_EQ(disclose(299, own), 409U);
}

TEST_F(ProtocolTest, WhoMayWhat) {
  ASSERT_EQ(checkpoint(0, epoch_.checkpoint, epoch_.vkey), 200U);
  const auto reader = client("reader");
  EXPECT_EQ(reader->post("/add-entries", "x")->status, 403U);
  EXPECT_EQ(reader->get("/api/v1/hosts")->status, 200U);
  EXPECT_EQ(agent_->get("/api/v1/hosts")->status, 403U);
  EXPECT_EQ(agent_->get("/checkpoint/" + epoch_.origin)->status, 403U);
  EXPECT_FALSE(client("agent", "other")->get("/vkey"));
  // Another agent of the same fleet does not speak for this host.
  const std::string command =
      "cd " + keys() +
      "/one && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
      "second.key -subj /CN=second 2>/dev/null | openssl x509 -req -CA ca.pem -CAkey ca.key "
      "-days 2 -out second.pem -extfile <(printf "
      "'extendedKeyUsage=clientAuth\\nsubjectAltName=URI:egresswarden:agent\\n') 2>/dev/null";
  ASSERT_EQ(std::system(("bash -c \"" + command + "\"").c_str()), 0);
  const auto second = client("second");
  EXPECT_EQ(second->get("/latest/" + epoch_.origin)->status, 403U);
  EXPECT_EQ(second->post("/add-checkpoint", CheckpointRequest{300, {}, epoch_.checkpoint}.format())->status,
            403U);
  EXPECT_EQ(agent_->get("/latest/" + epoch_.origin)->body, "300\n1\n" + epoch_.vkey + "\n");
}

TEST_F(ProtocolTest, AnEnrolmentListReplacesFirstUse) {
  ASSERT_TRUE(write_file(folder_ + "/collector/enrolment", "0000 log.example/t1/h/h1\n", 0600));
  EXPECT_EQ(checkpoint(0, epoch_.checkpoint, epoch_.vkey), 403U);
  std::filesystem::remove(folder_ + "/collector/enrolment");
  EXPECT_EQ(checkpoint(0, epoch_.checkpoint, epoch_.vkey), 200U);
}

}  // namespace
}  // namespace warden::audit
