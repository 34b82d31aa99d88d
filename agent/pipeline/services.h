// SPDX-License-Identifier: Apache-2.0
// What a connection needs from the worker it runs in. One thread; every reference outlives every connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "agent/attribution/identity.h"
#include "agent/base/address.h"
#include "agent/base/digest.h"
#include "agent/base/fd.h"
#include "agent/pipeline/bodies.h"
#include "agent/pipeline/older_providers.h"
#include "agent/pipeline/tally.h"
#include "audit/record/draft.h"
#include "policy/classify/engine.h"
#include "policy/decide/decide.h"
#include "tlsproxy/forward/pool.h"
#include "tlsproxy/forward/splice.h"
#include "tlsproxy/provider/catalogue.h"
#include "tlsproxy/tls/context.h"

namespace warden::pipeline {

struct Connection;

struct FlowGrant {
  uint64_t flow = 0;  // the supervisor's id
  Endpoint original;
  std::string host;  // the name under which that address is guarded
  attribution::Identity identity;
  bool told = false;   // the address is known to be that host's; else DNS or a client said so
  // Strict mode brought it here: nobody knows the address. The identity is not filled then, since most such connections are none
  // of ours; ask for it (Supervisor::identity).
  bool unknown = false;
  uint64_t netns = 0;  // another network namespace than ours, from which the provider must be dialled; 0: ours
};

enum class RecordResult : uint8_t { durable, not_durable, spool_full, overloaded, refused };

// The supervisor as a connection sees it: messages behind awaitable calls.
class Supervisor {
 public:
  virtual ~Supervisor() = default;
  // Whose connection is this? nullopt: nobody was redirected here from there.
  virtual boost::asio::awaitable<std::optional<FlowGrant>> flow(const Endpoint& peer, const Endpoint& local) = 0;
  // Who made a connection to an unknown address. nullopt: there is no such flow.
  virtual boost::asio::awaitable<std::optional<attribution::Identity>> identity(uint64_t flow) = 0;
  // A connection to an unknown address is passed on undecrypted: counted, without a record.
  virtual void passed(uint64_t flow) = 0;
  // Makes sure the client context has a leaf for `host`; false: the authority refuses the name.
  virtual boost::asio::awaitable<bool> leaf(const std::string& host) = 0;
  // Returns when the record of a decision (or of a connection to be spliced) is durable, or cannot be made so.
  virtual boost::asio::awaitable<RecordResult> record(uint64_t flow, const audit::Draft& decision) = 0;
  virtual void outcome(uint64_t flow, const audit::Draft& outcome) = 0;
  virtual void flow_record(uint64_t flow, const audit::Draft& record) = 0;
  virtual void flow_end(uint64_t flow) = 0;
  // A TCP socket, not connected, in the network namespace of a flow that lives elsewhere; empty when there is none to be had.
  virtual boost::asio::awaitable<Fd> socket(uint64_t flow, bool v6) = 0;
};

struct Services {
  Supervisor& supervisor;
  tls::ClientContext& client_tls;
  tls::ProviderContext& provider_tls;
  forward::Pool& pool;
  classify::Scanner& scanner;
  Tally& tally;
  std::shared_ptr<const provider::Catalogue> catalogue;
  std::shared_ptr<const classify::Pack> pack;
  std::shared_ptr<const policy::Program> policy;  // replaced on reload; an exchange keeps the one it began with
  std::string redaction_key;
  HmacSha256 digest_key;  // of credentials' fingerprints and bodies
  std::string ruleset;  // hex digest of the pack
  uint64_t body_bytes_max = 0;
  Bodies& bodies;
  bool draining = false;
  bool pass_unreadable = false;  // strict mode: an opening too odd to find a name in goes on, recorded
  forward::Pipes pipes = {};
  // Connections to unknown addresses, beyond whose bound they are refused. Shared, since the loop may outlive us with some of them.
  std::shared_ptr<size_t> passing = std::make_shared<size_t>(0);
  size_t passing_max = 0;
  std::unordered_set<Connection*> idle = {};  // wait for the first byte of a request
  OlderProviders older_providers = {};
};

}  // namespace warden::pipeline
