// SPDX-License-Identifier: Apache-2.0
// Session: the conversation about one epoch, step by step: checkpoint, entries, disclosures, receipt. Holds
// no thread and no policy of repetition; that is the Shipper's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "audit/ship/client.h"
#include "audit/ship/wire.h"
#include "audit/store/reader.h"

namespace warden::audit {

struct Receipt {
  uint64_t size = 0;
  std::string note;  // the checkpoint with the log's and the collector's signatures
};

class Session {
 public:
  Session(HttpsClient& client, LogReader& reader, std::string vkey_file)
      : client_(client), reader_(reader), vkey_file_(std::move(vkey_file)) {}

  Result<Latest, ShipError> latest(const std::string& origin);
  // Sends what the collector does not have of this epoch. `disclosed`: disclosures below it are there
  // already.
  Result<Receipt, ShipError> ship(const EpochState& epoch, uint64_t disclosed);
  [[nodiscard]] uint64_t sent_records() const { return sent_; }

 private:
  Result<void, ShipError> send_checkpoint(const EpochState& epoch);
  Result<std::string, ShipError> send_entries(const EpochState& epoch);
  Result<HttpAnswer, ShipError> send_package(const EpochState& epoch, uint64_t start, uint64_t end);
  Result<void, ShipError> send_disclosures(const EpochState& epoch, uint64_t from);
  Result<Receipt, ShipError> receipt(const EpochState& epoch, const std::string& cosignature);
  Result<chain::Verifier, ShipError> cosigner();

  HttpsClient& client_;
  LogReader& reader_;
  const std::string vkey_file_;
  std::optional<chain::Verifier> cosigner_;
  std::string known_origin_;  // whose accepted size is known
  uint64_t known_size_ = 0, held_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace warden::audit
