// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/body_framer.h"

#include <algorithm>

#include "tlsproxy/http/head.h"

namespace warden::http {
namespace {

constexpr uint32_t kSizeDigitsMax = 15;       // below 2^60: sums of it cannot overflow
constexpr uint32_t kExtensionBytesMax = 256;  // of one chunk
constexpr size_t kTrailerBytesMax = 16 * 1024;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

}  // namespace

void BodyFramer::start_empty() {
  phase_ = Phase::done;
}

void BodyFramer::start_length(uint64_t bytes) {
  left_ = bytes;
  phase_ = bytes == 0 ? Phase::done : Phase::length;
}

void BodyFramer::start_until_close() {
  phase_ = Phase::until_close;
}

void BodyFramer::start_chunked(bool bare) {
  bare_ = bare;
  phase_ = Phase::size;
  left_ = 0;
  digits_ = extension_bytes_ = 0;
  trailer_bytes_ = 0;
  trailer_.clear();
}

bool BodyFramer::feed(std::string_view bytes, size_t& taken,
                      const std::function<void(std::string_view)>& body) {
  size_t at = 0;
  while (at < bytes.size() && phase_ != Phase::done) {
    if (phase_ == Phase::until_close || phase_ == Phase::length || phase_ == Phase::data) {
      size_t span = bytes.size() - at;
      if (phase_ != Phase::until_close) span = static_cast<size_t>(std::min<uint64_t>(span, left_));
      if (body) body(bytes.substr(at, span));
      at += span;
      if (phase_ == Phase::until_close) continue;
      left_ -= span;
      if (left_ == 0) phase_ = phase_ == Phase::data ? Phase::data_cr : Phase::done;
      continue;
    }
    if (!step(bytes[at])) return false;
    ++at;
  }
  taken += at;
  return true;
}

// One byte of chunk framing.
bool BodyFramer::step(char c) {
  switch (phase_) {
    case Phase::size:
      if (const int digit = hex_value(c); digit >= 0) {
        left_ = left_ * 16 + static_cast<uint64_t>(digit);
        return ++digits_ <= kSizeDigitsMax;
      }
      phase_ = c == ';' ? Phase::extension : Phase::size_lf;
      return digits_ > 0 && ((c == ';' && !bare_) || c == '\r');
    case Phase::extension:
      if (c == '\r') phase_ = Phase::size_lf;
      return c == '\r' || (is_text(c) && ++extension_bytes_ <= kExtensionBytesMax);
    case Phase::size_lf:
      return c == '\n' && end_of_size();
    case Phase::data_cr:
      phase_ = Phase::data_lf;
      return c == '\r';
    case Phase::data_lf:
      phase_ = Phase::size;
      return c == '\n';
    case Phase::trailer:
      if (++trailer_bytes_ > kTrailerBytesMax) return false;
      if (c == '\r')
        phase_ = Phase::trailer_lf;
      else
        trailer_.push_back(c);
      return c == '\r' || is_text(c);
    case Phase::trailer_lf:
      return c == '\n' && end_of_trailer();
    default:
      return false;
  }
}

bool BodyFramer::end_of_size() {
  phase_ = left_ == 0 ? Phase::trailer : Phase::data;
  digits_ = extension_bytes_ = 0;
  return true;
}

// A recipient that merged such a trailer into the head would frame or route the message anew.
bool BodyFramer::end_of_trailer() {
  if (trailer_.empty()) {
    phase_ = Phase::done;
    return true;
  }
  if (bare_) return false;
  Header header;
  if (!read_field(trailer_, header)) return false;
  for (const std::string_view name : {"content-length", "transfer-encoding", "host", "content-encoding"})
    if (same_word(header.name, name)) return false;
  trailer_.clear();
  phase_ = Phase::trailer;
  return true;
}

}  // namespace warden::http
