// SPDX-License-Identifier: Apache-2.0
// The fields of an HTTP/2 message as a Head (RFC 9113 section 8.3), read as strictly as HTTP/1.1: what the next reader could take
// for another request is refused. `:authority` stands as the Host field that it replaces; a Host field beside it counts as a
// second one unless it says the same. Views point into `fields`.
#pragma once

#include <string_view>

#include "tlsproxy/http/http2_session.h"
#include "tlsproxy/http/parser.h"

namespace warden::http {

// `scheme`: the one of the connection, "https" or "http"; another one is malformed.
Result<void, ParseError> read_http2_request(const Fields& fields, std::string_view scheme, Head& out);
void read_http2_answer(const Fields& fields, Head& out);

// The request's fields for a body of another length: Content-Length where it stood, if it did.
Fields with_length(const Fields& fields, size_t body_bytes);

}  // namespace warden::http
