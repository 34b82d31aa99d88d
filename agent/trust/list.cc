// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include "agent/base/file.h"
#include "agent/trust/places.h"
#include "agent/trust/store.h"

namespace warden::trust {
namespace {

namespace fs = std::filesystem;

constexpr int kDepthMax = 10;
constexpr size_t kEntriesMax =
    300'000;  // a home full of node_modules must not make `trust list` take minutes
constexpr const char* kTrees[] = {"/usr/lib", "/usr/local/lib", "/usr/share/python-wheels", "/opt", "/srv",
                                  "/root",    "/home"};

// JKS and the SQLite rows of NSS hold certificates as they are; an encrypted PKCS#12 does not, and then we do
// not know.
Inside holds_der(const std::string& path, const std::vector<Root>& roots) {
  const auto bytes = read_file(path);
  if (!bytes) return Inside::unknown;
  const bool all = std::all_of(roots.begin(), roots.end(),
                               [&](const Root& root) { return bytes->find(root.der) != std::string::npos; });
  if (all) return Inside::yes;
  return bytes->starts_with("\xfe\xed\xfe\xed") || bytes->starts_with("SQLite format 3") ? Inside::no
                                                                                         : Inside::unknown;
}

void look_at(const fs::path& path, const std::vector<Root>& roots, std::vector<Store>& stores) {
  const std::string name = path.filename();
  if (name == "cacert.pem")
    stores.push_back({"certifi", path, bundle_has(path, roots)});
  else if (name == "cacerts")
    stores.push_back({"jvm cacerts", path, holds_der(path, roots)});
  else if (name == "cert9.db")
    stores.push_back({"nss", path, holds_der(path, roots)});
}

void walk(const std::string& tree, const std::vector<Root>& roots, std::vector<Store>& stores,
          size_t& budget) {
  std::error_code error;
  fs::recursive_directory_iterator at(tree, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && at != end && budget > 0;
       at.increment(error), --budget) {
    if (at.depth() >= kDepthMax) at.disable_recursion_pending();
    std::error_code ignored;
    if (at->is_regular_file(ignored) && !at->is_symlink(ignored)) look_at(at->path(), roots, stores);
  }
}

}  // namespace

std::vector<Store> list(const std::vector<std::string>& root_paths, const Host& host) {
  const auto read = read_roots(root_paths);
  const std::vector<Root> roots = read ? *read : std::vector<Root>();
  std::vector<Store> stores;
  for (const char* bundle : kBundles)
    if (fs::is_regular_file(host.prefix + bundle))
      stores.push_back({"system bundle", host.prefix + bundle, bundle_has(host.prefix + bundle, roots)});
  look_at(host.prefix + "/etc/ssl/certs/java/cacerts", roots, stores);
  if (!fs::exists(host.prefix + "/etc/ssl/certs/java/cacerts"))
    std::erase_if(stores, [](const Store& one) { return one.kind == "jvm cacerts"; });
  size_t budget = kEntriesMax;
  for (const char* tree : kTrees) walk(host.prefix + tree, roots, stores, budget);
  // Without a root that can be read, nobody can say what is inside.
  if (roots.empty())
    for (Store& store : stores) store.ours = Inside::unknown;
  return stores;
}

}  // namespace warden::trust
