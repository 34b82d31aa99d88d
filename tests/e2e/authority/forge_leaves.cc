// SPDX-License-Identifier: Apache-2.0
// Opens an authority in DIR and signs four leaves with its issuing key: the good one by Authority::mint, and
// three that no code of ours would make, as a thief of the key could. Prints nothing; files are
// DIR/{good,name,address,both}.{pem,key}.
#include <cstdio>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/file.h"
#include "tlsproxy/tls/authority.h"
#include "tlsproxy/tls/certificates.h"

namespace {

using warden::read_file;
using warden::write_file;
namespace tls = warden::tls;

constexpr const char* kHost = "api.openai.com";

bool put(const std::string& place, const std::string& chain, const std::string& key) {
  return write_file(place + ".pem", chain, 0600).has_value() &&
         write_file(place + ".key", key, 0600).has_value();
}

bool forge(const std::string& folder, const std::string& file, const std::string& names) {
  const auto issuing_pem = read_file(folder + "/ca/issuing.pem");
  const auto key_pem = read_file(folder + "/ca/issuing.key");
  if (!issuing_pem || !key_pem) return false;
  auto certificates = tls::certificates_from_pem(*issuing_pem);
  const tls::Issuer stolen{nullptr, std::move(certificates->front()), tls::key_from_pem(*key_pem)};
  const tls::SignedLeaf leaf = tls::sign_leaf(stolen, names, warden::wall_us() / 1'000'000);
  if (!leaf.certificate) return false;
  return put(folder + "/" + file, tls::to_pem(leaf.certificate.get()) + *issuing_pem,
             tls::to_pem(leaf.key.get()));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return std::fprintf(stderr, "usage: forge_leaves DIR\n"), 2;
  const std::string folder = arguments[1];
  auto authority = tls::Authority::open(folder + "/ca", {kHost, "*.openai.azure.com"});
  if (!authority) return std::fprintf(stderr, "%s\n", authority.error().detail.c_str()), 2;
  const auto good = (*authority)->mint(kHost);
  const bool made = good && put(folder + "/good", good->chain_pem, good->key_pem) &&
                    forge(folder, "name", "DNS:bank.test") && forge(folder, "address", "IP:127.0.0.1") &&
                    forge(folder, "both", "DNS:api.openai.com,IP:127.0.0.1");
  return made ? 0 : 2;
}
