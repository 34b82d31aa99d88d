// SPDX-License-Identifier: Apache-2.0
#include "agent/app/granted_flow.h"

#include "agent/attribution/wire.h"
#include "agent/base/check.h"
#include "agent/pipeline/joints.h"
#include "audit/record/schema.h"

namespace warden::app {

using audit::Field;

void destination_fields(const Endpoint& original, audit::Draft& draft) {
  draft.set(Field::net_port, int64_t{original.port});
  draft.set(Field::net_dst, original.to_string());
}

void set_identity(GrantedFlow& flow, attribution::Identity identity) {
  flow.identity = std::move(identity);
  auto facts = std::make_shared<audit::Draft>();
  pipeline::identity_fields(flow.identity, *facts);
  destination_fields(flow.original, *facts);
  flow.facts = std::move(facts);
}

HeldFlow to_held(uint64_t number, const GrantedFlow& flow) {
  const auto& open = flow.exchanges.all();
  HeldFlow held;
  held.number = number;
  held.worker = flow.worker;
  held.original = flow.original;
  held.netns = flow.netns;
  if (flow.facts) held.identity = attribution::serialise(flow.identity);
  held.exchanges.assign(open.begin(), open.end());
  if (!flow.unknown) return held;
  held.unknown = true;
  held.passed = flow.passed;
  held.socket_cookie = flow.unknown->socket_cookie;
  held.connect_boot_ns = flow.unknown->connect_boot_ns;
  held.process = {flow.unknown->process};
  return held;
}

GrantedFlow to_granted(const HeldFlow& held) {
  GrantedFlow flow;
  flow.worker = held.worker;
  flow.original = held.original;
  flow.netns = held.netns;
  flow.passed = held.passed;
  if (!held.unknown || !held.identity.empty()) {
    auto identity = attribution::parse(held.identity);
    WARDEN_CHECK(identity);
    set_identity(flow, std::move(*identity));
  }
  for (const std::string& req : held.exchanges) flow.exchanges.begin(req);
  flow.in_inventory = true;  // that program's, whose last heartbeat record says so
  if (!held.unknown) return flow;
  flow.unknown.emplace();
  flow.unknown->socket_cookie = held.socket_cookie;
  flow.unknown->connect_boot_ns = held.connect_boot_ns;
  flow.unknown->original = held.original;
  flow.unknown->unknown = true;
  flow.unknown->process = held.process;
  return flow;
}

}  // namespace warden::app
