// SPDX-License-Identifier: Apache-2.0
// Dialect: one LLM API's vocabulary. One file each; stateless and shared between threads.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tlsproxy/provider/prompt.h"

namespace warden::provider {

struct RequestLine {
  std::string_view method;
  std::string_view path;          // without the query
  std::string_view query;         // without '?'
  std::string_view content_type;  // media type, lower case, no parameters
  std::string_view content_type_field =
      {};  // the same as it was sent, for its parameters (a multipart boundary)
};

// What the application is shown when a request does not pass; fills the dialect's error shape.
struct Refusal {
  int status = 400;  // 400 policy or unreadable, 429 limit, 503 our fault
  std::string_view code = "policy_violation";
  std::string message;          // names the rule and the record's req
  std::string_view request_id;  // the record's req
  std::string_view path = {};   // of the request: some hosts speak several dialects
};

// A header field that tells a client the kind of error, where the dialect has one; else empty.
struct ErrorField {
  std::string_view name, value;
};

// Reads an answer as it passes: usage, model, finish reasons. Never delays or changes a byte.
class AnswerReader {
 public:
  virtual ~AnswerReader() = default;
  virtual void body(
      std::string_view decoded) = 0;  // content coding already removed; SSE or JSON by content type
  [[nodiscard]] virtual Usage finish() = 0;
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;  // "openai", "anthropic"
  // A request that carries a prompt is walked whole. Requests known to carry none (GET /v1/models) give an
  // empty Prompt with operation "models" and the like; the exchange is decided and recorded all the same.
  [[nodiscard]] virtual std::expected<Prompt, Unreadable> read(const RequestLine& line,
                                                               std::string_view body) const = 0;
  [[nodiscard]] virtual std::unique_ptr<AnswerReader> answer(const RequestLine& line, int status,
                                                             std::string_view content_type) const = 0;
  [[nodiscard]] virtual std::string error_body(const Refusal& refusal) const = 0;  // JSON
  [[nodiscard]] virtual ErrorField error_field(const Refusal& refusal) const = 0;
  // The event that ends a streamed answer as failed, after the events that were passed on; `content_type` is
  // the answer's. The connection is to be cut after it all the same: some clients take a clean end for
  // success.
  [[nodiscard]] virtual std::string stream_error(const Refusal& refusal,
                                                 std::string_view content_type) const = 0;
};

const Dialect* find_dialect(std::string_view name);  // nullptr when unknown
std::span<const std::string_view> dialect_names();

// True when the body's hash is part of the request's signature (AWS Signature Version 4, in the Authorization
// header or in a presigned query): nothing of the body may be edited then, and redact means block.
bool body_is_signed(std::string_view authorization, std::string_view query);
// Marks all parts so.
void seal(Prompt& prompt);

}  // namespace warden::provider
