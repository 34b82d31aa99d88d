// SPDX-License-Identifier: Apache-2.0
// From the kernel half's records to the agent's value types. Strings are cut at their first NUL and never run
// over.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/kernel/guard.h"
#include "bpf/abi.h"

namespace warden::kernel {

std::string to_reason(uint32_t reason);  // ew_reason; empty: none of them
ew_destination to_destination(const Endpoint& endpoint);
Endpoint to_endpoint(const ew_destination& destination);
ProcessFacts to_facts(const ew_process& process);
Flow to_flow(const ew_flow& flow);
// nullopt for a record of unknown kind or wrong size: another version's, or our bug.
std::optional<Event> to_event(std::string_view record);
// Lower-cased, zero-padded key of map `names`; nullopt when the name is too long, empty, or its wildcard is
// not a leading "*.".
std::optional<ew_name> to_name(std::string_view host);

}  // namespace warden::kernel
