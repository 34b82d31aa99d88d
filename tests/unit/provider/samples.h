// SPDX-License-Identifier: Apache-2.0
// Requests of every dialect (tests/golden/dialects/requests.json), each position of text marked "@position@".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tlsproxy/provider/dialect.h"

namespace warden::provider {

struct Sample {
  std::string row;      // of the file: "bedrock signed"
  std::string dialect;  // that speaks there: "bedrock"
  std::string path, query;
  std::string content_type;
  std::string body;  // of a form: with its delimiters
  bool stream = false;  // asks for a streamed answer (form: false)
  bool form = false;

  [[nodiscard]] RequestLine line() const {
    return {"POST", path, query, std::string_view(content_type).substr(0, content_type.find(';')), content_type};
  }
};

// Plain forms, then streamed ones where a call has one.
const std::vector<Sample>& samples();
std::string marker(std::string_view position);
const std::vector<std::string>& positions();

}  // namespace warden::provider
