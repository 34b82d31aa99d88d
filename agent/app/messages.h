// SPDX-License-Identifier: Apache-2.0
// The messages between the supervisor and a proxy worker: the only thing the two halves share. The supervisor trusts no
// worker: every field is bounded, ids are checked against what that worker was given, identity never comes from a worker.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/address.h"

namespace warden::app {

enum class MessageType : uint8_t {
  // worker to supervisor
  ready = 1, flow_query, leaf_query, decision, outcome, flow_record, flow_end, pong, stats, socket_query, identity_query, passed,
  // supervisor to worker
  start = 64, flow_reply, leaf_reply, recorded, ping, policy, drain, listener_gone, identity_reply,
};

// The worker serves from now on.
struct Ready {
  static constexpr MessageType kType = MessageType::ready;
  uint32_t version = 0;  // must equal kProtocol: a worker of another build is refused
  void fields(auto&& field) { field(version); }
};
inline constexpr uint32_t kProtocol = 4;

// Whose is the connection that was accepted from `peer` on `local`?
struct FlowQuery {
  static constexpr MessageType kType = MessageType::flow_query;
  uint64_t query = 0;
  Endpoint peer, local;
  void fields(auto&& field) { field(query), field(peer), field(local); }
};

struct FlowReply {
  static constexpr MessageType kType = MessageType::flow_reply;
  uint64_t query = 0;
  bool found = false;    // false: nobody was redirected here from there
  uint64_t flow = 0;     // the supervisor's id; records refer to it
  Endpoint original;
  std::string host;      // the name under which the original address is guarded
  std::string identity;  // attribution::serialise; empty for an unknown address: see IdentityQuery
  bool told = false;     // the address is known to be that host's, and not only said to be
  uint64_t netns = 0;    // another network namespace than the workers', whose sockets come by SocketQuery; 0: theirs
  bool unknown = false;  // strict mode: the address is nobody's that is known
  void fields(auto&& field) {
    field(query), field(found), field(flow), field(original), field(host), field(identity), field(told), field(netns);
    field(unknown);
  }
};

// Who made a connection to an unknown address, which turned out to be for an LLM?
struct IdentityQuery {
  static constexpr MessageType kType = MessageType::identity_query;
  uint64_t query = 0;
  uint64_t flow = 0;
  void fields(auto&& field) { field(query), field(flow); }
};

struct IdentityReply {
  static constexpr MessageType kType = MessageType::identity_reply;
  uint64_t query = 0;
  std::string identity;  // attribution::serialise; empty: no such flow
  void fields(auto&& field) { field(query), field(identity); }
};

// A connection to an unknown address is passed on undecrypted. It has no record; the heartbeat counts it.
struct Passed {
  static constexpr MessageType kType = MessageType::passed;
  uint64_t flow = 0;
  void fields(auto&& field) { field(flow); }
};

// A TCP socket in the flow's network namespace, please. Answered through the passage (passage.h), by the same number.
struct SocketQuery {
  static constexpr MessageType kType = MessageType::socket_query;
  uint64_t query = 0;
  uint64_t flow = 0;
  bool v6 = false;
  void fields(auto&& field) { field(query), field(flow), field(v6); }
};

struct LeafQuery {
  static constexpr MessageType kType = MessageType::leaf_query;
  uint64_t query = 0;
  std::string host;
  void fields(auto&& field) { field(query), field(host); }
};

struct LeafReply {
  static constexpr MessageType kType = MessageType::leaf_reply;
  uint64_t query = 0;
  std::string chain_pem, key_pem;  // empty: refused
  int64_t not_after_s = 0;
  void fields(auto&& field) { field(query), field(chain_pem), field(key_pem), field(not_after_s); }
};

// A decision record to be made durable; answered by Recorded. Nothing is forwarded before that.
struct Decision {
  static constexpr MessageType kType = MessageType::decision;
  uint64_t token = 0;
  uint64_t flow = 0;
  std::string draft;  // audit::Draft::serialise
  void fields(auto&& field) { field(token), field(flow), field(draft); }
};

enum class RecordFault : uint8_t { none, not_durable, spool_full, overloaded, refused };

struct Recorded {
  static constexpr MessageType kType = MessageType::recorded;
  uint64_t token = 0;
  RecordFault fault = RecordFault::none;
  void fields(auto&& field) { field(token), field(fault); }
};

struct Outcome {
  static constexpr MessageType kType = MessageType::outcome;
  uint64_t flow = 0;
  std::string draft;
  void fields(auto&& field) { field(flow), field(draft); }
};

// A connection that was not terminated: spliced, refused, or an untrusting client.
struct FlowRecord {
  static constexpr MessageType kType = MessageType::flow_record;
  uint64_t flow = 0;
  std::string draft;
  void fields(auto&& field) { field(flow), field(draft); }
};

struct FlowEnd {
  static constexpr MessageType kType = MessageType::flow_end;
  uint64_t flow = 0;
  void fields(auto&& field) { field(flow); }
};

struct Ping {
  static constexpr MessageType kType = MessageType::ping;
  uint64_t nonce = 0;
  void fields(auto&& field) { field(nonce); }
};

struct Pong {
  static constexpr MessageType kType = MessageType::pong;
  uint64_t nonce = 0;
  void fields(auto&& field) { field(nonce); }
};

// Counters of the worker since its last report, by the names and labels of app/metrics.h.
struct Stats {
  static constexpr MessageType kType = MessageType::stats;
  std::vector<std::pair<std::string, uint64_t>> counters;
  void fields(auto&& field) { field(counters); }
};

// What an operator may name beside the catalogue; mirrors tlsproxy's Service.
struct OwnEndpoint {
  std::string provider, host, dialect, credential;
  uint16_t port = 443;
  bool tls = true;
  void fields(auto&& field) { field(provider), field(host), field(dialect), field(credential), field(port), field(tls); }
};

struct Policy {
  static constexpr MessageType kType = MessageType::policy;
  std::string path;
  std::vector<std::pair<std::string, std::string>> files;
  std::string envelope;
  std::vector<std::pair<std::string, std::string>> trusted;  // key id, public key
  bool allow_unsigned = false;
  void fields(auto&& field) { field(path), field(files), field(envelope), field(trusted), field(allow_unsigned); }
};

struct Start {
  static constexpr MessageType kType = MessageType::start;
  std::vector<OwnEndpoint> endpoints;
  Policy policy;
  std::string anchors_pem;     // provider roots, already without our own authorities
  std::string redaction_key;   // per-host secret of token hashes
  std::string credential_key;  // per-host secret of credential fingerprints
  uint64_t body_bytes_max = 0;
  uint64_t bodies_bytes_max = 0;        // of all bodies in flight of this worker
  uint64_t spool_bodies_over_bytes = 0;  // 0: none goes to a file
  std::string log_level;
  bool pass_unreadable = false;  // intercept.unreadable_hello: record
  void fields(auto&& field) {
    field(endpoints), field(policy), field(anchors_pem), field(redaction_key), field(credential_key);
    field(body_bytes_max), field(bodies_bytes_max), field(spool_bodies_over_bytes), field(log_level);
    field(pass_unreadable);
  }
};

// Nobody lives in that network namespace any more: stop accepting there.
struct ListenerGone {
  static constexpr MessageType kType = MessageType::listener_gone;
  uint64_t number = 0;
  void fields(auto&& field) { field(number); }
};

// Stop accepting, finish what runs, exit.
struct Drain {
  static constexpr MessageType kType = MessageType::drain;
  uint32_t deadline_ms = 0;
  void fields(auto&& field) { field(deadline_ms); }
};

}  // namespace warden::app
