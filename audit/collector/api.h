// SPDX-License-Identifier: Apache-2.0
// The readers' JSON API, GET /api/v1/... Records are shown as their leaves stand in the log, byte for byte as
// far as JSON goes, with one member more, `disclosed`, for what the host has disclosed.
//
//   records?since&until&host&user&process&provider&model&verdict&class&rule&kind&q&limit&cursor
//             {"records":[leaf + "disclosed"],"next":"..." or null}, newest first
//   records/<req>   {"req","records":[{"origin","seq","record","disclosures","proof"}]}, oldest first
//   hosts, inventory, coverage   {"hosts":[...]}, {"inventory":[...]}, {"coverage":[...]}
//
// Errors are {"error":"..."} with the status.
#pragma once

#include <string_view>

#include "audit/collector/index.h"
#include "audit/collector/ledger.h"

namespace warden::audit {

Reply serve_api(Ledger& ledger, Index& index, std::string_view target);

}  // namespace warden::audit
