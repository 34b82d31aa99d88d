// SPDX-License-Identifier: Apache-2.0
// Frames of HTTP/2 byte by byte, and a session's events written down, for tests and fuzzing.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "tlsproxy/http/http2_session.h"

namespace warden::http {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum FrameType : uint8_t { f_data = 0, f_headers = 1, f_priority = 2, f_reset = 3, f_settings = 4, f_ping = 6, f_goaway = 7, f_window = 8, f_continuation = 9 };
inline constexpr uint8_t kEndStream = 1, kEndHeaders = 4;

inline std::string frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload = {}) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  return out.append(payload);
}

inline std::string number(uint32_t value) {
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift);
  return out;
}

// Literal, without indexing (RFC 7541 section 6.2.2).
inline std::string literal(std::string_view name, std::string_view value) {
  const auto text = [](std::string_view words) {
    std::string out;
    if (words.size() < 127) return out.append(1, static_cast<char>(words.size())).append(words);
    out += static_cast<char>(127);
    size_t rest = words.size() - 127;
    for (; rest >= 128; rest >>= 7) out += static_cast<char>(0x80 | (rest & 0x7f));
    return out.append(1, static_cast<char>(rest)).append(words);
  };
  return std::string(1, '\0') + text(name) + text(value);
}

inline std::string block(const Fields& fields) {
  std::string out;
  for (const Field& field : fields) out += literal(field.name, field.value);
  return out;
}

inline const Fields kPost = {{":method", "POST"}, {":scheme", "https"}, {":authority", "llm.test"}, {":path", "/v1/x"}};

class Http2Log final : public Http2Events {
 public:
  struct Stream {
    Fields fields, trailers;
    std::string body;
    bool ended = false, malformed = false;
    std::optional<uint32_t> closed;
    bool operator==(const Stream&) const = default;
  };
  std::map<int32_t, Stream> streams;
  std::map<int32_t, uint64_t> windows;
  std::vector<std::pair<uint16_t, uint32_t>> settings;
  std::optional<uint32_t> goaway;

  void on_head(int32_t id, Http2Head kind, Fields fields, std::optional<Http2Weight>, bool) override {
    (kind == Http2Head::trailers ? streams[id].trailers : streams[id].fields) = std::move(fields);
  }
  void on_body(int32_t id, std::string_view bytes) override { streams[id].body += bytes; }
  void on_end(int32_t id) override { streams[id].ended = true; }
  void on_malformed(int32_t id) override { streams[id].malformed = true; }
  void on_sent(int32_t) override {}
  void on_closed(int32_t id, uint32_t code, size_t) override { streams[id].closed = code; }
  void on_window(int32_t id, uint32_t bytes) override { windows[id] += bytes; }
  void on_settings(std::span<const Http2Setting> all) override {
    for (const Http2Setting& one : all) settings.emplace_back(one.id, one.value);
  }
  void on_goaway(uint32_t code) override { goaway = code; }
};

// A session, its events, and what it sends.
struct Http2End {
  explicit Http2End(Http2Session::Role role, Http2Session::Limits limits = {}, std::vector<Http2Setting> settings = {})
      : session(role, log, settings, limits) {}
  Http2Log log;
  Http2Session session;
  std::string sent() {
    std::string out;
    session.take(out, SIZE_MAX);
    return out;
  }
};

// Everything that either has to say reaches the other.
inline void exchange(Http2End& a, Http2End& b) {
  for (;;) {
    const std::string from_a = a.sent(), from_b = b.sent();
    if (from_a.empty() && from_b.empty()) return;
    (void)b.session.feed(from_a);
    (void)a.session.feed(from_b);
  }
}

}  // namespace warden::http
