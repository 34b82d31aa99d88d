// SPDX-License-Identifier: Apache-2.0
// BodyFramer: where a message's body ends (RFC 9112 sections 6 and 7): by length, by chunks, or by the end of
// the connection. Strict where parsers differ: chunk lines end in CRLF, sizes are hex digits alone,
// extensions and trailers are bounded, and a trailer cannot carry a framing header. It hands out spans of the
// given bytes and keeps none of them but trailer lines.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace warden::http {

class BodyFramer {
 public:
  void start_empty();
  void start_length(uint64_t bytes);
  // `bare`: chunk extensions and trailer fields are malformed. Requests are read so: nobody sends them, they would be
  // forwarded with the raw bytes, and nothing that is forwarded may go unread.
  void start_chunked(bool bare);
  void start_until_close();

  // Takes bytes up to the end of the body; adds what it took to `taken`. False: malformed.
  bool feed(std::string_view bytes, size_t& taken, const std::function<void(std::string_view)>& body);
  [[nodiscard]] bool done() const { return phase_ == Phase::done; }
  [[nodiscard]] bool until_close() const { return phase_ == Phase::until_close; }

 private:
  enum class Phase : uint8_t {
    done,
    length,
    until_close,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_lf,
  };
  bool step(char c);
  bool end_of_size();
  bool end_of_trailer();

  Phase phase_ = Phase::done;
  bool bare_ = false;
  uint64_t left_ = 0;
  uint32_t digits_ = 0;
  uint32_t extension_bytes_ = 0;
  size_t trailer_bytes_ = 0;
  std::string trailer_;
};

}  // namespace warden::http
