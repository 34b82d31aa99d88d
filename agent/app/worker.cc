// SPDX-License-Identifier: Apache-2.0
#include "agent/app/worker.h"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <vector>

#include "agent/app/acceptors.h"
#include "agent/app/link.h"
#include "agent/app/passage.h"
#include "agent/app/passing_bound.h"
#include "agent/app/remote.h"
#include "agent/app/sandbox.h"
#include "agent/base/log.h"
#include "agent/pipeline/connection.h"
#include "policy/rules/bundle.h"

namespace warden::app {
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr auto kReportEvery = std::chrono::seconds(1);
constexpr auto kLastTurn = std::chrono::milliseconds(50);
constexpr uint64_t kOwnNamespace = 0;
constexpr size_t kFrameBytesMax = 64 << 20;  // a policy bundle or a set of trust anchors

class Worker {
 public:
  explicit Worker(const WorkerDescriptors& descriptors)
      : descriptors_(descriptors),
        remote_(client_tls_),
        acceptors_(
            io_, [this](tcp::socket socket) { serve(std::move(socket)); },
            [this] { tally_.count("connections_total|accept_failed"); }),
        report_timer_(io_) {}

  int run() {
    link_ = Link::open(
        io_, descriptors_.link, {.frame_bytes_max = kFrameBytesMax},
        [this](MessageType type, std::string_view payload) { return receive(type, payload); },
        [this](const char* why) { end(why); });
    remote_.connect(link_);
    io_.run();
    return status_;
  }

 private:
  // Without a supervisor there is no record, and without a record nothing may leave: the worker ends at once.
  void end(const char* why) {
    if (!finished_) log::warn("worker ends: {}", why);
    std::_Exit(finished_ ? 0 : 1);
  }

  bool receive(MessageType type, std::string_view payload) {
    switch (type) {
      case MessageType::start: return on<Start>(payload, [this](Start start) { return begin(std::move(start)); });
      case MessageType::policy: return on<Policy>(payload, [this](Policy policy) { return load_policy(policy); });
      case MessageType::flow_reply: return on<FlowReply>(payload, [this](FlowReply r) { return remote_.answer(std::move(r)); });
      case MessageType::leaf_reply: return on<LeafReply>(payload, [this](LeafReply r) { return remote_.answer(std::move(r)); });
      case MessageType::identity_reply: return on<IdentityReply>(payload, [this](IdentityReply r) { return remote_.answer(std::move(r)); });
      case MessageType::recorded: return on<Recorded>(payload, [this](Recorded r) { return remote_.answer(r); });
      case MessageType::ping: return on<Ping>(payload, [this](Ping ping) { return link_->send(Pong{ping.nonce}), true; });
      case MessageType::listener_gone: return on<ListenerGone>(payload, [this](ListenerGone m) { return acceptors_.close(m.number), true; });
      case MessageType::drain: return on<Drain>(payload, [this](Drain drain) { return begin_drain(drain), true; });
      default: return false;
    }
  }

  template <class Message, class Handle>
  static bool on(std::string_view payload, Handle&& handle) {
    Message message;
    return unpack(payload, message) && handle(std::move(message));
  }

  bool begin(Start start) {
    log::open("egresswarden-worker", start.log_level.c_str());
    std::vector<provider::Service> own;
    for (OwnEndpoint& e : start.endpoints)
      own.push_back({e.provider, e.host, e.port, e.tls, e.dialect, e.credential, false});
    auto catalogue = provider::Catalogue::load(own);
    auto pack = classify::Pack::load();
    auto provider_tls = tls::ProviderContext::make(start.anchors_pem);
    if (!catalogue || !pack || !provider_tls) {
      log::error("worker cannot start: {}", !catalogue ? catalogue.error().detail
                                             : !pack   ? pack.error().detail
                                                       : provider_tls.error().detail);
      return false;
    }
    provider_tls_ = std::move(*provider_tls);
    scanner_ = std::make_unique<classify::Scanner>(*pack);
    std::vector<Fd> files;
    for (const int fd : descriptors_.spool_files) files.emplace_back(fd);
    bodies_ = std::make_unique<pipeline::Bodies>(
        pipeline::Bodies::Limits{start.bodies_bytes_max, start.spool_bodies_over_bytes}, std::move(files));
    bound_file_size(start.bodies_bytes_max);
    services_ = std::make_unique<pipeline::Services>(pipeline::Services{
        remote_, client_tls_, *provider_tls_, pool_, *scanner_, tally_, *catalogue, *pack, nullptr,
        std::move(start.redaction_key), HmacSha256(start.credential_key), hex(view((*pack)->digest())), start.body_bytes_max,
        *bodies_, false});
    services_->pass_unreadable = start.pass_unreadable;
    services_->passing_max = passing_max();
    if (!load_policy(start.policy)) return false;
    // Everything that needs a file or a thread exists by now; from here on nothing can be opened.
    if (const auto confined = enter_sandbox(); !confined) {
      log::error("worker cannot confine itself: {}", confined.error().detail);
      return false;
    }
    acceptors_.listen(kOwnNamespace, Fd(descriptors_.listener_v4));
    if (descriptors_.listener_v6 >= 0) acceptors_.listen(kOwnNamespace, Fd(descriptors_.listener_v6));
    passage_ = std::make_unique<Passage>(io_, descriptors_.passage, [this](Parcel parcel) { take(std::move(parcel)); });
    report();
    link_->send(Ready{kProtocol});
    return true;
  }

  bool load_policy(const Policy& message) {
    policy::BundleSource source{message.path, message.files, message.envelope};
    policy::LoadOptions options;
    for (const auto& [id, key] : message.trusted) options.trusted.push_back({id, key});
    options.allow_unsigned = message.allow_unsigned;
    options.knows_class = [this](std::string_view name) { return services_->pack->knows_class(name); };
    options.knows_detector = [this](std::string_view id) { return services_->pack->knows_detector(id); };
    auto program = policy::compile(source, options);
    // The supervisor compiled the same bytes a moment ago: a failure here is ours, and the old policy stays.
    if (!program) {
      log::error("policy not loaded by worker: {}", program.error().detail);
      return services_->policy != nullptr;
    }
    services_->policy = std::move(*program);
    return true;
  }

  void serve(tcp::socket socket) {
    ++running_;
    asio::co_spawn(io_, pipeline::serve(*services_, std::move(socket)), [this](const std::exception_ptr& bug) {
      // Our code throws nothing; what arrives here is a bug, and a worker with a bug does not go on.
      if (bug) std::abort();
      --running_;
      finish_drain();
    });
  }

  void take(Parcel parcel) {
    if (parcel.head.kind == ParcelKind::socket) return remote_.answer(parcel.head.number, std::move(parcel.descriptors[0]));
    if (services_->draining) return;
    for (Fd& listener : parcel.descriptors)
      if (listener) acceptors_.listen(parcel.head.number, std::move(listener));
  }

  void report() {
    pool_.expire();
    Stats stats{tally_.take()};
    if (!stats.counters.empty()) link_->send(stats);
    report_timer_.expires_after(kReportEvery);
    report_timer_.async_wait([this](boost::system::error_code error) {
      if (!error) report();
    });
  }

  void begin_drain(const Drain& drain) {
    services_->draining = true;
    acceptors_.close_all();
    // A connection that waits between two requests has nothing to finish.
    for (pipeline::Connection* idle : services_->idle) idle->client.stream.close();
    drain_timer_ = std::make_unique<asio::steady_timer>(io_, std::chrono::milliseconds(drain.deadline_ms));
    drain_timer_->async_wait([this](boost::system::error_code error) {
      if (error) return;
      running_ = 0;
      finish_drain();
    });
    finish_drain();
  }

  void finish_drain() {
    if (!services_->draining || running_ > 0 || finished_) return;
    finished_ = true;
    Stats stats{tally_.take()};
    link_->send(stats);
    // The link's queue leaves in the next turn; then the process has nothing left to do.
    auto last = std::make_shared<asio::steady_timer>(io_, kLastTurn);
    last->async_wait([last](boost::system::error_code) { std::_Exit(0); });
  }

  WorkerDescriptors descriptors_;
  std::unique_ptr<pipeline::Bodies> bodies_;  // outlives the connections that the loop holds
  asio::io_context io_{1};
  tls::ClientContext client_tls_;
  std::unique_ptr<tls::ProviderContext> provider_tls_;
  std::unique_ptr<classify::Scanner> scanner_;
  forward::Pool pool_;
  pipeline::Tally tally_;
  std::shared_ptr<Link> link_;
  Remote remote_;
  std::unique_ptr<pipeline::Services> services_;
  Acceptors acceptors_;
  std::unique_ptr<Passage> passage_;
  asio::steady_timer report_timer_;
  std::unique_ptr<asio::steady_timer> drain_timer_;
  size_t running_ = 0;
  bool finished_ = false;
  int status_ = 1;
};

}  // namespace

int run_worker(const WorkerDescriptors& descriptors) {
  log::open("egresswarden-worker", "info");
  // A terminal's Ctrl-C and a service manager's stop reach the whole group; the supervisor says when a worker drains.
  // splice(2) has no flag against SIGPIPE, and a file at its limit is an error of the call.
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
  if (const auto bound = bind_to_parent(descriptors.supervisor_pid); !bound) {
    log::error("worker: {}", bound.error().detail);
    return 1;
  }
  Worker worker(descriptors);
  return worker.run();
}

}  // namespace warden::app
