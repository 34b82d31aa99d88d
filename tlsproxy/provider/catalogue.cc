// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/catalogue.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "agent/base/digest.h"
#include "tlsproxy/provider/catalogue_read.h"
#include "tlsproxy/provider/catalogue_text.h"
#include "tlsproxy/provider/dialect.h"

namespace warden::provider {
namespace {

// The form under which find() is asked: lower case, no trailing dot, labels of letters, digits, '-' and '_',
// at most one leading "*." (or an address literal, which has ':' or digits alone).
bool valid_host(std::string_view host) {
  if (host.starts_with("*.")) host.remove_prefix(2);
  if (host.empty() || host.size() > 253 || host.front() == '.' || host.back() == '.') return false;
  return std::ranges::all_of(host, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
  });
}

bool valid(const Service& service) {
  return !service.provider.empty() && valid_host(service.host) && service.port != 0 &&
         (service.dialect.empty() || find_dialect(service.dialect) != nullptr);
}

std::string known_dialects() {
  std::string out;
  for (const std::string_view name : dialect_names()) out.append(out.empty() ? "" : ", ").append(name);
  return out;
}

std::string key(std::string_view host, uint16_t port) {
  std::string out(host);
  out.push_back(' ');
  return out.append(std::to_string(port));
}

// Length-prefixed fields: no two lists of endpoints share one digest input.
void hash_field(Sha256& sha, std::string_view field) {
  sha.update(std::to_string(field.size()) + ":");
  sha.update(field);
}

Digest digest_of(const std::vector<Service>& own) {
  Sha256 sha;
  hash_field(sha, kCatalogueYaml);
  for (const Service& s : own) {
    for (const std::string* field :
         {&s.provider, &s.host, &s.dialect, &s.credential, &s.path_prefix, &s.credential_query})
      hash_field(sha, *field);
    hash_field(sha, std::to_string(s.port) + (s.tls ? "t" : "p") + (s.shared_front ? "s" : "-"));
  }
  return sha.finish();
}

class Known final : public Catalogue {
 public:
  Known(std::vector<Service> services, const Digest& digest, std::string version)
      : services_(std::move(services)), digest_(digest), version_(std::move(version)) {
    // The operator's own endpoints come first, and the first of a name wins.
    for (const Service& service : services_) index_.emplace(key(service.host, service.port), &service);
  }

  const Service* find(std::string_view host, uint16_t port) const override {
    if (host.starts_with('*')) return nullptr;  // a pattern is not a name
    if (const auto found = index_.find(key(host, port)); found != index_.end()) return found->second;
    const size_t dot = host.find('.');
    if (dot == host.npos || dot == 0) return nullptr;
    const auto found = index_.find(key("*" + std::string(host.substr(dot)), port));
    return found == index_.end() ? nullptr : found->second;
  }
  const std::vector<Service>& services() const override { return services_; }
  const Digest& digest() const override { return digest_; }
  std::string_view version() const override { return version_; }

 private:
  std::vector<Service> services_;
  Digest digest_;
  std::string version_;
  std::unordered_map<std::string, const Service*> index_;
};

}  // namespace

Result<std::shared_ptr<const Catalogue>, CatalogueError> Catalogue::load(
    const std::vector<Service>& own_endpoints) {
  std::vector<Service> services = own_endpoints;
  for (Service& service : services) {
    if (service.credential.empty()) service.credential = "authorization";
    if (!valid(service))
      return fail(CatalogueError::invalid, "endpoint " + service.host +
                                               ": needs a provider, a lower-case host, a port and "
                                               "a known dialect (" +
                                               known_dialects() + "; or none)");
  }
  auto known = read_catalogue(kCatalogueYaml);
  if (!known) return std::unexpected(known.error());
  for (Service& service : known->services) {
    if (!valid(service)) return fail(CatalogueError::invalid, "catalogue entry " + service.host);
    services.push_back(std::move(service));
  }
  return std::make_shared<Known>(std::move(services), digest_of(own_endpoints), std::move(known->version));
}

}  // namespace warden::provider
