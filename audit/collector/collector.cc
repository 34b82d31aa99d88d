// SPDX-License-Identifier: Apache-2.0
#include "audit/collector/collector.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "agent/base/fd.h"
#include "agent/base/file.h"
#include "agent/base/log.h"
#include "audit/collector/api.h"
#include "audit/collector/keys.h"
#include "audit/collector/ledger.h"

namespace warden::audit {
namespace {

class RunningCollector final : public Collector {
 public:
  static Result<std::unique_ptr<Collector>, CollectorError> make(const CollectorSettings& settings) {
    auto collector = std::make_unique<RunningCollector>();
    if (auto ready = collector->open(settings); !ready) return std::unexpected(ready.error());
    return collector;
  }
  ~RunningCollector() override { server_.reset(); }
  [[nodiscard]] uint16_t port() const override { return server_->port(); }
  [[nodiscard]] std::string cosigner_vkey() const override { return ledger_->cosigner_vkey(); }

 private:
  Result<void, CollectorError> open(const CollectorSettings& settings) {
    const std::string& folder = settings.state_dir;
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(CollectorError::state, folder + ": " + std::strerror(errno));
    lock_.reset(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0)
      return fail(CollectorError::state, folder + ": not writable, or another collector runs on it");
    auto cosigner = load_cosigner(settings.cosign_key.empty() ? folder + "/cosign.key" : settings.cosign_key,
                                  settings.name);
    if (!cosigner) return std::unexpected(cosigner.error());
    auto token = load_token(folder + "/api.token");
    if (!token) return std::unexpected(token.error());
    token_ = std::move(*token);
    const std::string vkey = cosigner->verifier().vkey();
    if (auto written = write_file(folder + "/cosign.vkey", vkey + '\n', 0644); !written)
      return fail(CollectorError::state, written.error().detail);
    auto ledger = Ledger::open(folder, std::move(*cosigner));
    if (!ledger) return fail(CollectorError::state, folder + ": " + ledger.error().detail);
    ledger_ = std::move(*ledger);
    if (auto ready = open_index(folder + "/index.sqlite", settings.rebuild_index); !ready) return ready;
    log::info("cosigning as {}", vkey);
    auto server = Server::start({settings.listen, settings.cert, settings.key, settings.client_ca},
                                [this](const WebRequest& request) { return serve(request); });
    if (!server) return std::unexpected(server.error());
    server_ = std::move(*server);
    return {};
  }

  Result<void, CollectorError> open_index(const std::string& path, bool rebuild) {
    if (rebuild)
      for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((path + suffix).c_str());
    auto index = Index::open(path);
    if (!index)
      return fail(CollectorError::state,
                  path + ": " + index.error().detail + "; it may be removed, it is made again from the logs");
    index_ = std::move(*index);
    for (const OriginState& origin : ledger_->origins())
      if (auto done = index_->catch_up(*ledger_, origin.origin); !done)
        return fail(CollectorError::state, path + ": " + done.error().detail);
    // A failure here loses nothing: the next entries, or the next start, catch up.
    ledger_->on_entries = [this](const OriginState& origin) {
      if (auto done = index_->catch_up(*ledger_, origin.origin); !done)
        log::error("index: {}", done.error().detail);
    };
    ledger_->on_disclosures = [this](const OriginState& origin, const DisclosuresRequest& request) {
      if (auto done = index_->disclose(origin, request); !done) log::error("index: {}", done.error().detail);
    };
    return {};
  }

  static WebResponse web(Reply reply) { return {reply.status, reply.type, std::move(reply.body)}; }

  WebResponse serve(const WebRequest& request) {
    const bool reader = request.is_reader || bears_token(request.authorization);
    if (request.method == "POST") return web(post(request));
    if (request.method != "GET") return web({405, "only GET and POST\n"});
    if (!reader && !request.is_agent)
      return web({401, "want a certificate of an agent or reader, or the readers' token\n"});
    if (request.target.starts_with("/api/v1/"))
      return web(reader ? serve_api(*ledger_, *index_, request.target)
                        : Reply{403, "{\"error\":\"the API is for readers\"}\n", "application/json"});
    return web(get(request, reader));
  }

  Reply post(const WebRequest& request) {
    if (!request.is_agent)
      return {403, "only agents send; their certificate has the URI name egresswarden:agent\n"};
    if (request.target == "/add-checkpoint")
      return ledger_->add_checkpoint(request.peer, request.vkey, request.body);
    if (request.target == "/add-entries") return ledger_->add_entries(request.peer, request.body);
    if (request.target == "/add-disclosures") return ledger_->add_disclosures(request.peer, request.body);
    return {404, "no such thing to post to\n"};
  }

  Reply get(const WebRequest& request, bool reader) {
    constexpr std::string_view kLatest = "/latest/";
    if (request.target == "/vkey") return {200, ledger_->cosigner_vkey() + '\n'};
    if (request.target.starts_with(kLatest) && request.is_agent)
      return ledger_->latest(request.peer, request.target.substr(kLatest.size()));
    if (request.target.starts_with("/checkpoint/") || request.target.starts_with("/tile/"))
      return reader ? mirror(request) : Reply{403, "tiles are for readers\n"};
    return {404, "no such thing here\n"};
  }

  // The logs as c2sp.org/tlog-tiles has them: /checkpoint/<origin>, /tile/<origin>/<level>/...,
  // /tile/<origin>/entries/...
  Reply mirror(const WebRequest& request) {
    const bool tile = request.target.starts_with("/tile/");
    std::string_view rest = request.target.substr(request.target.find('/', 1) + 1);
    for (size_t end = rest.size(); end != std::string_view::npos; end = rest.rfind('/', end - 1)) {
      const std::string_view origin = rest.substr(0, end);
      if (origin.empty()) break;
      if (!OriginParts::parse(origin)) continue;
      const auto known = ledger_->find(origin);
      if (!known) continue;
      if (!tile) return end == rest.size() && known->cosigned > 0 ? Reply{200, known->receipt} : nothing();
      const auto name =
          end < rest.size() ? chain::TileName::parse("tile" + std::string(rest.substr(end))) : std::nullopt;
      auto bytes = name ? ledger_->tile(*known, *name) : std::nullopt;
      return bytes ? Reply{200, std::move(*bytes), "application/octet-stream"} : nothing();
    }
    return nothing();
  }
  static Reply nothing() { return {404, "no such thing here\n"}; }

  [[nodiscard]] bool bears_token(std::string_view authorization) const {
    constexpr std::string_view kBearer = "Bearer ";
    return authorization.starts_with(kBearer) && same_secret(authorization.substr(kBearer.size()), token_);
  }

  Fd lock_;
  std::string token_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<Server> server_;
};

}  // namespace

Result<std::unique_ptr<Collector>, CollectorError> Collector::start(const CollectorSettings& settings) {
  return RunningCollector::make(settings);
}

}  // namespace warden::audit
