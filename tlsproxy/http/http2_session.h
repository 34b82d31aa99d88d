// SPDX-License-Identifier: Apache-2.0
// Http2Session: one leg of HTTP/2 (RFC 9113) from bytes to messages and back, without I/O: nghttp2 with our bounds. Fields keep
// their order and their "never indexed" mark; message rules (RFC 9113 section 8) are enforced on both legs. Windows are the
// caller's: what a client grants its answers is passed on by credit(), and nothing is granted on our own account; a server's
// session takes request bodies as they come, since their sum is bounded elsewhere.
//
// Floods end the connection with ENHANCE_YOUR_CALM: PING, SETTINGS, PRIORITY and empty frames by a token bucket here,
// rapid resets, CONTINUATION chains and unread acknowledgements by nghttp2's own bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace warden::http {

struct Field {
  std::string name;   // lower case; a pseudo-field with its colon
  std::string value;
  bool never_indexed = false;  // no table may keep it, on the next leg neither (RFC 7541 section 7.1.3)
  bool operator==(const Field&) const = default;
};
using Fields = std::vector<Field>;

struct Http2Setting {
  uint16_t id = 0;
  uint32_t value = 0;
};

// Of a request's HEADERS frame (RFC 7540 section 5.3), where it depends on no other stream.
struct Http2Weight {
  int weight = 16;
  bool exclusive = false;
};

// Error codes of RFC 9113 section 7 that we say ourselves.
enum Http2Code : uint32_t { no_error = 0, protocol_error = 1, internal_error = 2, refused_stream = 7, cancel = 8, enhance_your_calm = 11 };
std::string_view http2_code_name(uint32_t code);

enum class Http2Head : uint8_t { message, interim, trailers };

// What a session reports, from within feed() or take(). `stream` is the number on this leg. Nothing here may call feed() or
// take(); everything else of the session may be called.
class Http2Events {
 public:
  virtual ~Http2Events() = default;
  virtual void on_head(int32_t stream, Http2Head kind, Fields fields, std::optional<Http2Weight> weight, bool end) = 0;
  virtual void on_body(int32_t stream, std::string_view bytes) = 0;
  virtual void on_end(int32_t stream) = 0;        // the peer's message is whole; also after a head with `end`
  // A head that breaks the rules or the limits. The stream may still be open to say so.
  virtual void on_malformed(int32_t stream) = 0;
  virtual void on_sent(int32_t stream) = 0;       // our message is whole, and its body no longer needed
  // `lost_bytes`: what was queued by body() and will not be sent. After this the number means nothing.
  virtual void on_closed(int32_t stream, uint32_t code, size_t lost_bytes) = 0;
  virtual void on_window(int32_t stream, uint32_t bytes) = 0;  // stream 0: the connection's
  virtual void on_settings(std::span<const Http2Setting> settings) = 0;
  virtual void on_goaway(uint32_t code) = 0;
};

class Http2Session {
 public:
  enum class Role : uint8_t { server, client };
  struct Limits {
    size_t head_bytes_max = 64 * 1024;  // of names, values and 32 for each field (RFC 9113 section 6.5.2)
    size_t fields_max = 200;
    uint64_t idle_frames_burst = 2000;  // frames that carry nothing
    uint64_t idle_frames_per_s = 100;
  };

  // `settings` are sent first, in this order.
  Http2Session(Role role, Http2Events& events, std::span<const Http2Setting> settings, const Limits& limits);
  Http2Session(Role role, Http2Events& events, std::span<const Http2Setting> settings) : Http2Session(role, events, settings, Limits()) {}
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // False: the connection cannot go on; what take() still gives tells the peer why.
  bool feed(std::string_view bytes);
  // Appends what is to be sent next, about `most` bytes. Nothing: there is nothing to send now.
  void take(std::string& out, size_t most);
  [[nodiscard]] bool over() const;            // nothing is expected or to be sent any more
  [[nodiscard]] uint32_t failed_with() const; // the code of a GOAWAY that we sent for the peer's fault; no_error: none
  [[nodiscard]] size_t queued_bytes() const;  // given to body() and not yet taken
  [[nodiscard]] size_t waiting_frames() const;

  // The request's number, or -1 when this leg takes no more. `body`: one follows by borrow().
  int32_t request(const Fields& fields, std::optional<Http2Weight> weight, bool body);
  [[nodiscard]] bool takes_requests() const;
  // Answers. `end`: nothing follows.
  void head(int32_t stream, Http2Head kind, const Fields& fields, bool end);
  void body(int32_t stream, std::string_view bytes);    // copied
  void borrow(int32_t stream, std::string_view bytes);  // the whole rest of the message; must live until on_sent or release()
  void end(int32_t stream);
  void release(int32_t stream);  // forgets a borrowed body
  [[nodiscard]] size_t sent_body_bytes(int32_t stream) const;
  void reset(int32_t stream, uint32_t code);
  void cut(int32_t stream, uint32_t code);  // a reset behind what is queued
  [[nodiscard]] bool is_open(int32_t stream) const;
  void credit(int32_t stream, uint32_t bytes);
  void settings(std::span<const Http2Setting> settings);
  void goaway(uint32_t code);  // streams that are there may end

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warden::http
