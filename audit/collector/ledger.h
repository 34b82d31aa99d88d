// SPDX-License-Identifier: Apache-2.0
// Ledger: accepts the hosts' logs. A checkpoint is accepted when its origin's key signed it and its tree
// extends the one accepted before; entries, when they are part of an accepted tree; and a tree is cosigned
// when all of its entries are here. Full tiles and bundles become immutable files below `tiles/`.
//
// Trust: the first checkpoint of a host (an origin without its epoch) binds it to the public key of the
// client certificate that brought it; from then on only that key speaks for the host. A file `enrolment` in
// the state folder, lines "<digest> <host>", replaces first use by a list. The log's own key is pinned with
// its origin. Thread-safe: one lock, as SQLite has one writer.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain/checkpoint.h"
#include "audit/ship/wire.h"
#include "audit/store/sqlite.h"
#include "audit/store/vault.h"

namespace warden::audit {

struct Reply {
  unsigned status = 200;
  std::string body;
  const char* type = "text/plain; charset=utf-8";
};

struct OriginState {
  uint64_t id = 0, epoch = 0, accepted = 0, held = 0, cosigned = 0;
  int64_t seen_us = 0;
  std::string origin, host, vkey, root, note, receipt;
};

class Ledger {
 public:
  static Result<std::unique_ptr<Ledger>, StoreError> open(const std::string& state_dir,
                                                          chain::Signer cosigner);

  // Requests of agents; `peer` is the digest of the public key in the certificate they came with.
  Reply add_checkpoint(std::string_view peer, std::string_view vkey, std::string_view body);
  Reply add_entries(std::string_view peer, std::string_view body);
  Reply add_disclosures(std::string_view peer, std::string_view body);
  Reply latest(std::string_view peer, std::string_view origin);

  // Reading, for anybody who may.
  std::vector<OriginState> origins();
  std::optional<OriginState> find(std::string_view origin);
  std::optional<std::string> tile(const OriginState& origin, const chain::TileName& name);
  Result<std::vector<std::string>, StoreError> entries(const OriginState& origin, uint64_t from, uint64_t to);
  // The disclosures of a record, each followed by '~'; empty when there are none or they were erased.
  std::string disclosures(const OriginState& origin, uint64_t seq);
  // The record's proof under the last cosigned checkpoint, as a .tlog-proof; empty while it is not cosigned.
  std::string proof(const OriginState& origin, uint64_t seq);

  [[nodiscard]] std::string cosigner_vkey() const { return cosigner_.verifier().vkey(); }

  // Told, outside the lock, of what was taken; set before the first request.
  std::function<void(const OriginState&)> on_entries;
  std::function<void(const OriginState&, const DisclosuresRequest&)> on_disclosures;

 private:
  struct Statements {
    Statement begin, commit, rollback, origin, origin_new, accept, progress, host, host_new, epoch_max, node,
        node_new, tail, tail_new, tail_drop, subject, subject_new, disclosure, disclosure_new;
  };
  Ledger(std::string state_dir, chain::Signer cosigner, Vault vault, Database database)
      : state_dir_(std::move(state_dir)),
        cosigner_(std::move(cosigner)),
        vault_(std::move(vault)),
        database_(std::move(database)) {}
  Result<void, StoreError> prepare();
  Result<std::optional<OriginState>, StoreError> load(std::string_view origin);
  Result<bool, StoreError> owns(std::string_view peer, std::string_view host, bool first_contact);
  bool enrolled(std::string_view peer, std::string_view host, bool& listed) const;
  Reply failed(const Error<StoreError>& error);

  Result<Reply, StoreError> accept(std::string_view peer, const std::optional<OriginState>& known,
                                   const chain::Verifier& key, const CheckpointRequest& request,
                                   const chain::Checkpoint& checkpoint);
  Result<Reply, StoreError> take(OriginState& origin, const EntriesRequest& request);
  Result<void, StoreError> keep(OriginState& origin, const std::vector<std::string_view>& leaves,
                                uint64_t start, uint64_t end);
  Result<void, StoreError> write_tiles(const OriginState& origin, uint64_t package,
                                       const std::vector<std::string_view>& leaves,
                                       std::vector<std::pair<chain::TileName, Digest>>& nodes);
  Result<std::vector<std::string>, StoreError> tail(const OriginState& origin);
  Result<void, StoreError> keep_disclosures(const OriginState& origin, uint64_t seq, std::string_view leaf,
                                            std::string_view text);
  Result<void, StoreError> transaction(const std::function<Result<void, StoreError>()>& body);
  chain::SubtreeHash subtrees(const OriginState& origin);
  std::optional<std::vector<Digest>> hashes(const OriginState& origin, unsigned level, uint64_t from,
                                            uint64_t to);
  Result<std::vector<std::string>, StoreError> entries_locked(const OriginState& origin, uint64_t from,
                                                              uint64_t to);
  std::optional<std::string> tile_locked(const OriginState& origin, const chain::TileName& name);
  [[nodiscard]] std::string path_of(const OriginState& origin, const chain::TileName& name) const;

  const std::string state_dir_;
  const chain::Signer cosigner_;
  const Vault vault_;
  std::mutex mutex_;
  Database database_;
  Statements sql_;
};

}  // namespace warden::audit
