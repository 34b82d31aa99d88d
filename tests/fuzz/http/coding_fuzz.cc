// SPDX-License-Identifier: Apache-2.0
// Hostile coded bytes: the output stays within its bound, and the cut changes neither output nor verdict.
#include <cstdlib>

#include "tlsproxy/http/coding.h"

namespace {

constexpr uint64_t kBytesMax = 100000;

struct Decoded {
  std::string bytes;
  int verdict = -1;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(warden::http::Coding coding, std::string_view coded, size_t piece) {
  Decoded out;
  const auto decoder = warden::http::Decoder::make(coding, kBytesMax);
  while (!coded.empty()) {
    const auto part = coded.substr(0, piece);
    if (const auto done = decoder->decode(part, out.bytes); !done) {
      out.verdict = static_cast<int>(done.error().code);
      out.bytes.resize(std::min<size_t>(out.bytes.size(), kBytesMax + 1));
      return out;
    }
    coded.remove_prefix(part.size());
  }
  if (const auto done = decoder->finish(); !done) out.verdict = static_cast<int>(done.error().code);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto coding = static_cast<warden::http::Coding>(data[0] % 5);
  const std::string_view coded(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Decoded whole = decode(coding, coded, coded.size());
  if (whole.bytes.size() > kBytesMax) std::abort();
  const Decoded cut = decode(coding, coded, 1);
  if (cut.bytes.size() > kBytesMax) std::abort();
  if (whole.verdict == -1 && cut != whole) std::abort();
  return 0;
}
