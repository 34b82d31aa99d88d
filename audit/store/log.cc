// SPDX-License-Identifier: Apache-2.0
// Opening the log: locks, keys, the last epoch and its tail, what the last run left open. Appending is in
// log_append.cc.
#include "audit/store/log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <bit>
#include <cerrno>
#include <cstring>

#include "agent/base/check.h"
#include "agent/base/clock.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "audit/chain/checkpoint.h"
#include "audit/chain/tile.h"
#include "audit/store/layout.h"
#include "audit/store/wal.h"

namespace warden::audit {
namespace {

std::optional<std::vector<Digest>> split(std::string_view bytes) {
  return chain::parse_tile(bytes, static_cast<unsigned>(bytes.size() / sizeof(Digest)));
}

Result<void, StoreError> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(StoreError::cannot_open, path + ": " + std::strerror(errno));
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || ::chmod(path.c_str(), 0700) != 0)
    return fail(StoreError::cannot_open, path + ": not a folder of ours");
  return {};
}

// Made before SQLite opens it, which gives its companions -wal and -shm the same mode.
Result<Fd, StoreError> make_file(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::fchmod(fd.get(), 0600) != 0)
    return fail(StoreError::cannot_open, path + ": " + std::strerror(errno));
  return fd;
}

std::string first_line(const std::string& path) {
  auto content = read_file(path, 4096);
  return content ? content->substr(0, content->find('\n')) : std::string();
}

}  // namespace

Log::Log(const LogConfig& config, Vault vault, Database database)
    : config_(config),
      vault_(std::move(vault)),
      database_(std::move(database)),
      reserve_(config.state_dir + "/reserve", config.reserve_bytes),
      encoder_(config.finds_data),
      boot_id_(first_line("/proc/sys/kernel/random/boot_id")) {
  host_id_ = config_.host_id.empty() ? vault_.host_id() : config_.host_id;
}

Log::~Log() = default;

Result<std::unique_ptr<Log>, StoreError> Log::open(const LogConfig& config) {
  if (auto made = make_folder(config.state_dir); !made) return std::unexpected(made.error());
  auto lock = make_file(config.state_dir + "/lock");
  if (!lock) return std::unexpected(lock.error());
  if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0)
    return fail(StoreError::cannot_open, config.state_dir + ": another process writes this log");
  auto vault = Vault::open(config.state_dir + "/host.key", true);
  if (!vault) return std::unexpected(vault.error());
  const std::string path = config.state_dir + "/log.sqlite";
  if (auto made = make_file(path); !made) return std::unexpected(made.error());
  auto database = Database::open(path, Database::Mode::read_write);
  if (!database) return std::unexpected(database.error());
  std::unique_ptr<Log> log(new Log(config, std::move(*vault), std::move(*database)));
  log->lock_ = std::move(*lock);
  // On a full disk even opening wants some room, for the index of the write-ahead log.
  auto ready = log->prepare();
  while (!ready && ready.error().code == StoreError::disk_full && log->reserve_.release_slice())
    ready = log->prepare();
  if (!ready) return std::unexpected(ready.error());
  if (!preallocate_wal(path + "-wal", kWalBytes))
    log::warn("audit log: {} bytes for its write-ahead log are not to be had; commits will be slower",
              kWalBytes);
  if (auto loaded = log->load(); !loaded) return std::unexpected(loaded.error());
  return log;
}

Result<void, StoreError> Log::prepare() {
  database_.fold_on_call();
  for (const char* sql : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA locking_mode=NORMAL",
                          "PRAGMA journal_size_limit=67108864", "PRAGMA cache_size=-16384", kTables})
    if (auto done = database_.run(sql); !done) return done;
  sql_.emplace();
  const std::pair<Statement*, const char*> all[] = {
      {&sql_->begin, "BEGIN IMMEDIATE"},
      {&sql_->commit, "COMMIT"},
      {&sql_->rollback, "ROLLBACK"},
      {&sql_->entry, "INSERT INTO entries(id, hash, leaf) VALUES(?, ?, ?)"},
      {&sql_->node, "INSERT INTO nodes(id, hash) VALUES(?, ?)"},
      // The old size in the condition: a second writer, or a head changed behind our back, stops the commit.
      {&sql_->head,
       "UPDATE heads SET size = ?, peaks = ?, checkpoint = ?, bytes = ? WHERE epoch = ? AND size = ?"},
      {&sql_->disclosure, "INSERT INTO disclosures(id, subject, sealed) VALUES(?, ?, ?)"},
      {&sql_->subject_find, "SELECT id, key FROM subjects WHERE subject = ?"},
      {&sql_->subject_new, "INSERT INTO subjects(subject, key) VALUES(?, ?) RETURNING id"},
      {&sql_->pending, "INSERT OR IGNORE INTO pending(req) VALUES(?)"},
      {&sql_->settled, "DELETE FROM pending WHERE req = ?"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database_.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void, StoreError> Log::load() {
  gap_ = GapCounts::parse(reserve_.note());
  full_ = !reserve_.whole();
  auto last = database_.prepare("SELECT max(epoch) FROM epochs");
  if (!last) return std::unexpected(last.error());
  if (auto row = last->step(); !row) return std::unexpected(row.error());
  const uint64_t epoch = last->integer(0);
  last->reset();

  Draft first(Kind::start);
  if (!config_.start_reason.empty()) first.set(Field::start_reason, config_.start_reason);
  const std::string marker = config_.state_dir + "/fault";
  if (epoch == 0) {
    if (auto created = create_epoch(1); !created) return created;
  } else if (auto loaded = load_head(epoch); !loaded) {
    return loaded;
  }
  if (auto lost = collect_lost(); !lost) return lost;
  const auto lost = static_cast<int64_t>(startup_.size());
  if (epoch != 0 && ::access(marker.c_str(), F_OK) == 0) {
    if (auto rotated = rotate("fsync_error", 0); !rotated) return rotated;
    ::unlink(marker.c_str());
  } else {
    first.set(Field::start_lost, lost);
    start(std::move(first));
  }
  if (full_) recover();
  if (!full_) append({});
  if (fault_) return fail(*fault_, "the first commit failed");
  return {};
}

void Log::start(Draft start) {
  startup_.insert(startup_.begin(), Item{0, std::move(start)});
}

Result<void, StoreError> Log::create_epoch(uint64_t epoch) {
  if (epoch > kEpochMax) return fail(StoreError::io, "no epoch numbers left");
  const std::string origin =
      config_.log_domain + '/' + config_.tenant + "/h/" + host_id_ + '/' + std::to_string(epoch);
  auto signer = chain::Signer::generate(origin, chain::KeyType::ed25519);
  if (!signer)
    return fail(StoreError::cannot_open, "audit.log_domain or audit.tenant: " + signer.error().detail);
  const std::string sealed = seal(vault_.derive("epoch keys"), origin, signer->seed());
  const chain::Frontier empty;
  const std::string checkpoint = chain::sign_checkpoint({origin, 0, empty.root()}, *signer);
  auto row = database_.prepare("INSERT INTO epochs(epoch, origin, vkey, seed) VALUES(?, ?, ?, ?)");
  auto head = database_.prepare(
      "INSERT INTO heads(epoch, size, peaks, checkpoint, first, bytes) VALUES(?, 0, x'', ?, 0, 0)");
  if (!row) return std::unexpected(row.error());
  if (!head) return std::unexpected(head.error());
  if (auto begun = sql_->begin.run(); !begun) return begun;
  auto done = row->bind(epoch).bind_text(origin).bind_text(signer->verifier().vkey()).bind_blob(sealed).run();
  if (done) done = head->bind(epoch).bind_text(checkpoint).run();
  if (done) done = sql_->commit.run();
  if (!done) {
    static_cast<void>(sql_->rollback.run());
    return done;
  }
  epoch_ = epoch;
  origin_ = origin;
  signer_ = std::move(*signer);
  frontier_ = empty;
  cosigned_ = first_ = bytes_ = 0;
  own_.clear();
  return {};
}

Result<void, StoreError> Log::load_head(uint64_t epoch) {
  auto query = database_.prepare(
      "SELECT e.origin, e.seed, h.size, h.peaks, h.checkpoint, h.first, h.bytes, coalesce(r.size, 0) FROM "
      "epochs e "
      "JOIN heads h USING(epoch) LEFT JOIN receipts r USING(epoch) WHERE epoch = ?");
  if (!query) return std::unexpected(query.error());
  const auto found = query->bind(epoch).step();
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(StoreError::corrupt, "log.sqlite: the last epoch has no head");
  epoch_ = epoch;
  origin_ = query->bytes(0);
  const auto seed = unseal(vault_.derive("epoch keys"), origin_, query->bytes(1));
  if (!seed) return fail(StoreError::corrupt, "log.sqlite: its keys were sealed under another host.key");
  auto signer = chain::Signer::from_seed(origin_, chain::KeyType::ed25519, *seed);
  auto peaks = split(query->bytes(3));
  auto frontier = peaks ? chain::Frontier::from(query->integer(2), std::move(*peaks)) : std::nullopt;
  if (!signer || !frontier) return fail(StoreError::corrupt, "log.sqlite: tree state");
  const auto opened = chain::open_checkpoint(query->bytes(4), signer->verifier());
  if (!opened || opened->checkpoint.size != frontier->size() || opened->checkpoint.root != frontier->root())
    return fail(StoreError::corrupt, "log.sqlite: the tree is not the one that was signed");
  signer_ = std::move(*signer);
  frontier_ = std::move(*frontier);
  first_ = query->integer(5);
  bytes_ = query->integer(6);
  cosigned_ = query->integer(7);
  query->reset();
  return check_tail(frontier_.size() / chain::kTileWidth * chain::kTileWidth);
}

// The entries of the last partial tile must give the peaks that were signed, and nothing may follow them.
Result<void, StoreError> Log::check_tail(uint64_t first) {
  auto query = database_.prepare("SELECT id, leaf FROM entries WHERE id >= ? AND id < ? ORDER BY id");
  if (!query) return std::unexpected(query.error());
  query->bind(entry_id(epoch_, first)).bind(entry_id(epoch_ + 1, 0));
  chain::Frontier tail;
  for (;;) {
    const auto row = query->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) break;
    if (query->integer(0) != entry_id(epoch_, first + tail.size()))
      return fail(StoreError::corrupt, "log.sqlite: a hole");
    tail.append(chain::leaf_hash(query->bytes(1)));
  }
  const auto& peaks = frontier_.peaks();
  const size_t count = tail.peaks().size();
  if (first + tail.size() != frontier_.size() || count > peaks.size() ||
      !std::equal(tail.peaks().begin(), tail.peaks().end(), peaks.end() - static_cast<std::ptrdiff_t>(count)))
    return fail(StoreError::corrupt, "log.sqlite: the last entries are not the ones that were signed");
  return {};
}

// Decisions of a former run whose exchange never ended, as far as the log knows.
Result<void, StoreError> Log::collect_lost() {
  auto query = database_.prepare("SELECT req FROM pending ORDER BY req");
  if (!query) return std::unexpected(query.error());
  for (;;) {
    const auto row = query->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    std::string req(query->bytes(0));
    if (config_.in_flight.contains(req)) continue;
    Draft outcome(Kind::outcome);
    outcome.set(Field::req, std::move(req));
    outcome.set(Field::out_end, std::string("lost"));
    startup_.push_back({0, std::move(outcome)});
  }
}

Result<void, StoreError> Log::rotate(const std::string& state, uint64_t epoch_min) {
  if (fault_) return fail(*fault_);
  Draft first(Kind::start);
  first.set(Field::start_predecessor, origin_);
  first.set(Field::start_pred_size, static_cast<int64_t>(frontier_.size()));
  first.set(Field::start_pred_root, base64(view(frontier_.root())));
  first.set(Field::start_pred_state, state);
  first.set(Field::start_lost, static_cast<int64_t>(startup_.size()));
  if (!config_.start_reason.empty()) first.set(Field::start_reason, config_.start_reason);
  if (auto created = create_epoch(std::max(epoch_ + 1, epoch_min)); !created) return created;
  start(std::move(first));
  return {};
}

Result<void, StoreError> Log::set_cosigned(uint64_t epoch, uint64_t size, const std::string& note) {
  if (fault_) return fail(*fault_);
  auto receipt = database_.prepare(
      "INSERT INTO receipts(epoch, size, note) VALUES(?, ?, ?) ON CONFLICT(epoch) DO UPDATE SET size = "
      "excluded.size, "
      "note = excluded.note WHERE excluded.size >= size");
  if (!receipt) return std::unexpected(receipt.error());
  // A receipt for more than this log has signed means that the disk was put back to an earlier state.
  if (epoch == epoch_ && size > frontier_.size())
    return fail(StoreError::rolled_back, origin_ + ": cosigned beyond what is here");
  if (auto done = receipt->bind(epoch).bind(size).bind_text(note).run(); !done) return done;
  if (epoch == epoch_) cosigned_ = std::max(cosigned_, size);
  return drop_cosigned();
}

// Entries go only in whole tiles, only below the cosigned size, and only once half of the spool is used:
// until then they serve the host's own `audit list`.
Result<void, StoreError> Log::drop_cosigned() {
  const uint64_t end = cosigned_ / chain::kTileWidth * chain::kTileWidth;
  if (bytes_ <= config_.spool_bytes_max / 2 || end <= first_) return {};
  const uint64_t until = std::min(end, first_ + 16 * chain::kTileWidth);
  const uint64_t low = entry_id(epoch_, first_), high = entry_id(epoch_, until);
  auto sum = database_.prepare("SELECT sum(length(leaf)) FROM entries WHERE id >= ? AND id < ?");
  auto entries = database_.prepare("DELETE FROM entries WHERE id >= ? AND id < ?");
  auto disclosures = database_.prepare("DELETE FROM disclosures WHERE id >= ? AND id < ?");
  auto head = database_.prepare("UPDATE heads SET first = ?, bytes = ? WHERE epoch = ?");
  for (auto* statement : {&sum, &entries, &disclosures, &head})
    if (!*statement) return std::unexpected(statement->error());
  if (auto row = sum->bind(low).bind(high).step(); !row) return std::unexpected(row.error());
  const uint64_t freed = sum->integer(0);
  sum->reset();
  if (auto begun = sql_->begin.run(); !begun) return begun;
  auto done = entries->bind(low).bind(high).run();
  if (done) done = disclosures->bind(low).bind(high).run();
  if (done) done = head->bind(until).bind(bytes_ - std::min(bytes_, freed)).bind(epoch_).run();
  if (done) done = sql_->commit.run();
  if (!done) {
    static_cast<void>(sql_->rollback.run());
    if (done.error().code != StoreError::disk_full) fault(done.error());
    return done;
  }
  first_ = until;
  bytes_ -= std::min(bytes_, freed);
  return {};
}

LogStatus Log::status() const {
  LogStatus status;
  status.origin = origin_;
  status.epoch = epoch_;
  status.size = frontier_.size();
  status.cosigned = cosigned_;
  status.bytes = bytes_;
  status.healthy = !fault_ && !full_ && !spool_full_;
  status.fault = fault_ ? *fault_ : full_ ? StoreError::disk_full : StoreError::spool_full;
  status.gap_decisions = gap_.of(Kind::decision);
  status.gap_outcomes = gap_.of(Kind::outcome);
  status.commits = commits_;
  status.last_commit_us = last_commit_us_;
  return status;
}

}  // namespace warden::audit
