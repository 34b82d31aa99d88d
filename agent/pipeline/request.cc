// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/request.h"

#include <algorithm>

namespace warden::pipeline {
using provider::Unreadable;

namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

}  // namespace

const http::Head& Request::head() const {
  static const http::Head kNone;
  return known_head != nullptr ? *known_head : kNone;
}

std::string_view Request::path() const {
  const std::string_view target = head().target;
  return target.substr(0, target.find('?'));
}

std::string_view Request::query() const {
  const std::string_view target = head().target;
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

void Request::drop_body() {
  raw.clear();
  unframed.clear();
  decoded.clear();
  body = {};
}

void Request::reset() {
  drop_body();
  known_head = nullptr;
  coding = http::Coding::identity;
  whole = false;
  fault = BodyFault::none;
}

std::string_view reason(const ReadResult& result) {
  if (result.end == ReadEnd::malformed) return "malformed_http";
  return result.fault != BodyFault::none ? name(result.fault) : provider::name(result.why);
}

ReadResult unreadable(Unreadable why, bool usable) { return {ReadEnd::unreadable, why, usable}; }

ReadResult no_room(Request& request, BodyFault fault) {
  request.drop_body();
  request.fault = fault;
  return {ReadEnd::unreadable, {}, false, fault};
}

std::optional<ReadResult> refuse_head(Request& request, uint64_t body_bytes_max) {
  const http::Head& head = request.head();
  if (head.upgrade || head.method == "CONNECT") return unreadable(Unreadable::upgrade, false);
  if (head.content_length && *head.content_length > body_bytes_max)
    return unreadable(Unreadable::body_too_large, false);
  // One of several fields of a kind is what we would read; the provider might read another.
  for (const std::string_view name : {"content-encoding", "content-type"})
    if (std::ranges::count_if(head.headers, [&](const http::Header& h) { return same_name(h.name, name); }) > 1)
      return unreadable(Unreadable::unknown_coding, false);
  const std::string_view coding = head.header("content-encoding");
  const auto known = http::coding_of(coding.empty() ? "identity" : coding);
  if (!known) return unreadable(Unreadable::unknown_coding, false);
  request.coding = *known;
  return std::nullopt;
}

ReadResult decode_body(Request& request, std::string_view sent, uint64_t body_bytes_max) {
  request.body = sent;
  if (request.coding == http::Coding::identity || sent.empty()) return {ReadEnd::complete};
  const auto decoder = http::Decoder::make(request.coding, body_bytes_max);
  const auto into = [&request](std::string_view bytes) { return request.decoded.append(bytes); };
  auto result = decoder->decode(sent, into);
  if (result) result = decoder->finish();
  if (request.decoded.fault() != BodyFault::none) return no_room(request, request.decoded.fault());
  if (!result) {
    const bool bomb = result.error().code == http::CodingError::too_large;
    return unreadable(bomb ? Unreadable::expansion_too_large : Unreadable::unknown_coding, true);
  }
  request.body = request.decoded.view();
  request.unframed.clear();
  return {ReadEnd::complete};
}

std::string content_type(const http::Head& head) {
  const std::string_view value = head.header("content-type");
  std::string type(value.substr(0, value.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  for (char& c : type) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return type;
}

void Sendable::sent() {
  request_.drop_body();
  if (edited_) edited_->release();
}

}  // namespace warden::pipeline
