// SPDX-License-Identifier: Apache-2.0
// Parser: one HTTP/1.1 message (RFC 9112) from bytes, without I/O: llhttp behind a strict pre-check. Used on both legs; the
// proxy forwards the raw bytes it was given, so the parser only tells what they mean and where the message ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"

namespace warden::http {

enum class ParseError {
  malformed,         // not HTTP/1.1, or a form that two parsers could read differently (smuggling)
  head_too_large,    // more than Limits::head_bytes_max before the body
  too_many_headers,
};

struct Limits {
  size_t head_bytes_max = 64 * 1024;
  size_t headers_max = 200;
};

struct Header {
  std::string_view name;   // as sent
  std::string_view value;  // without surrounding blanks
};

// RFC 9112 section 3.2. Several forms name a host of their own: the caller compares it with Host and the SNI.
enum class TargetForm : uint8_t { origin, absolute, authority, asterisk };

// Views point into the parser's own copy of the head; valid until reset().
struct Head {
  std::string_view raw;            // start line to the empty line, exact bytes
  std::string_view method;         // requests
  std::string_view target;         // requests: origin-form, absolute-form, ...
  TargetForm target_form = TargetForm::origin;
  int status = 0;                  // responses
  int minor_version = 1;           // HTTP/1.0 or 1.1
  std::vector<Header> headers;     // in order
  bool keep_alive = true;
  bool chunked = false;
  std::optional<uint64_t> content_length;
  bool expects_continue = false;
  bool upgrade = false;            // asks for another protocol
  // First value of a header by case-insensitive name; empty when there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

enum class Side : uint8_t { request, response };

class Parser {
 public:
  explicit Parser(Side side, const Limits& limits = {});
  ~Parser();
  Parser(Parser&&) noexcept;
  Parser& operator=(Parser&&) noexcept;

  // Takes bytes up to the end of the message at most; returns how many it took. Body bytes (framing removed) go to `body`
  // as spans of `bytes`. Stops right after the head too, so that the caller can decide (Expect, limits) before more is fed.
  Result<size_t, ParseError> feed(std::string_view bytes, const std::function<void(std::string_view)>& body);
  // The peer closed. True: that ends the message properly (a response without length).
  [[nodiscard]] bool finish();
  // A response to HEAD has no body whatever its head says. Call before feeding.
  void expect_no_body();

  [[nodiscard]] bool head_complete() const;
  [[nodiscard]] bool complete() const;
  [[nodiscard]] const Head& head() const;
  void reset();  // for the next message on the connection; keeps its buffers

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warden::http
