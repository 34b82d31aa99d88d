// SPDX-License-Identifier: Apache-2.0
// Content codings (RFC 9110 section 8.4): gzip, deflate, br, zstd, decoded incrementally with bounded expansion; and encoded
// again after an edit. An unknown or stacked coding is the caller's `unknown_coding`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/base/result.h"

namespace warden::http {

enum class Coding : uint8_t { identity, gzip, deflate, br, zstd };
// `stopped`: the sink took no more.
enum class CodingError { corrupt, too_large, trailing_data, truncated, stopped };

// Takes bytes as they are made, in small spans. False: it can take no more, and the work ends there.
using Sink = std::function<bool(std::string_view)>;

std::optional<Coding> coding_of(std::string_view content_encoding);  // one coding, case-insensitive; nullopt: unknown

class Decoder {
 public:
  // More than `bytes_max` of output is CodingError::too_large (a bomb), found before it is produced.
  static std::unique_ptr<Decoder> make(Coding coding, uint64_t bytes_max);
  virtual ~Decoder() = default;
  virtual Result<void, CodingError> decode(std::string_view bytes, const Sink& sink) = 0;
  Result<void, CodingError> decode(std::string_view bytes, std::string& out);  // appends
  virtual Result<void, CodingError> finish() = 0;  // the input ended: whole, or truncated?
};

// False: the sink took no more.
bool encode(Coding coding, std::string_view bytes, const Sink& sink);
std::string encode(Coding coding, std::string_view bytes);

}  // namespace warden::http
