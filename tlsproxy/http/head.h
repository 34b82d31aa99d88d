// SPDX-License-Identifier: Apache-2.0
// read_head: the strict reading of one message head (RFC 9112 sections 2 to 6). It refuses every form that
// two parsers are known to read differently (request smuggling), even where the RFC lets a recipient be
// lenient: obsolete folding, blanks before the colon, repeated or combined framing headers, repeated Host.
// Bytes and line ends are checked before this.
#pragma once

#include "tlsproxy/http/parser.h"

namespace warden::http {

// `out.raw` holds the whole head, every line ended by CRLF. Fills the rest of `out`; its vector is reused.
Result<void, ParseError> read_head(Side side, const Limits& limits, Head& out);

// Name, colon, value of one field line without its CRLF; also used for trailers. False: malformed.
bool read_field(std::string_view line, Header& out);

// A request's target, with its form. A Content-Length's value. False: malformed.
bool read_target(std::string_view method, std::string_view target, Head& out);
bool read_length(std::string_view value, Head& out);

bool same_word(std::string_view a, std::string_view b);  // ASCII, without regard to case

}  // namespace warden::http
