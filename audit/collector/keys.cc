// SPDX-License-Identifier: Apache-2.0
#include "audit/collector/keys.h"

#include <openssl/crypto.h>
#include <unistd.h>

#include "agent/base/digest.h"
#include "agent/base/file.h"

namespace warden::audit {
namespace {

// The first line; the file is made by `make` where there is none.
template <class Make>
Result<std::string, CollectorError> line_of(const std::string& path, Make&& make) {
  if (::access(path.c_str(), F_OK) != 0)
    if (auto written = write_file(path, make() + '\n', 0600); !written)
      return fail(CollectorError::state, written.error().detail);
  auto text = read_file(path, 4096);
  if (!text) return fail(CollectorError::state, text.error().detail);
  return text->substr(0, text->find('\n'));
}

}  // namespace

Result<chain::Signer, CollectorError> load_cosigner(const std::string& path, std::string name) {
  if (name.empty()) name = "egresswarden-collector/" + hex(random_bytes(4));
  auto line = line_of(path, [&] { return name + ' ' + base64(random_bytes(32)); });
  if (!line) return std::unexpected(line.error());
  const size_t space = line->find(' ');
  const auto seed = space == std::string::npos ? std::nullopt : from_base64(line->substr(space + 1));
  if (seed)
    if (auto signer = chain::Signer::from_seed(line->substr(0, space), chain::KeyType::cosignature_v1, *seed))
      return std::move(*signer);
  return fail(CollectorError::state,
              path + ": want a name, a space and base64 of 32 bytes; restore it from a backup");
}

Result<std::string, CollectorError> load_token(const std::string& path) {
  auto line = line_of(path, [] { return base64url(random_bytes(32)); });
  if (line && line->size() < 32)
    return fail(CollectorError::state,
                path + ": a token has at least 32 characters; remove the file for a new one");
  return line;
}

bool same_secret(std::string_view a, std::string_view b) {
  const Digest left = sha256(a), right = sha256(b);
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace warden::audit
