// SPDX-License-Identifier: Apache-2.0
// Answer: what became of a request that was sent on. Tap: the reading copy of an answer as it passes, for its usage.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "agent/pipeline/request.h"
#include "tlsproxy/provider/dialect.h"

namespace warden::pipeline {

enum class AnswerEnd : uint8_t { complete, client_abort, provider_error, cut };
std::string_view name(AnswerEnd end);

struct Answer {
  int status = 0;              // 0: none came
  AnswerEnd end = AnswerEnd::provider_error;
  std::string error;           // operator's words, never content
  bool told = false;           // the application has seen a part of it, or its failure: nothing else can be said
  uint64_t sent_bytes = 0;     // to the provider
  uint64_t received_bytes = 0;
  int64_t first_byte_us = 0;   // from the last request byte to the first answer byte
  int64_t duration_us = 0;
  provider::Usage usage;
  bool client_reusable = false;  // for the next exchange on the same connection
};

// Undoes the content coding and feeds the dialect. A fault here costs the usage, nothing else.
class Tap {
 public:
  void open(const provider::Dialect* dialect, const Request& request, const http::Head& head);
  void body(std::string_view bytes);
  provider::Usage finish() { return reader_ ? reader_->finish() : provider::Usage{}; }

 private:
  std::unique_ptr<provider::AnswerReader> reader_;
  std::unique_ptr<http::Decoder> decoder_;
  std::string decoded_;
};

}  // namespace warden::pipeline
