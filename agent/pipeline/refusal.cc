// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/refusal.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "tlsproxy/tls/deadline.h"

namespace warden::pipeline {
namespace asio = boost::asio;

namespace {

constexpr auto kLinger = std::chrono::seconds(2);
constexpr uint64_t kLingerBytesMax = 64ull << 20;

std::string_view reason_phrase(int status) {
  switch (status) {
    case 400: return "Bad Request";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 502: return "Bad Gateway";
    default: return "Service Unavailable";
  }
}

bool is_own_fault(std::string_view reason) {
  static constexpr std::array<std::string_view, 4> kOwn = {"classifier_error", "scan_budget", "body_budget", "body_spool"};
  return std::ranges::any_of(kOwn, [reason](std::string_view word) { return reason.ends_with(word); });
}

// An application that is still sending would lose our answer to a reset: take what it sends, for a bounded while.
asio::awaitable<void> linger(tls::Stream& stream) {
  (void)co_await stream.shutdown();
  const tls::Deadline deadline(stream.socket().get_executor(), kLinger, [&stream] { stream.close(); });
  std::array<char, 16 * 1024> block;
  uint64_t total = 0;
  while (total < kLingerBytesMax) {
    const auto size = co_await stream.read_some(block);
    if (!size || *size == 0) break;
    total += *size;
  }
}

}  // namespace

provider::Refusal policy_refusal(const policy::Verdict& verdict, const std::string& req) {
  provider::Refusal refusal;
  refusal.request_id = req;
  if (verdict.outcome == policy::Outcome::not_evaluated) {
    refusal.status = is_own_fault(verdict.reason) ? 503 : 400;
    refusal.code = "not_evaluated";
    refusal.message = "Egresswarden could not evaluate this request (" + verdict.reason + "), so it was not sent.";
  } else if (!verdict.deciding.empty()) {
    refusal.message = "Blocked by policy rule '" + verdict.deciding + "'.";
    if (!verdict.message.empty()) refusal.message += " " + verdict.message;
    if (verdict.reason == "not_editable") refusal.message += " (The data stands where it cannot be redacted.)";
  } else {
    refusal.message = "Blocked by policy: " + verdict.reason + ".";
  }
  refusal.message += " Reference: " + req;
  return refusal;
}

provider::Refusal recorder_refusal(RecordResult result, const std::string& req) {
  const std::string_view why = result == RecordResult::spool_full ? "the audit spool is full"
                               : result == RecordResult::overloaded ? "the audit log is overloaded"
                                                                    : "the audit log cannot be written";
  return {503, "agent_unavailable",
          "Egresswarden could not record this request (" + std::string(why) + "), so it was not sent. Reference: " + req, req};
}

provider::Refusal provider_refusal(const Error<tls::StreamError>& error, const std::string& req) {
  const bool certificate = error.code == tls::StreamError::bad_certificate;
  return {502, certificate ? "provider_certificate_invalid" : "provider_unreachable",
          (certificate ? "The provider's certificate was refused: " : "The provider could not be reached: ") + error.detail +
              ". Reference: " + req,
          req};
}

asio::awaitable<bool> refuse(Connection& connection, const provider::Refusal& told, bool connection_usable) {
  const provider::Dialect* dialect = provider::find_dialect(connection.service->dialect);
  if (dialect == nullptr) dialect = provider::find_dialect("openai");
  const http::Head& request = connection.request.head();
  provider::Refusal refusal = told;
  refusal.path = connection.request.path();
  const bool keep = connection_usable && request.keep_alive && refusal.status < 500;
  connection.request.drop_body();
  const std::string body = dialect->error_body(refusal);
  const provider::ErrorField kind = dialect->error_field(refusal);
  std::string head = "HTTP/1.1 " + std::to_string(refusal.status) + " " + std::string(reason_phrase(refusal.status));
  head += "\r\ncontent-type: application/json\r\ncontent-length: " + std::to_string(body.size());
  head += "\r\nx-egresswarden-request: " + std::string(refusal.request_id);
  if (!kind.name.empty()) head += "\r\n" + std::string(kind.name) + ": " + std::string(kind.value);
  if (refusal.status == 502) head += "\r\nx-should-retry: false";
  if (refusal.status == 426) head += "\r\nupgrade: HTTP/1.1";
  if (!keep) head += "\r\nconnection: close";
  head += "\r\n\r\n";
  const auto written = co_await connection.client.stream.write(head, request.method == "HEAD" ? std::string_view() : body);
  if (!written) co_return false;
  if (keep) co_return true;
  co_await linger(connection.client.stream);
  co_return false;
}

}  // namespace warden::pipeline
