// SPDX-License-Identifier: Apache-2.0
// From the files of a bundle to a Program that is parsed and validated but not yet finished. Format:
// FORMAT.md.
#pragma once

#include <memory>

#include "policy/decide/program.h"
#include "policy/rules/reader.h"

namespace warden::policy {

inline constexpr size_t kRulesMax = 20'000;

// `folder` goes before the file names in messages.
std::shared_ptr<Program> read_program(const BundleSource& source, const LoadOptions& options,
                                      Problems& problems);

}  // namespace warden::policy
