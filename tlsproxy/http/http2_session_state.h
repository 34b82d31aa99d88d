// SPDX-License-Identifier: Apache-2.0
// What stands behind Http2Session; shared by its two source files, nobody else. http2_callbacks.cc is what nghttp2 calls,
// http2_session.cc what the session's owner calls.
#pragma once

#include <nghttp2/nghttp2.h>

#include <unordered_map>

#include "agent/base/clock.h"
#include "tlsproxy/http/http2_session.h"

namespace warden::http {

inline std::string_view view(const uint8_t* bytes, size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }
std::vector<nghttp2_nv> to_nvs(const Fields& fields);
std::vector<nghttp2_settings_entry> to_entries(std::span<const Http2Setting> settings);

struct Http2Session::State {
  // What is still to be sent on a stream.
  struct Out {
    std::string queued;
    size_t at = 0;  // in `queued`
    std::string_view borrowed;
    Fields trailers;
    size_t sent_bytes = 0;
    std::optional<uint32_t> cut;  // the code of a reset behind `queued`
    bool ended = false;
    bool deferred = false;
  };

  State(Role r, Http2Events& e, const Limits& l) : role(r), events(e), limits(l), idle_left(l.idle_frames_burst) {}
  ~State() { nghttp2_session_del(session); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  struct On;
  void open(std::span<const Http2Setting> first);
  bool idle_frame();
  ssize_t read_body(int32_t stream, uint8_t* into, size_t room, uint32_t* flags);
  void head_complete(const nghttp2_frame& frame);
  void drop(int32_t stream, uint32_t code);
  void resume(int32_t stream, Out& out);

  Role role;
  Http2Events& events;
  Limits limits;
  nghttp2_session* session = nullptr;
  std::unordered_map<int32_t, Out> outs;
  size_t queued_bytes = 0;
  bool failed = false;
  uint32_t failed_with = no_error;
  // The head that is arriving; one at a time on a connection.
  Fields fields;
  size_t head_bytes = 0;
  // Frames that carry nothing.
  uint64_t idle_left;
  int64_t idle_since_ns = monotonic_ns();
};

}  // namespace warden::http
