// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/lookout.h"

#include "agent/pipeline/records.h"

namespace warden::pipeline {
namespace {

constexpr uint16_t kHttpsPort = 443;

}  // namespace

// An LLM's name at a port of the client's choosing is an LLM's name.
const provider::Service* Lookout::find(std::string_view host) const {
  const provider::Catalogue& catalogue = *connection_.services.catalogue;
  const provider::Service* service = catalogue.find(host, connection_.grant.original.port);
  return service != nullptr ? service : catalogue.find(host, kHttpsPort);
}

Lookout::Verdict Lookout::judge_hello(const tls::ClientHello& hello, bool first) {
  const provider::Service* service = find(hello.server_name);
  if (service == nullptr) return {Course::pass, hello.server_name.empty() ? "no_server_name" : "named"};
  connection_.host = hello.server_name;
  connection_.service = service;
  if (!first) return {Course::refuse, "tunnel"};
  return service->tls ? Verdict{Course::intercept, {}} : Verdict{Course::refuse, "tls_to_plain_endpoint"};
}

Lookout::Verdict Lookout::judge_request(const intercept::Beginning& request, bool first) {
  for (const std::string& name : request.names) {
    const provider::Service* service = find(name);
    if (service == nullptr) continue;
    connection_.service = service;
    connection_.host = service->host;
    if (!first || request.tunnel) return {Course::refuse, "tunnel"};
    return service->tls ? Verdict{Course::refuse, "plain_to_tls_endpoint"} : Verdict{Course::intercept, {}};
  }
  return request.tunnel ? begin_again() : Verdict{Course::pass, "http"};
}

Lookout::Verdict Lookout::begin_again() {
  return {++beginnings_ < kBeginningsMax ? Course::watch : Course::pass, "not_tls"};
}

Lookout::Verdict Lookout::judge(const intercept::Beginning& beginning, bool first) {
  using Kind = intercept::Beginning::Kind;
  switch (beginning.kind) {
    case Kind::undecided:
    case Kind::partial: return {};
    case Kind::tls: return judge_hello(beginning.hello, first);
    case Kind::http: return judge_request(beginning, first);
    case Kind::other: return begin_again();
    case Kind::unreadable: break;
  }
  return {connection_.services.pass_unreadable ? Course::pass : Course::refuse, "unreadable_hello"};
}

forward::Watch::Say Lookout::look(std::string_view held, bool late) {
  const std::string whole = passed_ + std::string(held);
  const intercept::Beginning beginning = intercept::read_beginning(whole);
  const Verdict verdict = judge(beginning, false);
  if (verdict.course == Course::more) {
    // A word of a few letters, to which the server may answer. A hello or a head is held until it is whole: no server does.
    if (!late || beginning.kind != intercept::Beginning::Kind::undecided) return Say::wait;
    passed_ = whole;
    return Say::pass;
  }
  passed_.clear();
  const bool refused = verdict.course == Course::refuse;
  if (refused) connection_.services.tally.count("connections_total|refused");
  if (refused || verdict.reason == "unreadable_hello")
    connection_.services.supervisor.flow_record(
        connection_.grant.flow,
        flow_draft(connection_.grant, connection_.host, refused ? "refused" : "spliced", verdict.reason));
  if (refused) return Say::stop;
  return verdict.course == Course::watch ? Say::pass : Say::pass_all;
}

}  // namespace warden::pipeline
