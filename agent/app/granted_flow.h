// SPDX-License-Identifier: Apache-2.0
// What is done to a granted flow (flows.h) as a whole: it comes to know whose it is, and passes from one program to the next.
#pragma once

#include "agent/app/flows.h"
#include "agent/app/handover.h"
#include "audit/record/draft.h"

namespace warden::app {

// Where a connection went is the kernel's word as much as who made it.
void destination_fields(const Endpoint& original, audit::Draft& draft);
// The flow's records stand on this identity and on its destination from now on.
void set_identity(GrantedFlow& flow, attribution::Identity identity);

HeldFlow to_held(uint64_t number, const GrantedFlow& flow);
// Of what this program's predecessor held: aborts if that is not in our own words.
GrantedFlow to_granted(const HeldFlow& held);

}  // namespace warden::app
