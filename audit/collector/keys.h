// SPDX-License-Identifier: Apache-2.0
// The collector's own keys as files: the cosigning key (name, space, base64 of the seed) and the readers'
// token.
#pragma once

#include <string>

#include "audit/chain/note.h"
#include "audit/collector/server.h"

namespace warden::audit {

Result<chain::Signer, CollectorError> load_cosigner(const std::string& path, std::string name);
Result<std::string, CollectorError> load_token(const std::string& path);
// In constant time.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace warden::audit
