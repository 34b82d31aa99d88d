// SPDX-License-Identifier: Apache-2.0
// Verification of an exported log, a folder with `checkpoint`, `vkey` and `tile/...`, by nothing but what is
// in it and a policy: signatures, every entry, every tile, the root; and that nothing else lies there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "audit/chain/policy.h"

namespace warden::chain {

enum class VerifyError { cannot_read, bad_checkpoint, stray, missing, mismatch, inconsistent, bad_entry };

// What the log's content must look like beside its place; the returned text says what is wrong with it.
using EntryCheck =
    std::function<std::optional<std::string>(const Checkpoint&, uint64_t index, std::string_view entry)>;

// `old`: a checkpoint seen earlier, as a signed note; this log must extend it.
Result<Checkpoint, VerifyError> verify_directory(const std::string& folder, const Policy& policy,
                                                 const std::optional<std::string>& old,
                                                 const EntryCheck& check);

}  // namespace warden::chain
