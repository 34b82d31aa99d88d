// SPDX-License-Identifier: Apache-2.0
// What the application is told when a request does not pass: the provider's own error shape with the status that says whose
// matter it is (400 policy or the request, 502 the provider, 503 us), so that a fault never looks like a policy block.
#pragma once

#include <string>

#include "agent/pipeline/services.h"
#include "policy/decide/verdict.h"
#include "tlsproxy/provider/dialect.h"
#include "tlsproxy/tls/stream.h"

namespace warden::pipeline {

provider::Refusal policy_refusal(const policy::Verdict& verdict, const std::string& req);
provider::Refusal recorder_refusal(RecordResult result, const std::string& req);
provider::Refusal provider_refusal(const Error<tls::StreamError>& error, const std::string& req);

// In the shape of the service's dialect.
std::string error_body(const provider::Service& service, const provider::Refusal& refusal);

}  // namespace warden::pipeline
