// SPDX-License-Identifier: Apache-2.0
// SseReader: server-sent events from bytes as they come (WHATWG HTML, section 9.2.6 "Interpreting an event
// stream"), cut anywhere. An event larger than the bound is dropped and counted, the stream goes on. Reads
// only; the proxy forwards the bytes themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace warden::http {

class SseReader {
 public:
  // `name` is empty for an unnamed event ("message"); both views are valid during the call only.
  using Event = std::function<void(std::string_view name, std::string_view data)>;

  explicit SseReader(size_t event_bytes_max = 1024 * 1024) : event_bytes_max_(event_bytes_max) {}

  void feed(std::string_view bytes, const Event& event);
  [[nodiscard]] uint64_t dropped() const { return dropped_; }

 private:
  void end_line(std::string_view tail, const Event& event);
  void take_line(std::string_view line, const Event& event);
  void dispatch(const Event& event);
  bool fits(size_t more);

  size_t event_bytes_max_;
  uint64_t dropped_ = 0;
  bool first_line_ = true;
  bool after_cr_ = false;
  bool too_large_ = false;  // the rest of the current event is skipped
  bool has_data_ = false;
  std::string line_;  // a line that began in earlier bytes
  std::string name_;
  std::string data_;
};

}  // namespace warden::http
