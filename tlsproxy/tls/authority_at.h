// SPDX-License-Identifier: Apache-2.0
// Authority::open with the clock handed in, so that a year can pass in a test; and the name forms both sides
// share.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/tls/authority.h"

namespace warden::tls {

using Now = std::function<int64_t()>;  // seconds since the epoch

Result<std::unique_ptr<Authority>, AuthorityError> open_authority_at(const std::string& folder,
                                                                     const std::vector<std::string>& names,
                                                                     Now now_s);

// A further authority is made when the one that serves a name has less than this left; it takes over minting
// only when the older one cannot give a full leaf any more. Between the two dates both roots are trusted:
// running programs keep theirs.
inline constexpr int64_t kRenewBefore_s = int64_t{60} * 24 * 60 * 60;

// Lower case without trailing dot; nothing when it is no DNS name (letters, digits, hyphen, underscore) or is
// an address.
std::optional<std::string> dns_name(std::string_view text);
// The permitted subtree that a configured name asks for: "*.openai.azure.com" gives "openai.azure.com".
std::optional<std::string> subtree_for(std::string_view name);
bool within(std::string_view host,
            std::string_view subtree);  // RFC 5280 section 4.2.1.10, on label boundaries

}  // namespace warden::tls
