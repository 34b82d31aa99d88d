// SPDX-License-Identifier: Apache-2.0
// Bitcoin addresses: base58check (BIP 13) with the version bytes of the main network, bech32 and bech32m (BIP 173, BIP 350).
#pragma once

#include <string_view>

namespace warden::classify {

bool is_bitcoin_address(std::string_view text);

}  // namespace warden::classify
