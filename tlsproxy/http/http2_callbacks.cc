// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/base/check.h"
#include "tlsproxy/http/http2_session_state.h"

namespace warden::http {
namespace {

constexpr size_t kFieldOverhead = 32;
constexpr uint64_t kNsPerS = 1'000'000'000;
constexpr size_t kTableBytesMax = 4096;  // of what our compressor keeps, whatever the peer would allow
constexpr size_t kWaitingAcksMax = 1000;
constexpr size_t kContinuationsMax = 8;
constexpr uint64_t kResetBurst = 1000, kResetsPerS = 33;

}  // namespace

// The clock is asked only when the allowance is used up.
bool Http2Session::State::idle_frame() {
  if (idle_left > 0) return --idle_left, true;
  const int64_t now_ns = monotonic_ns();
  const uint64_t elapsed_ns = static_cast<uint64_t>(now_ns - idle_since_ns);
  const uint64_t earned = elapsed_ns / (kNsPerS / std::max<uint64_t>(limits.idle_frames_per_s, 1));
  if (earned == 0) return false;
  idle_since_ns = now_ns;
  idle_left = std::min(earned, limits.idle_frames_burst) - 1;
  return true;
}

void Http2Session::State::head_complete(const nghttp2_frame& frame) {
  const int32_t stream = frame.hd.stream_id;
  if (head_bytes > limits.head_bytes_max || fields.size() > limits.fields_max) {
    fields = {};
    return events.on_malformed(stream);
  }
  Http2Head kind = Http2Head::trailers;
  if (role == Role::server && frame.headers.cat == NGHTTP2_HCAT_REQUEST) kind = Http2Head::message;
  if (role == Role::client && !fields.empty() && fields.front().name == ":status")
    kind = fields.front().value.starts_with('1') ? Http2Head::interim : Http2Head::message;
  std::optional<Http2Weight> weight;
  const nghttp2_priority_spec& said = frame.headers.pri_spec;
  if ((frame.hd.flags & NGHTTP2_FLAG_PRIORITY) != 0 && said.stream_id == 0) weight = Http2Weight{said.weight, said.exclusive != 0};
  events.on_head(stream, kind, std::exchange(fields, {}), weight, (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0);
}

void Http2Session::State::drop(int32_t stream, uint32_t code) {
  const auto found = outs.find(stream);
  size_t lost = 0;
  if (found != outs.end()) {
    lost = found->second.queued.size() - found->second.at;
    queued_bytes -= lost;
    outs.erase(found);
  }
  events.on_closed(stream, code, lost);
}

void Http2Session::State::resume(int32_t stream, Out& out) {
  if (std::exchange(out.deferred, false)) nghttp2_session_resume_data(session, stream);
}

// Fills one DATA frame. The last one carries the end itself, unless trailers do.
ssize_t Http2Session::State::read_body(int32_t stream, uint8_t* into, size_t room, uint32_t* flags) {
  const auto found = outs.find(stream);
  if (found == outs.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  Out& out = found->second;
  size_t filled = std::min(room, out.queued.size() - out.at);
  std::memcpy(into, out.queued.data() + out.at, filled);
  out.at += filled;
  queued_bytes -= filled;
  if (out.at == out.queued.size()) {
    out.queued.clear();
    out.at = 0;
    const size_t more = std::min(room - filled, out.borrowed.size());
    if (more > 0) std::memcpy(into + filled, out.borrowed.data(), more);
    out.borrowed.remove_prefix(more);
    filled += more;
  }
  out.sent_bytes += filled;
  if (out.queued.empty() && out.cut) nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, *out.cut);
  if (out.queued.empty() && out.borrowed.empty() && out.ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!out.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const auto nvs = to_nvs(out.trailers);
      if (nghttp2_submit_trailer(session, stream, nvs.data(), nvs.size()) != 0) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
  } else if (filled == 0) {
    out.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  return static_cast<ssize_t>(filled);
}

// What nghttp2 calls. Every session is its own `user`.
struct Http2Session::State::On {
  static State& of(void* user) { return *static_cast<State*>(user); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    const bool empty = head->length == 0 && (head->flags & NGHTTP2_FLAG_END_STREAM) == 0;
    const bool carries = head->type == NGHTTP2_HEADERS || head->type == NGHTTP2_WINDOW_UPDATE || head->type == NGHTTP2_RST_STREAM ||
                         ((head->type == NGHTTP2_DATA || head->type == NGHTTP2_CONTINUATION) && !empty);
    if (carries || of(user).idle_frame()) return 0;
    of(user).failed_with = enhance_your_calm;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int begin_head(nghttp2_session*, const nghttp2_frame*, void* user) {
    of(user).fields.clear();
    of(user).head_bytes = 0;
    return 0;
  }

  // Over the limit nothing more is kept; the rest of the head is read all the same, since the tables depend on it.
  static int field(nghttp2_session*, const nghttp2_frame*, const uint8_t* name, size_t name_size, const uint8_t* value, size_t value_size,
                   uint8_t flags, void* user) {
    State& state = of(user);
    state.head_bytes += name_size + value_size + kFieldOverhead;
    if (state.head_bytes > state.limits.head_bytes_max || state.fields.size() > state.limits.fields_max) return 0;
    state.fields.push_back({std::string(view(name, name_size)), std::string(view(value, value_size)), (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
    return 0;
  }

  // nghttp2 would pass over such a field in silence; what we read is then not what was sent.
  static int invalid_field(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t*, size_t, const uint8_t*, size_t, uint8_t,
                           void* user) {
    of(user).events.on_malformed(frame->hd.stream_id);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (message && frame->hd.stream_id != 0) of(user).events.on_malformed(frame->hd.stream_id);
    return 0;
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    State& state = of(user);
    const int32_t stream = frame->hd.stream_id;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS: state.head_complete(*frame); break;
      case NGHTTP2_WINDOW_UPDATE:
        state.events.on_window(stream, static_cast<uint32_t>(frame->window_update.window_size_increment));
        break;
      case NGHTTP2_GOAWAY: state.events.on_goaway(frame->goaway.error_code); break;
      case NGHTTP2_SETTINGS: settings(state, *frame); break;
      default: break;
    }
    const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (message && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) state.events.on_end(stream);
    return 0;
  }

  static void settings(State& state, const nghttp2_frame& frame) {
    if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) return;
    std::vector<Http2Setting> all;
    for (size_t i = 0; i < frame.settings.niv; ++i)
      all.push_back({static_cast<uint16_t>(frame.settings.iv[i].settings_id), frame.settings.iv[i].value});
    state.events.on_settings(all);
  }

  static int body(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* bytes, size_t size, void* user) {
    of(user).events.on_body(stream, view(bytes, size));
    return 0;
  }

  static int closed(nghttp2_session*, int32_t stream, uint32_t code, void* user) {
    of(user).drop(stream, code);
    return 0;
  }

  static int sent(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    State& state = of(user);
    const int32_t stream = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) state.failed_with = frame->goaway.error_code;
    // Some rules nghttp2 enforces by the reset alone.
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code == NGHTTP2_PROTOCOL_ERROR) state.events.on_malformed(stream);
    const bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!message || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    state.events.on_sent(stream);
    // An answer that did not wait for the whole request (RFC 9113 section 8.1): nobody takes the rest.
    if (state.role == Role::server && nghttp2_session_get_stream_remote_close(session, stream) == 0)
      nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_NO_ERROR);
    return 0;
  }

  // A request that the peer's GOAWAY overtook.
  static int not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    const bool request = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (request && of(user).role == Role::client) of(user).drop(frame->hd.stream_id, refused_stream);
    return 0;
  }

  static void all(nghttp2_session_callbacks* on) {
    nghttp2_session_callbacks_set_on_begin_frame_callback(on, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(on, begin_head);
    nghttp2_session_callbacks_set_on_header_callback(on, field);
    nghttp2_session_callbacks_set_on_invalid_header_callback(on, invalid_field);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(on, invalid_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(on, frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, body);
    nghttp2_session_callbacks_set_on_stream_close_callback(on, closed);
    nghttp2_session_callbacks_set_on_frame_send_callback(on, sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(on, not_sent);
  }
};

void Http2Session::State::open(std::span<const Http2Setting> first) {
  nghttp2_session_callbacks* on = nullptr;
  nghttp2_option* option = nullptr;
  WARDEN_CHECK(nghttp2_session_callbacks_new(&on) == 0 && nghttp2_option_new(&option) == 0);
  On::all(on);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(option, kTableBytesMax);
  nghttp2_option_set_max_outbound_ack(option, kWaitingAcksMax);
  nghttp2_option_set_max_continuations(option, kContinuationsMax);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetBurst, kResetsPerS);
  if (role == Role::client) nghttp2_option_set_no_auto_window_update(option, 1);
  const auto make = role == Role::server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  WARDEN_CHECK(make(&session, on, this, option) == 0);
  nghttp2_session_callbacks_del(on);
  nghttp2_option_del(option);
  const auto entries = to_entries(first);
  WARDEN_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size()) == 0);
}

}  // namespace warden::http
