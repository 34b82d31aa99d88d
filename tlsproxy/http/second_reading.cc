// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/second_reading.h"

#include <llhttp.h>

namespace warden::http {
namespace {

struct Reading {
  llhttp_t llhttp{};  // first member: callbacks get its address back
  std::string_view target;
  size_t headers = 0;
  bool complete = false;
  bool chunked = false;
  uint64_t content_length = 0;
  bool has_length = false;
  int status = 0;
  int minor_version = 0;
  uint8_t method = 0;
};

Reading& reading_of(llhttp_t* llhttp) {
  return *static_cast<Reading*>(llhttp->data);
}

// The head is one buffer, so a span comes in one call.
int on_url(llhttp_t* llhttp, const char* at, size_t length) {
  reading_of(llhttp).target = {at, length};
  return 0;
}

int on_header(llhttp_t* llhttp) {
  ++reading_of(llhttp).headers;
  return 0;
}

int on_headers_complete(llhttp_t* llhttp) {
  Reading& reading = reading_of(llhttp);
  reading.complete = true;
  reading.chunked = (llhttp->flags & F_CHUNKED) != 0;
  reading.has_length = (llhttp->flags & F_CONTENT_LENGTH) != 0;
  reading.content_length = llhttp->content_length;
  reading.status = llhttp->status_code;
  reading.minor_version = llhttp->http_minor;
  reading.method = llhttp->method;
  return 0;
}

const llhttp_settings_t& settings() {
  static const llhttp_settings_t kSettings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_url = on_url;
    s.on_header_value_complete = on_header;
    s.on_headers_complete = on_headers_complete;
    return s;
  }();
  return kSettings;
}

bool same(Side side, const Head& head, const Reading& reading) {
  if (!reading.complete || reading.headers != head.headers.size()) return false;
  if (reading.minor_version != head.minor_version || reading.chunked != head.chunked) return false;
  if (reading.has_length != head.content_length.has_value()) return false;
  if (head.content_length && *head.content_length != reading.content_length) return false;
  if (side == Side::response) return reading.status == head.status;
  return reading.target == head.target &&
         head.method == llhttp_method_name(static_cast<llhttp_method_t>(reading.method));
}

}  // namespace

bool agrees_with_llhttp(Side side, const Head& head) {
  Reading reading;
  llhttp_init(&reading.llhttp, side == Side::request ? HTTP_REQUEST : HTTP_RESPONSE, &settings());
  reading.llhttp.data = &reading;
  const llhttp_errno_t error = llhttp_execute(&reading.llhttp, head.raw.data(), head.raw.size());
  return (error == HPE_OK || error == HPE_PAUSED_UPGRADE) && same(side, head, reading);
}

}  // namespace warden::http
