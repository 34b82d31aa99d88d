// SPDX-License-Identifier: Apache-2.0
// Opening the ledger, and checkpoints: who may speak for a host, and does its tree only grow.
#include "audit/collector/ledger.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/base/clock.h"
#include "agent/base/fd.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "audit/collector/store.h"

namespace warden::audit {

Result<std::unique_ptr<Ledger>, StoreError> Ledger::open(const std::string& state_dir,
                                                         chain::Signer cosigner) {
  const std::string path = state_dir + "/state.sqlite";
  // Made first, so that SQLite's companions get its mode.
  const Fd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!made) return fail(StoreError::cannot_open, path + ": " + std::strerror(errno));
  auto vault = Vault::open(state_dir + "/collector.secret", true);
  if (!vault) return std::unexpected(vault.error());
  auto database = Database::open(path, Database::Mode::read_write);
  if (!database) return std::unexpected(database.error());
  std::unique_ptr<Ledger> ledger(
      new Ledger(state_dir, std::move(cosigner), std::move(*vault), std::move(*database)));
  if (auto ready = ledger->prepare(); !ready) return std::unexpected(ready.error());
  return ledger;
}

Result<void, StoreError> Ledger::prepare() {
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", kLedgerTables})
    if (auto done = database_.run(sql); !done) return done;
  const std::pair<Statement*, const char*> all[] = {
      {&sql_.begin, "BEGIN IMMEDIATE"},
      {&sql_.commit, "COMMIT"},
      {&sql_.rollback, "ROLLBACK"},
      {&sql_.origin,
       "SELECT id, epoch, accepted, held, cosigned, seen, origin, host, vkey, root, note, receipt FROM "
       "origins "
       "WHERE origin = ?"},
      {&sql_.origin_new,
       "INSERT INTO origins(origin, host, epoch, vkey, accepted, root, note, seen, held, cosigned, receipt) "
       "VALUES(?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '')"},
      // The old size in the condition is the compare of compare-and-swap.
      {&sql_.accept,
       "UPDATE origins SET accepted = ?, root = ?, note = ?, seen = ? WHERE id = ? AND accepted = ?"},
      {&sql_.progress,
       "UPDATE origins SET held = ?, cosigned = ?, receipt = ?, seen = ? WHERE id = ? AND accepted = ? AND "
       "held "
       "= ?"},
      {&sql_.host, "SELECT owner FROM hosts WHERE host = ?"},
      {&sql_.host_new, "INSERT INTO hosts(host, owner, since) VALUES(?, ?, ?)"},
      {&sql_.epoch_max, "SELECT coalesce(max(epoch), 0) FROM origins WHERE host = ?"},
      {&sql_.node,
       "SELECT at, hash FROM nodes WHERE origin = ? AND level = ? AND at >= ? AND at < ? ORDER BY at"},
      {&sql_.node_new, "INSERT INTO nodes(origin, level, at, hash) VALUES(?, ?, ?, ?)"},
      {&sql_.tail, "SELECT seq, leaf FROM tail WHERE origin = ? ORDER BY seq"},
      {&sql_.tail_new, "INSERT INTO tail(origin, seq, leaf) VALUES(?, ?, ?)"},
      {&sql_.tail_drop, "DELETE FROM tail WHERE origin = ?"},
      {&sql_.subject, "SELECT id, key FROM subjects WHERE host = ? AND subject = ?"},
      {&sql_.subject_new, "INSERT INTO subjects(host, subject, key) VALUES(?, ?, ?)"},
      {&sql_.disclosure,
       "SELECT d.sealed, s.host || ' ' || s.subject, s.key FROM disclosures d JOIN subjects s ON s.id = "
       "d.subject "
       "WHERE d.origin = ? AND d.seq = ?"},
      {&sql_.disclosure_new,
       "INSERT OR REPLACE INTO disclosures(origin, seq, subject, sealed) VALUES(?, ?, ?, ?)"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void, StoreError> Ledger::transaction(const std::function<Result<void, StoreError>()>& body) {
  if (auto begun = sql_.begin.run(); !begun) return begun;
  auto done = body();
  if (done) done = sql_.commit.run();
  if (!done) static_cast<void>(sql_.rollback.run());
  return done;
}

Result<std::optional<OriginState>, StoreError> Ledger::load(std::string_view origin) {
  Statement& row = sql_.origin;
  const auto found = row.bind_text(origin).step();
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::optional<OriginState>();
  OriginState state;
  state.id = row.integer(0);
  state.epoch = row.integer(1);
  state.accepted = row.integer(2);
  state.held = row.integer(3);
  state.cosigned = row.integer(4);
  state.seen_us = static_cast<int64_t>(row.integer(5));
  std::string* const texts[] = {&state.origin, &state.host, &state.vkey,
                                &state.root,   &state.note, &state.receipt};
  for (int i = 0; i < 6; ++i) *texts[i] = row.bytes(6 + i);
  row.reset();
  return std::optional(std::move(state));
}

// True: `peer` is listed for `host`. `listed`: there is a list, so that first contact decides nothing.
bool Ledger::enrolled(std::string_view peer, std::string_view host, bool& listed) const {
  const auto text = read_file(state_dir_ + "/enrolment", 64 << 20);
  listed = text.has_value() || text.error().code != FileError::cannot_open;
  if (!text) return false;
  const std::string line = std::string(peer) + ' ' + std::string(host) + '\n';
  return text->starts_with(line) || text->find('\n' + line) != std::string::npos;
}

Result<bool, StoreError> Ledger::owns(std::string_view peer, std::string_view host, bool first_contact) {
  bool listed = false;
  if (enrolled(peer, host, listed)) return true;
  const auto found = sql_.host.bind_text(host).step();
  if (!found) return std::unexpected(found.error());
  if (*found) {
    const bool same = sql_.host.bytes(0) == peer;
    sql_.host.reset();
    return same && !listed;
  }
  if (listed || !first_contact) return false;
  auto made = sql_.host_new.bind_text(host).bind_text(peer).bind(static_cast<uint64_t>(wall_us())).run();
  if (!made) return std::unexpected(made.error());
  log::info("first contact of host {}: it belongs to the certificate key {}", host, peer);
  return true;
}

Reply Ledger::failed(const Error<StoreError>& error) {
  log::error("collector state: {}", error.detail);
  return {503, "the collector cannot store this now\n"};
}

Reply Ledger::add_checkpoint(std::string_view peer, std::string_view vkey, std::string_view body) {
  const auto request = CheckpointRequest::parse(body);
  if (!request) return {400, "not an add-checkpoint body\n"};
  const auto note = chain::parse_note(request->note);
  if (!note || note->signatures.size() != 1)
    return {400, "want a checkpoint with the log's signature alone\n"};
  const std::string_view origin = std::string_view(note->text).substr(0, note->text.find('\n'));
  if (!OriginParts::parse(origin)) return {400, "the origin has not the form domain/tenant/h/host/epoch\n"};

  const std::lock_guard lock(mutex_);
  const auto known = load(origin);
  if (!known) return failed(known.error());
  if (*known && !vkey.empty() && vkey != (*known)->vkey)
    return {403, "this origin is known with another key\n"};
  const std::string_view key_text = *known ? std::string_view((*known)->vkey) : vkey;
  if (key_text.empty()) return {404, "unknown origin; its first checkpoint must come with its key\n"};
  const auto key = chain::Verifier::parse(key_text);
  if (!key || key->type() != chain::KeyType::ed25519) return {403, "not the key of a log\n"};
  const auto opened = chain::open_checkpoint(request->note, *key);
  if (!opened) return {403, "the checkpoint is not signed by the origin's key\n"};
  auto reply = accept(peer, *known, *key, *request, opened->checkpoint);
  return reply ? std::move(*reply) : failed(reply.error());
}

Result<Reply, StoreError> Ledger::accept(std::string_view peer, const std::optional<OriginState>& known,
                                         const chain::Verifier& key, const CheckpointRequest& request,
                                         const chain::Checkpoint& checkpoint) {
  const OriginParts parts = *OriginParts::parse(checkpoint.origin);
  const auto allowed = owns(peer, parts.host, !known);
  if (!allowed) return std::unexpected(allowed.error());
  if (!*allowed) return Reply{403, "this certificate does not speak for that host\n"};
  const uint64_t accepted = known ? known->accepted : 0;
  if (request.old_size != accepted) return Reply{409, std::to_string(accepted) + '\n', "text/x.tlog.size"};
  Digest root = chain::empty_root();
  if (known) std::memcpy(root.data(), known->root.data(), std::min(known->root.size(), root.size()));
  if (!chain::verify_consistency(request.proof, accepted, checkpoint.size, root, checkpoint.root)) {
    log::error("{}: a signed checkpoint of size {} does not extend the accepted one of size {}",
               checkpoint.origin, checkpoint.size, accepted);
    return Reply{422, "the tree does not extend the one accepted before\n"};
  }
  const auto now = static_cast<uint64_t>(wall_us());
  const std::string_view root_bytes = view(checkpoint.root);
  auto done = known ? sql_.accept.bind(checkpoint.size)
                          .bind_blob(root_bytes)
                          .bind_text(request.note)
                          .bind(now)
                          .bind(known->id)
                          .bind(accepted)
                          .run()
                    : [&] {
                        const std::string vkey = key.vkey();
                        return sql_.origin_new.bind_text(checkpoint.origin)
                            .bind_text(parts.host)
                            .bind(parts.epoch)
                            .bind_text(vkey)
                            .bind(checkpoint.size)
                            .bind_blob(root_bytes)
                            .bind_text(request.note)
                            .bind(now)
                            .run();
                      }();
  if (!done) return std::unexpected(done.error());
  if (database_.changes() != 1) return fail(StoreError::io, "another collector changed this origin");
  return Reply{200, {}};
}

Reply Ledger::latest(std::string_view peer, std::string_view origin) {
  const auto parts = OriginParts::parse(origin);
  if (!parts) return {400, "the origin has not the form domain/tenant/h/host/epoch\n"};
  const std::lock_guard lock(mutex_);
  const auto known = load(origin);
  if (!known) return failed(known.error());
  const auto epoch = sql_.epoch_max.bind_text(parts->host).step();
  if (!epoch) return failed(epoch.error());
  Latest latest;
  latest.epoch_max = sql_.epoch_max.integer(0);
  sql_.epoch_max.reset();
  // A host that nobody knows is no secret; of one that is known only its owner learns.
  if (latest.epoch_max != 0) {
    const auto allowed = owns(peer, parts->host, false);
    if (!allowed) return failed(allowed.error());
    if (!*allowed) return {403, "this certificate does not speak for that host\n"};
  }
  if (*known) {
    latest.size = (*known)->accepted;
    latest.vkey = (*known)->vkey;
  }
  return {200, latest.format()};
}

}  // namespace warden::audit
