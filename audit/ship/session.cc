// SPDX-License-Identifier: Apache-2.0
#include "audit/ship/session.h"

#include <unistd.h>

#include <algorithm>

#include "agent/base/file.h"
#include "agent/base/log.h"

namespace warden::audit {
namespace {

constexpr size_t kDisclosureBytesPerRequest = 4 << 20;
constexpr size_t kDisclosuresPerRequest = 1024;

std::string first_line(const std::string& text) {
  return text.substr(0, std::min(text.find('\n'), size_t{200}));
}

std::unexpected<Error<ShipError>> refused(const char* what, const HttpAnswer& answer) {
  return fail(ShipError::refused,
              std::string(what) + ": " + std::to_string(answer.status) + ' ' + first_line(answer.body));
}

std::unexpected<Error<ShipError>> unreadable(const Error<StoreError>& error) {
  return fail(ShipError::log, error.detail);
}

std::optional<uint64_t> size_in(const HttpAnswer& answer) {
  if (!answer.body.ends_with('\n')) return std::nullopt;
  return chain::parse_decimal(std::string_view(answer.body).substr(0, answer.body.size() - 1));
}

}  // namespace

Result<Latest, ShipError> Session::latest(const std::string& origin) {
  auto answer = client_.get("/latest/" + origin);
  if (!answer) return std::unexpected(answer.error());
  if (answer->status != 200) return refused("/latest", *answer);
  auto latest = Latest::parse(answer->body);
  if (!latest) return fail(ShipError::bad_answer, "/latest: not understood");
  known_origin_ = origin;
  known_size_ = latest->size;
  held_ = 0;
  return std::move(*latest);
}

Result<Receipt, ShipError> Session::ship(const EpochState& epoch, uint64_t disclosed) {
  if (known_origin_ != epoch.origin)
    if (auto known = latest(epoch.origin); !known) return std::unexpected(known.error());
  if (auto sent = send_checkpoint(epoch); !sent) return std::unexpected(sent.error());
  auto cosignature = send_entries(epoch);
  if (!cosignature) return std::unexpected(cosignature.error());
  auto receipt = this->receipt(epoch, *cosignature);
  if (!receipt) return receipt;
  // Only when the disclosures are there too may the host free anything.
  if (auto sent = send_disclosures(epoch, disclosed); !sent) return std::unexpected(sent.error());
  return receipt;
}

Result<void, ShipError> Session::send_checkpoint(const EpochState& epoch) {
  for (int tries = 0; tries < 2; ++tries) {
    if (known_size_ > epoch.size)
      return fail(ShipError::refused, epoch.origin + ": the collector knows " + std::to_string(known_size_) +
                                          " records, here are " + std::to_string(epoch.size));
    auto proof = chain::consistency_proof(known_size_, epoch.size, reader_.subtrees(epoch.epoch));
    if (!proof)
      return fail(ShipError::refused,
                  epoch.origin + ": the collector knows only " + std::to_string(known_size_) +
                      " records of it, which are no longer here; restore the collector's state");
    auto answer = client_.post("/add-checkpoint",
                               CheckpointRequest{known_size_, std::move(*proof), epoch.checkpoint}.format(),
                               epoch.vkey);
    if (!answer) return std::unexpected(answer.error());
    if (answer->status == 200) {
      known_size_ = epoch.size;
      return {};
    }
    const auto size = size_in(*answer);
    if (answer->status != 409 || !size) return refused("/add-checkpoint", *answer);
    known_size_ = *size;
  }
  return fail(ShipError::bad_answer, "/add-checkpoint: the collector contradicts itself");
}

Result<std::string, ShipError> Session::send_entries(const EpochState& epoch) {
  bool contradicted = false;
  for (uint64_t at = std::min(held_, epoch.size);;) {
    const uint64_t edge = (at / chain::kTileWidth + 1) * chain::kTileWidth;
    auto answer = send_package(epoch, at, std::min(edge, epoch.size));
    if (!answer) return std::unexpected(answer.error());
    if (answer->status == 200) {
      held_ = epoch.size;
      return std::move(answer->body);
    }
    const auto size = size_in(*answer);
    const bool moved = answer->status == 202 && size && *size > at;
    const bool elsewhere = answer->status == 409 && size && !std::exchange(contradicted, true);
    if (!moved && !elsewhere) return refused("/add-entries", *answer);
    if (*size > epoch.size) return fail(ShipError::bad_answer, "/add-entries: more than was sent");
    held_ = at = *size;
  }
}

Result<HttpAnswer, ShipError> Session::send_package(const EpochState& epoch, uint64_t start, uint64_t end) {
  EntriesRequest request{epoch.origin, start, end, {}, {}};
  auto leaves = reader_.read_entries(epoch.epoch, start, end);
  if (!leaves) return unreadable(leaves.error());
  if (leaves->size() != end - start)
    return fail(ShipError::refused, epoch.origin + ": record " + std::to_string(start) +
                                        " is no longer here and the collector has it not");
  request.entries.assign(leaves->begin(), leaves->end());
  if (start < end) {
    auto proof = package_proof(start / chain::kTileWidth, epoch.size, reader_.subtrees(epoch.epoch));
    if (!proof) return fail(ShipError::log, epoch.origin + ": hashes are missing");
    request.proof = std::move(*proof);
  }
  auto answer = client_.post("/add-entries", request.format());
  if (answer && (answer->status == 200 || answer->status == 202)) sent_ += end - start;
  return answer;
}

Result<void, ShipError> Session::send_disclosures(const EpochState& epoch, uint64_t from) {
  from = std::max(from, epoch.first);
  while (from < epoch.size) {
    std::vector<std::pair<uint64_t, std::string>> found;
    size_t bytes = 0;
    for (; from < epoch.size && found.size() < kDisclosuresPerRequest && bytes < kDisclosureBytesPerRequest;
         ++from) {
      auto text = reader_.disclosures(epoch.epoch, from);
      if (!text) return unreadable(text.error());
      if (text->empty()) continue;
      bytes += text->size();
      found.emplace_back(from, std::move(*text));
    }
    if (found.empty()) break;
    DisclosuresRequest request{epoch.origin, {}};
    for (const auto& [seq, text] : found) request.items.push_back({seq, text});
    auto answer = client_.post("/add-disclosures", request.format());
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) return refused("/add-disclosures", *answer);
  }
  return {};
}

Result<Receipt, ShipError> Session::receipt(const EpochState& epoch, const std::string& cosignature) {
  auto verifier = cosigner();
  if (!verifier) return std::unexpected(verifier.error());
  const auto log = chain::Verifier::parse(epoch.vkey);
  auto note = epoch.checkpoint + cosignature;
  const auto opened = log ? chain::open_checkpoint(note, *log)
                          : Result<chain::OpenedCheckpoint, chain::NoteError>(std::unexpected(log.error()));
  if (!opened || opened->checkpoint.size != epoch.size)
    return fail(ShipError::bad_answer, epoch.origin + ": the receipt is not for what was sent");
  if (const auto time = verifier->verify(opened->note); !time)
    return fail(ShipError::bad_answer, epoch.origin + ": the collector's cosignature does not verify under " +
                                           vkey_file_ +
                                           "; if its key was replaced on purpose, remove that file");
  return Receipt{epoch.size, std::move(note)};
}

// The key is trusted because TLS says who answers; from then on it is pinned.
Result<chain::Verifier, ShipError> Session::cosigner() {
  if (cosigner_) return *cosigner_;
  std::string line;
  if (::access(vkey_file_.c_str(), F_OK) == 0) {
    auto text = read_file(vkey_file_, 4096);
    if (!text) return fail(ShipError::log, text.error().detail);
    line = first_line(*text);
  } else {
    auto answer = client_.get("/vkey");
    if (!answer) return std::unexpected(answer.error());
    if (answer->status != 200) return refused("/vkey", *answer);
    line = answer->body.substr(0, answer->body.find('\n'));
  }
  auto verifier = chain::Verifier::parse(line);
  if (!verifier || verifier->type() != chain::KeyType::cosignature_v1)
    return fail(ShipError::bad_answer, vkey_file_ + ": not the key of a cosigner");
  if (::access(vkey_file_.c_str(), F_OK) != 0) {
    if (auto written = write_file(vkey_file_, line + '\n', 0600); !written)
      return fail(ShipError::log, written.error().detail);
    log::info("shipping: the collector cosigns as {}; pinned in {}", line, vkey_file_);
  }
  cosigner_ = std::move(*verifier);
  return *cosigner_;
}

}  // namespace warden::audit
