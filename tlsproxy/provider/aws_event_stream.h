// SPDX-License-Identifier: Apache-2.0
// application/vnd.amazon.eventstream: frames of
//   4 bytes length of all | 4 bytes length of the headers | CRC-32 of these 8 | headers | payload | CRC-32 of
//   all before it
// (big-endian; header: 1 byte name length, name, 1 byte type, value; type 7 is a string with 2 bytes of
// length). Format: docs.aws.amazon.com/transcribe/latest/dg/event-stream.html. Internal to tlsproxy/provider.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace warden::provider {

struct AwsEvent {
  std::string_view message_type;  // ":message-type": "event", "exception", "error"
  std::string_view type;          // ":event-type" or ":exception-type"
  std::string_view payload;
};

// Frames from bytes as they come, cut anywhere. A frame beyond kFrameBytesMax is skipped and counted; a wrong
// CRC or an impossible length ends the reading, since nothing behind it can be found.
class AwsEventReader {
 public:
  static constexpr size_t kFrameBytesMax = 1 << 20;
  using Event = std::function<void(const AwsEvent& event)>;  // views are valid during the call only

  void feed(std::string_view bytes, const Event& event);
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] uint64_t dropped() const { return dropped_; }

 private:
  bool take_frame(std::string_view frame, const Event& event);

  std::string held_;
  uint64_t skip_ = 0;  // bytes of a frame too large to hold
  uint64_t dropped_ = 0;
  bool broken_ = false;
};

struct AwsHeader {
  std::string_view name, value;
};
std::string aws_event(const std::vector<AwsHeader>& headers, std::string_view payload);

}  // namespace warden::provider
