// SPDX-License-Identifier: Apache-2.0
// Hostile frames for a session of either side, cut in two ways: the same events, memory within bounds, and no message out of what
// breaks the rules. The first byte chooses the side, the second the size of the pieces.
#include <cstdlib>

#include "tests/unit/http/http2_wire.h"
#include "tlsproxy/http/http2_head.h"

namespace {

using namespace warden::http;

void run(Http2End& end, bool client, std::string_view bytes, size_t piece) {
  if (client) {
    for (int i = 0; i < 3; ++i) (void)end.session.request(kPost, std::nullopt, false);
    (void)end.sent();
  }
  for (size_t at = 0; at < bytes.size(); at += piece)
    if (!end.session.feed(bytes.substr(at, piece))) break;
  for (auto& [id, stream] : end.log.streams) {
    if (client) continue;
    Head head;
    const bool sound = read_http2_request(stream.fields, "https", head).has_value();
    if (sound && (head.method.empty() || head.target.empty())) std::abort();
    end.session.head(id, Http2Head::message, {{":status", sound ? "200" : "400"}}, false);
    end.session.body(id, "words");
    end.session.end(id);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool client = (data[0] & 1) != 0;
  const Http2Session::Limits limits{.head_bytes_max = 4096, .fields_max = 16, .idle_frames_burst = 64, .idle_frames_per_s = 1};
  const std::string bytes = (client ? std::string() : std::string(kPreface)) + std::string(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto role = client ? Http2Session::Role::client : Http2Session::Role::server;
  Http2End whole(role, limits), pieces(role, limits);
  run(whole, client, bytes, bytes.size() + 1);
  run(pieces, client, bytes, size_t{data[1]} + 1);
  if (whole.log.streams != pieces.log.streams) std::abort();
  for (const auto& [id, stream] : whole.log.streams)
    if (stream.fields.size() > limits.fields_max + 1) std::abort();
  (void)whole.sent();
  (void)pieces.sent();
  return 0;
}
