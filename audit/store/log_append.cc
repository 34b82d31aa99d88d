// SPDX-License-Identifier: Apache-2.0
// Appending: encode, hash, one transaction, one signature; and what happens when the disk or the spool is
// full.
#include <sys/timex.h>

#include <algorithm>

#include "agent/base/check.h"
#include "agent/base/clock.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "audit/chain/checkpoint.h"
#include "audit/chain/tile.h"
#include "audit/store/layout.h"
#include "audit/store/log.h"

namespace warden::audit {
namespace {

constexpr int64_t kVersion = 1;
constexpr int64_t kErrorUnknownUs = 16'000'000;  // what the kernel says of a clock that nobody disciplines

bool any(Kind) {
  return true;
}

// What an exchange that was let through still owes, and the log's own account of itself: taken while
// decisions are refused.
bool ends_exchange(Kind kind) {
  return kind == Kind::outcome || kind == Kind::gap || kind == Kind::start || kind == Kind::stop;
}

const std::string* text_of(const Draft& draft, Field field) {
  const Value* const value = draft.get(field);
  return value == nullptr ? nullptr : std::get_if<std::string>(value);
}

// Whose key seals the record's disclosures: the natural person where known, else the local user.
std::string subject_of(const Draft& draft) {
  if (const std::string* who = text_of(draft, Field::who_id)) return "who:" + *who;
  const Value* const uid = draft.get(Field::user_uid);
  const auto* number = uid == nullptr ? nullptr : std::get_if<int64_t>(uid);
  return number == nullptr ? "host" : "uid:" + std::to_string(*number);
}

constexpr size_t kSubjectsCached = 4096;
// The write-ahead log is folded into the database when nobody waits and it is nearly as long as what was
// taken for it, and in any case before it is this many times as long.
constexpr uint64_t kWalPagesSoft = kWalBytes / kPageBytes * 3 / 4;
constexpr uint64_t kWalPagesHard = 8 * kWalPagesSoft;

// Slots of own_, in the order in which set_clock_fields() makes them.
enum Own : size_t { kTime, kMono, kSync, kErr, kSeq, kKind, kFixed };

// The clock's text is made once a second; within it only the microseconds change.
void set_time(std::string& text) {
  thread_local int64_t second = -1;
  thread_local std::string of_second;
  constexpr int64_t kMicros = 1'000'000;
  const int64_t now_us = wall_us();
  if (now_us / kMicros != second) {
    second = now_us / kMicros;
    of_second = rfc3339(second * kMicros);
  }
  text = of_second;
  int64_t left = now_us % kMicros;
  for (size_t at = text.size() - 2, digits = 0; digits < 6; --at, ++digits, left /= 10)  // before the Z
    text[at] = static_cast<char>('0' + left % 10);
}

std::string_view reason_of(StoreError why) {
  switch (why) {
    case StoreError::disk_full:
      return "disk_full";
    case StoreError::spool_full:
      return "spool_full";
    case StoreError::queue_full:
      return "queue_full";
    default:
      return "write_error";
  }
}

}  // namespace

void Log::set_clock_fields() {
  timex state{};
  const int clock = ::adjtimex(&state);
  if (own_.empty()) {
    own_ = {{Field::time, std::string()}, {Field::mono_us, int64_t{0}},
            {Field::clk_sync, false},     {Field::clk_err_us, int64_t{0}},
            {Field::seq, int64_t{0}},     {Field::kind, std::string()},
            {Field::v, kVersion},         {Field::origin, origin_},
            {Field::boot, boot_id_},      {Field::host_id, host_id_}};
    const std::pair<Field, const std::string&> optional[] = {{Field::agent_ver, config_.agent_ver},
                                                             {Field::agent_build, config_.agent_build},
                                                             {Field::agent_cfg, config_.agent_cfg}};
    for (const auto& [field, value] : optional)
      if (!value.empty()) own_.emplace_back(field, value);
  }
  // A sandbox may refuse the question; a clock that cannot be asked after is not called synchronised.
  own_[kSync].second = clock >= 0 && clock != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  own_[kErr].second = clock >= 0 ? int64_t{state.maxerror} : kErrorUnknownUs;
}

// Encodes the items that `take` admits; the answer of one that cannot be encoded is given here. Returns how
// many are ready.
size_t Log::encode(std::vector<Item>& items, std::vector<Committed>& answers, std::vector<size_t>& places,
                   bool (*take)(Kind)) {
  set_clock_fields();
  if (encoded_.size() < items.size()) encoded_.resize(items.size());
  size_t count = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const Draft& draft = items[i].draft;
    if (!take(draft.kind())) continue;
    set_time(std::get<std::string>(own_[kTime].second));
    own_[kMono].second = boot_us();
    own_[kSeq].second = static_cast<int64_t>(frontier_.size() + count);
    std::get<std::string>(own_[kKind].second) = name(draft.kind());
    Encoded& record = encoded_[count];
    record.item = &items[i];
    record.disclosures.clear();
    if (auto done = encoder_.encode(draft, own_, record.leaf, record.disclosures); !done) {
      answers[i].seq = fail(StoreError::bad_record, done.error().detail);
      continue;
    }
    places.push_back(i);
    ++count;
  }
  return count;
}

std::vector<Committed> Log::append(std::vector<Item> group) {
  // What the last run left open goes first, then the gap that is now over, in the same transaction.
  spool_full_ = config_.block_when_spool_full && bytes_ >= config_.spool_bytes_max;
  const GapCounts gap = fault_ || full_ || spool_full_ ? GapCounts() : std::exchange(gap_, {});
  if (!gap.empty()) startup_.push_back({0, gap.record()});
  const size_t own = startup_.size();
  if (own > 0) {
    startup_.insert(startup_.end(), std::make_move_iterator(group.begin()),
                    std::make_move_iterator(group.end()));
    group = std::move(startup_);
    startup_.clear();
  }
  std::vector<Committed> answers(group.size());
  for (size_t i = 0; i < group.size(); ++i) answers[i] = {group[i].token, fail(StoreError::io)};
  if (fault_) {
    refuse(group, answers, *fault_, own);
  } else if (full_) {
    write_from_reserve(group, answers, own);
  } else {
    auto done = write(group, answers, spool_full_ ? ends_exchange : any);
    if (done && spool_full_) refuse(group, answers, StoreError::spool_full, own);
    if (!done && done.error().code == StoreError::disk_full) {
      log::error("audit log: the disk is full; decisions are refused until space returns ({})",
                 done.error().detail);
      full_ = true;
      write_from_reserve(group, answers, own);
    } else if (!done) {
      fault(done.error());
      refuse(group, answers, *fault_, own);
    }
  }
  if (!gap.empty()) {
    // Not written after all: it goes back to the counts, which may have grown.
    if (!answers[own - 1].seq) gap_.add(gap);
    static_cast<void>(reserve_.set_note(gap_.text()));
  }
  // The log's own records of the start wait for the next chance when they could not be written now.
  for (size_t i = 0; i < own; ++i)
    if (!answers[i].seq && !fault_ && group[i].draft.kind() != Kind::gap)
      startup_.push_back(std::move(group[i]));
  answers.erase(answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(own));
  if (!fault_) static_cast<void>(drop_cosigned());
  if (database_.wal_pages() >= kWalPagesHard) fold_wal();
  return answers;
}

// Items that are still without a place get the reason, and the gap its count; the first `own` are the log's,
// kept for later.
void Log::refuse(const std::vector<Item>& items, std::vector<Committed>& answers, StoreError why,
                 size_t own) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (answers[i].seq || answers[i].seq.error().code == StoreError::bad_record) continue;
    answers[i].seq = fail(why);
    if (i >= own) gap_.add(items[i].draft, reason_of(why), wall_us());
  }
  static_cast<void>(reserve_.set_note(gap_.text()));
}

Result<void, StoreError> Log::write(std::vector<Item>& items, std::vector<Committed>& answers,
                                    bool (*take)(Kind)) {
  std::vector<size_t> places;
  const uint64_t first = frontier_.size();
  const size_t count = encode(items, answers, places, take);
  if (count == 0) return {};
  if (auto done = commit(encoded_, count); !done) return done;
  for (size_t i = 0; i < places.size(); ++i) answers[places[i]].seq = first + i;
  return {};
}

// The disk is full. Outcomes are written into the room that the reserve gives up; everything else is refused
// and counted.
void Log::write_from_reserve(std::vector<Item>& items, std::vector<Committed>& answers, size_t own) {
  for (;;) {
    const auto done = write(items, answers, ends_exchange);
    if (done) break;
    if (done.error().code != StoreError::disk_full) {
      fault(done.error());
      break;
    }
    if (!reserve_.release_slice()) break;
  }
  refuse(items, answers, fault_ ? *fault_ : StoreError::disk_full, own);
}

void Log::recover() {
  if (fault_ || !full_ || !reserve_.refill()) return;
  full_ = false;
  log::info("audit log: space is back, decisions are recorded again");
  append({});
}

void Log::missed(const GapCounts& counts) {
  gap_.add(counts);
  static_cast<void>(reserve_.set_note(gap_.text()));
}

void Log::fault(const Error<StoreError>& error) {
  fault_ = error.code;
  database_.abandon();
  log::error("audit log: stopped, nothing more is written: {}", error.detail);
  // The next start opens a new epoch, since nobody knows what of the last write is on the disk.
  static_cast<void>(write_file(config_.state_dir + "/fault", error.detail + '\n', 0600));
}

bool Log::wants_rest() const {
  return !fault_ && database_.wal_pages() >= kWalPagesSoft;
}

// Done here and not by SQLite's own trigger, which forgets a failed fsync and tries it again.
void Log::fold_wal() {
  if (fault_) return;
  if (const auto folded = database_.fold_wal(); !folded && folded.error().code != StoreError::disk_full)
    fault(folded.error());
}

Result<void, StoreError> Log::commit(std::vector<Encoded>& group, size_t count) {
  const int64_t began_ns = monotonic_ns();
  chain::Frontier frontier = frontier_;
  uint64_t bytes = bytes_;
  for (size_t i = 0; i < count; ++i) bytes += group[i].leaf.size();
  auto done = sql_->begin.run();
  if (done) done = store(group, count, frontier, bytes);
  if (done) done = sql_->commit.run();
  if (!done) {
    static_cast<void>(sql_->rollback.run());  // SQLite may have done so already
    subjects_.clear();
    return done;
  }
  frontier_ = std::move(frontier);
  bytes_ = bytes;
  ++commits_;
  last_commit_us_ = (monotonic_ns() - began_ns) / 1000;
  return {};
}

Result<void, StoreError> Log::store(std::vector<Encoded>& group, size_t count, chain::Frontier& frontier,
                                    uint64_t bytes) {
  Result<void, StoreError> done;
  for (size_t i = 0; i < count && done; ++i) {
    const Encoded& record = group[i];
    const uint64_t seq = frontier.size();
    if (seq > kSeqMax) return fail(StoreError::io, "this epoch is full");
    // The hash is of the bytes about to be stored, and only hashes of stored bytes reach the root that is
    // signed.
    const Digest hash = chain::leaf_hash(record.leaf);
    done = sql_->entry.bind(entry_id(epoch_, seq)).bind_blob(view(hash)).bind_blob(record.leaf).run();
    frontier.append(hash, [&](unsigned height, uint64_t index, const Digest& root) {
      if (!done || height == 0 || height % chain::kTileHeight != 0) return;
      done = sql_->node.bind(node_id(epoch_, height / chain::kTileHeight, index)).bind_blob(view(root)).run();
    });
    if (done && !record.disclosures.empty()) done = store_disclosures(seq, record);
    const std::string* req = text_of(record.item->draft, Field::req);
    if (!done || req == nullptr) continue;
    if (record.item->draft.kind() == Kind::decision) done = sql_->pending.bind_text(*req).run();
    if (record.item->draft.kind() == Kind::outcome) done = sql_->settled.bind_text(*req).run();
  }
  if (!done) return done;
  WARDEN_CHECK(frontier.size() == frontier_.size() + count);
  std::string peaks;
  for (const Digest& peak : frontier.peaks()) peaks += view(peak);
  const std::string checkpoint =
      chain::sign_checkpoint({origin_, frontier.size(), frontier.root()}, *signer_);
  done = sql_->head.bind(frontier.size())
             .bind_blob(peaks)
             .bind_text(checkpoint)
             .bind(bytes)
             .bind(epoch_)
             .bind(frontier_.size())
             .run();
  if (done && database_.changes() != 1) return fail(StoreError::io, "the head is not the one last signed");
  return done;
}

Result<void, StoreError> Log::store_disclosures(uint64_t seq, const Encoded& record) {
  const auto subject = subject_key(record.item->draft);
  if (!subject) return std::unexpected(subject.error());
  const uint64_t id = entry_id(epoch_, seq);
  (*subject)->sealer.seal(std::to_string(id), record.disclosures, sealed_);
  return sql_->disclosure.bind(id).bind((*subject)->id).bind_blob(sealed_).run();
}

Result<Log::Subject*, StoreError> Log::subject_key(const Draft& draft) {
  const std::string subject = subject_of(draft);
  if (const auto known = subjects_.find(subject); known != subjects_.end()) return &known->second;
  if (subjects_.size() >= kSubjectsCached) subjects_.clear();
  const std::string wrapping = vault_.derive("disclosure keys");
  auto found = sql_->subject_find.bind_text(subject).step();
  if (!found) return std::unexpected(found.error());
  uint64_t id = 0;
  std::string key;
  if (*found) {
    auto opened = unseal(wrapping, subject, sql_->subject_find.bytes(1));
    id = sql_->subject_find.integer(0);
    sql_->subject_find.reset();
    if (!opened)
      return fail(StoreError::corrupt, "log.sqlite: a disclosure key was sealed under another host.key");
    key = std::move(*opened);
  } else {
    key = random_bytes(32);
    const std::string sealed = seal(wrapping, subject, key);
    auto made = sql_->subject_new.bind_text(subject).bind_blob(sealed).step();
    if (!made) return std::unexpected(made.error());
    id = sql_->subject_new.integer(0);
    // RETURNING gives its row before the statement is done.
    if (auto rest = sql_->subject_new.run(); !rest) return std::unexpected(rest.error());
  }
  return &subjects_.emplace(subject, Subject{id, Sealer(key)}).first->second;
}

}  // namespace warden::audit
