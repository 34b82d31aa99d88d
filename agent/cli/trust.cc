// SPDX-License-Identifier: Apache-2.0
#include "agent/cli/trust.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "agent/app/config.h"
#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "agent/cli/output.h"
#include "agent/trust/store.h"
#include "tlsproxy/tls/x509.h"

namespace warden::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr int kFoldersMax = 64;  // of further authorities, as in the authority itself

// An authority whose issuing certificate ran out signs nothing any more: nobody needs to trust its root.
bool in_use(const std::string& folder) {
  const auto text = read_file(folder + "/issuing.pem", 1 << 20);
  if (!text) return false;
  const auto certificates = tls::certificates_from_pem(*text);
  return certificates && certificates->size() == 1 &&
         tls::seconds_of(X509_get0_notAfter(certificates->front().get())) > wall_us() / 1'000'000;
}

const char* word(trust::Inside inside) {
  return inside == trust::Inside::yes ? "yes" : inside == trust::Inside::no ? "no" : "unknown";
}

void print(const json::value& value) {
  std::printf("%s\n", json::serialize(value).c_str());
}

int refused(const TrustOptions& options, const std::string& detail, int code) {
  if (options.json) print({{"ok", false}, {"error", detail}});
  (void)wrong(detail);
  return code;
}

int list(const TrustOptions& options, const std::vector<std::string>& roots, const std::string& ca_dir) {
  const auto stores = trust::list(roots);
  if (options.json) {
    json::array rows;
    for (const trust::Store& store : stores)
      rows.push_back({{"kind", store.kind}, {"path", store.path}, {"trusts_us", word(store.ours)}});
    json::array paths;
    for (const std::string& root : roots) paths.emplace_back(root);
    print({{"roots", paths}, {"stores", rows}});
    return 0;
  }
  Table table({"STORE", "TRUSTS US", "PATH"});
  for (const trust::Store& store : stores)
    table.add({store.kind, word(store.ours), printable(store.path, 1000)});
  std::fputs(table.text().c_str(), stdout);
  if (roots.empty())
    std::fprintf(stderr, "egresswarden: no authority in %s yet: the agent makes it when it first starts\n",
                 ca_dir.c_str());
  return 0;
}

int inject(const TrustOptions& options, const std::vector<std::string>& roots, const std::string& ca_dir) {
  if (roots.empty())
    return refused(options,
                   ca_dir + ": no authority here; start the agent once, it makes one (and run as root)", 2);
  if (const auto done = trust::inject(roots); !done) return refused(options, done.error().detail, 1);
  const auto environment = trust::environment();
  if (options.json) {
    json::array paths, lines;
    for (const std::string& root : roots) paths.emplace_back(root);
    for (const std::string& line : environment) lines.emplace_back(line);
    print({{"ok", true}, {"roots", paths}, {"environment", lines}});
    return 0;
  }
  for (const std::string& root : roots) std::printf("trusted by the host's store: %s\n", root.c_str());
  std::printf("programs with roots of their own need, when they start:\n");
  for (const std::string& line : environment) std::printf("  %s\n", line.c_str());
  std::printf("undo: egresswarden trust remove\n");
  return 0;
}

int remove(const TrustOptions& options) {
  const auto done = trust::remove();
  // A host whose store we cannot change has nothing of ours in it.
  const bool nothing = !done && done.error().code == trust::TrustError::unsupported_host;
  if (!done && !nothing) return refused(options, done.error().detail, 1);
  if (options.json)
    print({{"ok", true}});
  else
    std::printf("trust: %s\n", nothing ? "this host's store is not one we change"
                                       : "no root of ours is left in the host's store");
  return 0;
}

int explain(const TrustOptions& options) {
  const auto text = trust::explain(options.pid);
  if (!text) return refused(options, text.error().detail, 2);
  if (options.json)
    print({{"pid", options.pid}, {"text", *text}});
  else
    for (size_t from = 0; from < text->size();) {
      // The process chose its path and its environment.
      const size_t end = std::min(text->find('\n', from), text->size());
      std::printf("%s\n", printable(std::string_view(*text).substr(from, end - from), 4000).c_str());
      from = end + 1;
    }
  return 0;
}

}  // namespace

std::vector<std::string> root_paths_below(const std::string& ca_dir) {
  std::vector<std::string> paths;
  for (int number = 1; number <= kFoldersMax; ++number) {
    const std::string folder = number == 1 ? ca_dir : ca_dir + "/" + std::to_string(number);
    std::error_code error;
    if (fs::is_regular_file(folder + "/root.pem", error) && in_use(folder))
      paths.push_back(folder + "/root.pem");
  }
  return paths;
}

int run_trust(const TrustOptions& options) {
  if (options.action == "explain") return explain(options);
  if (options.action != "list" && ::geteuid() != 0)
    return refused(options, "trust " + options.action + ": run as root: it changes the host's trust store",
                   2);
  if (options.action == "remove") return remove(options);
  const auto config = app::load_agent_config(options.config);
  if (!config) return refused(options, config.error().detail, 2);
  const auto roots = root_paths_below(config->trust.ca_dir);
  return options.action == "list" ? list(options, roots, config->trust.ca_dir)
                                  : inject(options, roots, config->trust.ca_dir);
}

}  // namespace warden::cli
