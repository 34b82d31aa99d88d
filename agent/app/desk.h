// SPDX-License-Identifier: Apache-2.0
// Desk: what the supervisor answers to its workers. Identity comes from the kernel's flow and our process table, certificates
// from the authority, durability from the recorder; nothing a worker says about any of these is believed.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <tuple>

#include "agent/app/flow_rate.h"
#include "agent/app/flows.h"
#include "agent/app/handover.h"
#include "agent/app/identifier.h"
#include "agent/app/inventory.h"
#include "agent/app/metrics.h"
#include "agent/app/namespaces.h"
#include "agent/app/observations.h"
#include "agent/app/recorder.h"
#include "agent/app/repeats.h"
#include "agent/app/residents.h"
#include "agent/app/workers.h"
#include "agent/attribution/resolver.h"
#include "agent/kernel/guard.h"
#include "agent/kernel/sockets.h"
#include "tlsproxy/provider/catalogue.h"
#include "tlsproxy/tls/authority.h"

namespace warden::app {

class Desk final : public WorkerDesk {
 public:
  struct Parts {
    kernel::Guard& guard;
    attribution::Resolver& resolver;
    const provider::Catalogue& catalogue;
    Recorder& recorder;
    Observations& observations;
    Inventory& inventory;
    Metrics& metrics;
    tls::Authority* authority = nullptr;  // nullptr: there are no workers, which alone ask for certificates
  };
  Desk(const Parts& parts, std::chrono::milliseconds pod_patience)
      : guard_(parts.guard),
        resolver_(parts.resolver),
        identifier_(parts.resolver, pod_patience),
        catalogue_(parts.catalogue),
        recorder_(parts.recorder),
        observations_(parts.observations),
        inventory_(parts.inventory),
        metrics_(parts.metrics),
        authority_(parts.authority) {}

  void flow(uint64_t worker, const FlowQuery& query, std::function<void(FlowReply)> reply) override;
  void identity(uint64_t worker, const IdentityQuery& query, std::function<void(IdentityReply)> reply) override;
  bool passed(uint64_t worker, const Passed& message) override;
  LeafReply leaf(const LeafQuery& query) override;
  Fd socket(uint64_t worker, const SocketQuery& query) override;
  bool decision(uint64_t worker, const Decision& message, std::function<void(RecordFault)> reply) override;
  bool outcome(uint64_t worker, const Outcome& message) override;
  bool flow_record(uint64_t worker, const FlowRecord& message) override;
  void flow_end(uint64_t worker, const FlowEnd& message) override;
  void stats(const Stats& message) override;
  void worker_gone(uint64_t worker) override;

  // Told of every guarded process from now on, and asked for sockets; outlives the desk's use.
  void serve(Namespaces& namespaces) { namespaces_ = &namespaces; }
  // Told of who is born, moves and ends; outlives the desk's use.
  void watch(Residents& residents) { residents_ = &residents; }
  void drain_kernel_events();
  // What waited: for digests or pods that are there or overdue, and for a second to be over. Every beat, and when there is news.
  void catch_up();
  // Answers now what would have waited, because this program is about to be replaced.
  void wait_no_longer();
  void hand_over(Handover& handover) const;
  void take_over(const Handover& handover);
  // A connection that the kernel refused or let through, or a socket that somebody made: recorded, up to a rate; the rest is
  // counted.
  void record_connect(const kernel::Event& event, const char* capture);
  [[nodiscard]] size_t flows() const { return flows_.size(); }
  [[nodiscard]] size_t unknown_flows() const { return flows_.unknown(); }
  [[nodiscard]] uint64_t decided() const { return decided_; }
  [[nodiscard]] uint64_t spliced() const { return spliced_; }

 private:
  // Calls `done` once the flow's identity and facts are there; those of an unknown address wait until somebody asks.
  void with_facts(std::shared_ptr<GrantedFlow> flow, std::function<void()> done);
  // Whether the accepted connection is the one that was redirected.
  [[nodiscard]] bool is_whose(const kernel::Flow& flow, const FlowQuery& query) const;
  void note_suppressed(int64_t second);
  // A connection that was not redirected and turned out to be an LLM's.
  void trip(kernel::Event event);
  void take_connect(const kernel::Event& event, const char* capture, attribution::Identity identity);
  // Names the provider of the record's host, and counts the connection once and what the record says of it.
  void take_stock(GrantedFlow& flow, audit::Draft& record);
  void name_provider(audit::Draft& record, const Endpoint& original) const;
  // An event that no record is made of, since there are too many: counted under its process, if that was looked up lately.
  void count_suppressed(const kernel::Event& event, const char* capture);
  void left_guarded_tree(const kernel::Event& event);

  kernel::Guard& guard_;
  attribution::Resolver& resolver_;
  Identifier identifier_;
  const provider::Catalogue& catalogue_;
  Recorder& recorder_;
  Observations& observations_;
  Inventory& inventory_;
  Metrics& metrics_;
  tls::Authority* authority_;
  Namespaces* namespaces_ = nullptr;
  Residents* residents_ = nullptr;
  const Fd diag_ = kernel::open_diag();
  std::chrono::steady_clock::time_point search_after_{};
  Flows flows_;
  uint64_t decided_ = 0, spliced_ = 0;
  FlowRate flow_rate_;
  // Whose connections were recorded lately: by pid, its start and the user it was then.
  std::map<std::tuple<int32_t, uint64_t, uint32_t>, InventoryKey> recorded_lately_;
  Repeats repeats_;
};

}  // namespace warden::app
