// SPDX-License-Identifier: Apache-2.0
// Collector: receives the hosts' logs over mutual TLS, verifies and cosigns them (ledger.h), indexes their
// records (index.h) and shows both to auditors. Everything it owns lies in one state folder:
//
//   state.sqlite collector.secret tiles/   the logs; not to be lost
//   cosign.key cosign.vkey                 made at the first start, 0600 and public
//   api.token                              of the readers, made at the first start, 0600
//   index.sqlite                           may be removed: it is made again from the logs
//   enrolment                              optional, see ledger.h
//
// Who may what: agents (certificates with the URI name egresswarden:agent) send their own logs; readers (URI
// name egresswarden:reader, or `Authorization: Bearer` with the token) read everything.
#pragma once

#include <memory>
#include <string>

#include "audit/collector/server.h"

namespace warden::audit {

struct CollectorSettings {
  Endpoint listen;
  std::string state_dir;
  std::string cert, key, client_ca;
  std::string cosign_key;  // empty: <state_dir>/cosign.key
  bool rebuild_index = false;
  std::string name;  // of the cosigner, where its key is new; empty: egresswarden-collector/<random>
};

class Collector {
 public:
  static Result<std::unique_ptr<Collector>, CollectorError> start(const CollectorSettings& settings);
  virtual ~Collector() = default;  // ends what is being answered, closes everything
  [[nodiscard]] virtual uint16_t port() const = 0;
  [[nodiscard]] virtual std::string cosigner_vkey() const = 0;
};

}  // namespace warden::audit
