// SPDX-License-Identifier: Apache-2.0
// Entries and disclosures: nothing is kept that is not part of an accepted tree.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "agent/base/clock.h"
#include "agent/base/digest.h"
#include "agent/base/fd.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "audit/collector/ledger.h"
#include "audit/record/encoder.h"
#include "audit/record/json.h"

namespace warden::audit {
namespace {

using chain::kTileWidth;

// Every folder on the way to `path`, each durable in the one above it.
Result<void, StoreError> make_folders(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (::mkdir(folder.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return fail(StoreError::io, folder + ": " + std::strerror(errno));
    }
    const std::string above = folder.substr(0, folder.rfind('/'));
    const Fd fd(::open(above.empty() ? "/" : above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return fail(StoreError::io, above + ": " + std::strerror(errno));
  }
  return {};
}

Result<void, StoreError> write_tile(const std::string& path, std::string_view bytes) {
  if (auto made = make_folders(path); !made) return made;
  if (auto written = write_file(path, bytes, 0600); !written)
    return fail(StoreError::io, written.error().detail);
  return {};
}

Reply at(unsigned status, uint64_t size) {
  return {status, std::to_string(size) + '\n', "text/x.tlog.size"};
}

// What the index and the readers rely on: a record of this log, at its place.
bool is_record(std::string_view leaf, std::string_view origin, uint64_t seq) {
  return leaf.size() <= kLeafBytesMax && is_canonical(leaf) && leaf.starts_with('{') &&
         text_at(leaf, "origin") == origin && text_at(leaf, "seq") == std::to_string(seq);
}

std::string subject_of(std::string_view leaf) {
  if (const std::string who = text_at(leaf, "who.id"); !who.empty()) return "who:" + who;
  const std::string uid = text_at(leaf, "user.uid");
  return uid.empty() ? "host" : "uid:" + uid;
}

// Each disclosure's digest stands in the leaf.
bool belong(std::string_view text, std::string_view leaf) {
  while (!text.empty()) {
    const size_t end = text.find('~');
    if (end == std::string_view::npos) return false;
    const std::string digest = '"' + base64url(view(sha256(text.substr(0, end)))) + '"';
    if (leaf.find(digest) == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

}  // namespace

Reply Ledger::add_entries(std::string_view peer, std::string_view body) {
  const auto request = EntriesRequest::parse(body);
  if (!request) return {400, "not an add-entries body\n"};
  std::optional<OriginState> taken;
  Reply reply;
  {
    const std::lock_guard lock(mutex_);
    auto origin = load(request->origin);
    if (!origin) return failed(origin.error());
    if (!*origin) return {404, "unknown origin; send its checkpoint first\n"};
    const auto allowed = owns(peer, (*origin)->host, false);
    if (!allowed) return failed(allowed.error());
    if (!*allowed) return {403, "this certificate does not speak for that host\n"};
    auto result = take(**origin, *request);
    if (!result) return failed(result.error());
    reply = std::move(*result);
    if (reply.status < 300) taken = std::move(*origin);
  }
  if (taken && on_entries) on_entries(*taken);
  return reply;
}

Result<Reply, StoreError> Ledger::take(OriginState& origin, const EntriesRequest& request) {
  if (request.start != origin.held || (request.start == request.end && origin.held != origin.accepted))
    return at(409, origin.held);
  std::vector<std::string> before;
  if (request.start < request.end) {
    const uint64_t package = request.start / kTileWidth, low = package * kTileWidth;
    if (request.end != std::min(low + kTileWidth, origin.accepted))
      return Reply{400, "a package ends where its bundle or the accepted tree ends\n"};
    auto kept = tail(origin);
    if (!kept) return std::unexpected(kept.error());
    before = std::move(*kept);
    if (before.size() != origin.held - low) return fail(StoreError::corrupt, origin.origin + ": tail");
    std::vector<std::string_view> leaves(before.begin(), before.end());
    for (size_t i = 0; i < request.entries.size(); ++i) {
      if (!is_record(request.entries[i], origin.origin, request.start + i))
        return Reply{422, "entry " + std::to_string(request.start + i) + " is not a record of this log\n"};
      leaves.push_back(request.entries[i]);
    }
    chain::Frontier frontier;
    for (const std::string_view leaf : leaves) frontier.append(chain::leaf_hash(leaf));
    Digest root{};
    if (origin.root.size() != root.size()) return fail(StoreError::corrupt, origin.origin + ": root");
    std::memcpy(root.data(), origin.root.data(), root.size());
    if (!verify_package(request.proof, package, origin.accepted, frontier.root(), root)) {
      log::warn("{}: entries from {} are not those of the accepted tree", origin.origin, request.start);
      return Reply{422, "the entries are not those of the accepted tree\n"};
    }
    if (auto done = keep(origin, leaves, request.start, request.end); !done)
      return std::unexpected(done.error());
  } else if (origin.cosigned != origin.accepted || !origin.receipt.starts_with(origin.note)) {
    if (auto done = keep(origin, {}, request.start, request.end); !done) return std::unexpected(done.error());
  }
  if (origin.held < origin.accepted) return at(202, origin.held);
  return Reply{200, origin.receipt.substr(origin.note.size())};
}

// One transaction with the entries, the progress and, at the end of the tree, the cosignature. Tile files are
// on the disk before it; left by a crash they are written again with the same bytes.
Result<void, StoreError> Ledger::keep(OriginState& origin, const std::vector<std::string_view>& leaves,
                                      uint64_t start, uint64_t end) {
  const bool full = end % kTileWidth == 0 && start < end;
  std::vector<std::pair<chain::TileName, Digest>> nodes;
  if (full)
    if (auto done = write_tiles(origin, start / kTileWidth, leaves, nodes); !done) return done;
  OriginState next = origin;
  next.held = end;
  next.seen_us = wall_us();
  if (end == origin.accepted) {
    const auto note = chain::parse_note(origin.note);
    if (!note) return fail(StoreError::corrupt, origin.origin + ": checkpoint");
    next.cosigned = end;
    next.receipt = origin.note + chain::format_signature(cosigner_.sign(
                                     note->text, static_cast<uint64_t>(next.seen_us / 1'000'000)));
  }
  auto done = transaction([&]() -> Result<void, StoreError> {
    Result<void, StoreError> step;
    if (full) step = sql_.tail_drop.bind(origin.id).run();
    for (const auto& [name, hash] : nodes)
      if (step)
        step = sql_.node_new.bind(origin.id).bind(name.level).bind(name.index).bind_blob(view(hash)).run();
    for (uint64_t seq = start; !full && step && seq < end; ++seq)
      step = sql_.tail_new.bind(origin.id).bind(seq).bind_blob(leaves[seq % kTileWidth]).run();
    if (step)
      step = sql_.progress.bind(next.held)
                 .bind(next.cosigned)
                 .bind_text(next.receipt)
                 .bind(static_cast<uint64_t>(next.seen_us))
                 .bind(origin.id)
                 .bind(origin.accepted)
                 .bind(origin.held)
                 .run();
    if (step && database_.changes() != 1)
      return fail(StoreError::io, "another collector changed this origin");
    return step;
  });
  if (done) origin = std::move(next);
  return done;
}

// The bundle, its hashes, and each tile above that this one completes.
Result<void, StoreError> Ledger::write_tiles(const OriginState& origin, uint64_t package,
                                             const std::vector<std::string_view>& leaves,
                                             std::vector<std::pair<chain::TileName, Digest>>& nodes) {
  std::string bundle, row;
  chain::Frontier frontier;
  for (const std::string_view leaf : leaves) {
    const Digest hash = chain::leaf_hash(leaf);
    chain::append_entry(bundle, leaf);
    row += view(hash);
    frontier.append(hash);
  }
  if (auto done = write_tile(path_of(origin, {true, 0, package, kTileWidth}), bundle); !done) return done;
  uint64_t index = package;
  for (unsigned level = 0;; ++level) {
    if (auto done = write_tile(path_of(origin, {false, level, index, kTileWidth}), row); !done) return done;
    const Digest root = frontier.root();
    nodes.push_back({{false, level + 1, index, kTileWidth}, root});
    if ((index + 1) % kTileWidth != 0) return {};
    const uint64_t first = index + 1 - kTileWidth;
    auto above = hashes(origin, level + 1, first, index);
    if (!above) return fail(StoreError::corrupt, origin.origin + ": hashes");
    above->push_back(root);
    row.clear();
    frontier = {};
    for (const Digest& hash : *above) {
      row += view(hash);
      frontier.append(hash);
    }
    index /= kTileWidth;
  }
}

Reply Ledger::add_disclosures(std::string_view peer, std::string_view body) {
  const auto request = DisclosuresRequest::parse(body);
  if (!request) return {400, "not an add-disclosures body\n"};
  std::optional<OriginState> known;
  {
    const std::lock_guard lock(mutex_);
    auto origin = load(request->origin);
    if (!origin) return failed(origin.error());
    if (!*origin) return {404, "unknown origin\n"};
    const auto allowed = owns(peer, (*origin)->host, false);
    if (!allowed) return failed(allowed.error());
    if (!*allowed) return {403, "this certificate does not speak for that host\n"};
    known = std::move(*origin);
    if (!request->items.empty() && request->items.back().seq >= known->held) return at(409, known->held);
    std::vector<std::string> bundle;
    uint64_t bundle_at = UINT64_MAX;
    bool good = true;
    auto done = transaction([&]() -> Result<void, StoreError> {
      for (const auto& item : request->items) {
        const uint64_t package = item.seq / kTileWidth, low = package * kTileWidth;
        if (package != bundle_at) {
          auto leaves = entries_locked(*known, low, std::min(low + kTileWidth, known->held));
          if (!leaves) return std::unexpected(leaves.error());
          bundle = std::move(*leaves);
          bundle_at = package;
        }
        const std::string& leaf = bundle[item.seq - low];
        good = belong(item.text, leaf);
        if (!good) return fail(StoreError::bad_record);
        if (auto kept = keep_disclosures(*known, item.seq, leaf, item.text); !kept) return kept;
      }
      return {};
    });
    if (!good) return {422, "a disclosure is not one of its record's\n"};
    if (!done) return failed(done.error());
  }
  if (on_disclosures) on_disclosures(*known, *request);
  return {200, {}};
}

Result<void, StoreError> Ledger::keep_disclosures(const OriginState& origin, uint64_t seq,
                                                  std::string_view leaf, std::string_view text) {
  const std::string subject = subject_of(leaf), context = origin.host + ' ' + subject;
  const std::string wrapping = vault_.derive("disclosure keys");
  for (int tries = 0; tries < 2; ++tries) {
    const auto found = sql_.subject.bind_text(origin.host).bind_text(subject).step();
    if (!found) return std::unexpected(found.error());
    if (*found) {
      const uint64_t id = sql_.subject.integer(0);
      const auto key = unseal(wrapping, context, sql_.subject.bytes(1));
      sql_.subject.reset();
      if (!key)
        return fail(StoreError::corrupt, "disclosure keys were sealed under another collector.secret");
      const std::string place = origin.origin + ' ' + std::to_string(seq);
      const std::string sealed = seal(*key, place, text);
      return sql_.disclosure_new.bind(origin.id).bind(seq).bind(id).bind_blob(sealed).run();
    }
    const std::string sealed = seal(wrapping, context, random_bytes(32));
    if (auto made = sql_.subject_new.bind_text(origin.host).bind_text(subject).bind_blob(sealed).run(); !made)
      return made;
  }
  return fail(StoreError::io, "a disclosure key was not kept");
}

}  // namespace warden::audit
