// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/http2_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tlsproxy/http/http2_session_state.h"

namespace warden::http {
namespace {

nghttp2_nv to_nv(const Field& field) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())), field.name.size(), field.value.size(),
          static_cast<uint8_t>(field.never_indexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)};
}

}  // namespace

std::vector<nghttp2_nv> to_nvs(const Fields& fields) {
  std::vector<nghttp2_nv> all;
  all.reserve(fields.size());
  std::ranges::transform(fields, std::back_inserter(all), to_nv);
  return all;
}

std::vector<nghttp2_settings_entry> to_entries(std::span<const Http2Setting> settings) {
  std::vector<nghttp2_settings_entry> all;
  for (const Http2Setting& setting : settings) all.push_back({setting.id, setting.value});
  return all;
}

std::string_view http2_code_name(uint32_t code) {
  static constexpr std::array<std::string_view, 14> kNames = {
      "NO_ERROR",       "PROTOCOL_ERROR", "INTERNAL_ERROR",    "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT",  "STREAM_CLOSED",      "FRAME_SIZE_ERROR",
      "REFUSED_STREAM", "CANCEL",         "COMPRESSION_ERROR", "CONNECT_ERROR",      "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"};
  return code < kNames.size() ? kNames[code] : "an unknown code";
}

Http2Session::Http2Session(Role role, Http2Events& events, std::span<const Http2Setting> settings, const Limits& limits)
    : state_(std::make_unique<State>(role, events, limits)) {
  state_->open(settings);
}
Http2Session::~Http2Session() = default;

bool Http2Session::feed(std::string_view bytes) {
  if (state_->failed) return false;
  const ssize_t taken = nghttp2_session_mem_recv(state_->session, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken >= 0) return true;
  state_->failed = true;
  if (state_->failed_with == no_error) state_->failed_with = taken == NGHTTP2_ERR_FLOODED ? enhance_your_calm : protocol_error;
  nghttp2_session_terminate_session(state_->session, state_->failed_with);
  return false;
}

void Http2Session::take(std::string& out, size_t most) {
  while (out.size() < most) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(state_->session, &bytes);
    if (size <= 0) break;
    out.append(view(bytes, static_cast<size_t>(size)));
  }
}

bool Http2Session::over() const {
  return (state_->failed || nghttp2_session_want_read(state_->session) == 0) && nghttp2_session_want_write(state_->session) == 0;
}
uint32_t Http2Session::failed_with() const { return state_->failed_with; }
size_t Http2Session::queued_bytes() const { return state_->queued_bytes; }
size_t Http2Session::waiting_frames() const { return nghttp2_session_get_outbound_queue_size(state_->session); }

namespace {

// `source` of every body is the session itself, which knows the stream.
template <class S>
nghttp2_data_provider body_of(S& state) {
  nghttp2_data_provider body{};
  body.source.ptr = &state;
  body.read_callback = [](nghttp2_session*, int32_t stream, uint8_t* into, size_t room, uint32_t* flags, nghttp2_data_source* source, void*) {
    return static_cast<S*>(source->ptr)->read_body(stream, into, room, flags);
  };
  return body;
}

}  // namespace

int32_t Http2Session::request(const Fields& fields, std::optional<Http2Weight> weight, bool body) {
  nghttp2_priority_spec priority;
  if (weight) nghttp2_priority_spec_init(&priority, 0, weight->weight, weight->exclusive ? 1 : 0);
  const auto nvs = to_nvs(fields);
  const nghttp2_data_provider source = body_of(*state_);
  const int32_t stream = nghttp2_submit_request(state_->session, weight ? &priority : nullptr, nvs.data(), nvs.size(), body ? &source : nullptr, nullptr);
  if (stream > 0) state_->outs.try_emplace(stream);
  return stream > 0 ? stream : -1;
}

bool Http2Session::takes_requests() const {
  return !state_->failed && nghttp2_session_check_request_allowed(state_->session) != 0;
}

void Http2Session::head(int32_t stream, Http2Head kind, const Fields& fields, bool end) {
  if (kind == Http2Head::trailers) {
    const auto found = state_->outs.find(stream);
    if (found == state_->outs.end()) return;
    found->second.trailers = fields;
    found->second.ended = true;
    return state_->resume(stream, found->second);
  }
  const auto nvs = to_nvs(fields);
  if (kind == Http2Head::interim) {
    nghttp2_submit_headers(state_->session, NGHTTP2_FLAG_NONE, stream, nullptr, nvs.data(), nvs.size(), nullptr);
    return;
  }
  const nghttp2_data_provider source = body_of(*state_);
  if (nghttp2_session_find_stream(state_->session, stream) == nullptr) return;
  state_->outs.try_emplace(stream);
  nghttp2_submit_response(state_->session, stream, nvs.data(), nvs.size(), end ? nullptr : &source);
}

void Http2Session::body(int32_t stream, std::string_view bytes) {
  const auto found = state_->outs.find(stream);
  if (found == state_->outs.end()) return;
  State::Out& out = found->second;
  if (out.at > out.queued.size() / 2) {
    out.queued.erase(0, out.at);
    out.at = 0;
  }
  out.queued.append(bytes);
  state_->queued_bytes += bytes.size();
  state_->resume(stream, out);
}

void Http2Session::borrow(int32_t stream, std::string_view bytes) {
  State::Out& out = state_->outs[stream];
  out.borrowed = bytes;
  out.ended = true;
  state_->resume(stream, out);
}

void Http2Session::end(int32_t stream) {
  const auto found = state_->outs.find(stream);
  if (found == state_->outs.end()) return;
  found->second.ended = true;
  state_->resume(stream, found->second);
}

void Http2Session::release(int32_t stream) {
  const auto found = state_->outs.find(stream);
  if (found != state_->outs.end()) found->second.borrowed = {};
}

size_t Http2Session::sent_body_bytes(int32_t stream) const {
  const auto found = state_->outs.find(stream);
  return found == state_->outs.end() ? 0 : found->second.sent_bytes;
}

void Http2Session::reset(int32_t stream, uint32_t code) {
  nghttp2_submit_rst_stream(state_->session, NGHTTP2_FLAG_NONE, stream, code);
}

void Http2Session::cut(int32_t stream, uint32_t code) {
  const auto found = state_->outs.find(stream);
  if (found == state_->outs.end() || found->second.queued.empty()) return reset(stream, code);
  found->second.cut = code;
  state_->resume(stream, found->second);
}

bool Http2Session::is_open(int32_t stream) const { return nghttp2_session_find_stream(state_->session, stream) != nullptr; }

void Http2Session::credit(int32_t stream, uint32_t bytes) {
  nghttp2_submit_window_update(state_->session, NGHTTP2_FLAG_NONE, stream, static_cast<int32_t>(std::min<uint32_t>(bytes, INT32_MAX)));
}

void Http2Session::settings(std::span<const Http2Setting> settings) {
  const auto entries = to_entries(settings);
  nghttp2_submit_settings(state_->session, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
}

void Http2Session::goaway(uint32_t code) {
  nghttp2_submit_goaway(state_->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(state_->session), code, nullptr, 0);
}

}  // namespace warden::http
