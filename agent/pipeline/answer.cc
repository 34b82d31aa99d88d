// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/answer.h"

namespace warden::pipeline {
namespace {

constexpr uint64_t kUsageBytesMax = 64ull << 20;  // decoded answer bytes looked at for usage

}  // namespace

std::string_view name(AnswerEnd end) {
  switch (end) {
    case AnswerEnd::complete: return "complete";
    case AnswerEnd::client_abort: return "client_abort";
    case AnswerEnd::provider_error: return "provider_error";
    case AnswerEnd::cut: return "cut";
  }
  return "cut";
}

void Tap::open(const provider::Dialect* dialect, const Request& request, const http::Head& head) {
  if (dialect == nullptr) return;
  const std::string type = content_type(head);
  const std::string request_type = content_type(request.head());
  reader_ = dialect->answer({request.head().method, request.path(), request.query(), request_type}, head.status, type);
  const std::string_view coding = head.header("content-encoding");
  const auto known = http::coding_of(coding.empty() ? "identity" : coding);
  if (!known) return reader_.reset();
  if (*known != http::Coding::identity) decoder_ = http::Decoder::make(*known, kUsageBytesMax);
}

void Tap::body(std::string_view bytes) {
  if (!reader_) return;
  if (!decoder_) return reader_->body(bytes);
  decoded_.clear();
  if (!decoder_->decode(bytes, decoded_)) return reader_.reset();
  reader_->body(decoded_);
}

}  // namespace warden::pipeline
