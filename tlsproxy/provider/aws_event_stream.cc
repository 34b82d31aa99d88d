// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/aws_event_stream.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <optional>

namespace warden::provider {
namespace {

constexpr size_t kPreludeBytes = 12;
constexpr size_t kLeastBytes = 16;

uint32_t be32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

void put32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint32_t crc(std::string_view bytes) {
  return static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// Length of a value by its type; strings and byte arrays say their own. nullopt: unknown type, or cut.
std::optional<size_t> value_length(unsigned char type, std::string_view rest) {
  constexpr std::array<size_t, 10> kFixed = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};
  if (type >= kFixed.size()) return std::nullopt;
  if (type != 6 && type != 7) return kFixed[type];
  if (rest.size() < 2) return std::nullopt;
  return 2 + ((size_t{static_cast<unsigned char>(rest[0])} << 8) | static_cast<unsigned char>(rest[1]));
}

bool read_headers(std::string_view headers, AwsEvent& event) {
  while (!headers.empty()) {
    const size_t name_length = static_cast<unsigned char>(headers[0]);
    if (headers.size() < name_length + 2) return false;
    const std::string_view name = headers.substr(1, name_length);
    const auto type = static_cast<unsigned char>(headers[1 + name_length]);
    headers.remove_prefix(name_length + 2);
    const auto length = value_length(type, headers);
    if (!length || *length > headers.size()) return false;
    const std::string_view value = type == 7 ? headers.substr(2, *length - 2) : std::string_view();
    headers.remove_prefix(*length);
    if (name == ":message-type") event.message_type = value;
    if (name == ":event-type" || name == ":exception-type") event.type = value;
  }
  return true;
}

}  // namespace

bool AwsEventReader::take_frame(std::string_view frame, const Event& event) {
  const uint32_t headers = be32(frame, 4);
  const size_t end = frame.size() - 4;
  if (headers > end - kPreludeBytes || be32(frame, end) != crc(frame.substr(0, end))) return false;
  AwsEvent read;
  if (!read_headers(frame.substr(kPreludeBytes, headers), read)) return false;
  read.payload = frame.substr(kPreludeBytes + headers, end - kPreludeBytes - headers);
  event(read);
  return true;
}

void AwsEventReader::feed(std::string_view bytes, const Event& event) {
  while (!broken_ && !bytes.empty()) {
    if (skip_ > 0) {
      const auto skipped = static_cast<size_t>(std::min<uint64_t>(skip_, bytes.size()));
      bytes.remove_prefix(skipped);
      skip_ -= skipped;
      continue;
    }
    const size_t wanted = held_.size() < kPreludeBytes ? kPreludeBytes : be32(held_, 0);
    const size_t taken = std::min(wanted - held_.size(), bytes.size());
    held_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (held_.size() < wanted) return;
    if (wanted == kPreludeBytes && be32(held_, 8) != crc(std::string_view(held_).substr(0, 8)))
      broken_ = true;
    const uint32_t length = be32(held_, 0);
    if (length < kLeastBytes) broken_ = true;
    if (broken_) return held_.clear();
    if (length > kFrameBytesMax) {
      ++dropped_;
      skip_ = length - held_.size();
      held_.clear();
    } else if (held_.size() == length) {
      broken_ = !take_frame(held_, event);
      held_.clear();
    }
  }
}

std::string aws_event(const std::vector<AwsHeader>& headers, std::string_view payload) {
  std::string fields;
  for (const AwsHeader& header : headers) {
    fields.push_back(static_cast<char>(header.name.size()));
    fields.append(header.name).push_back(7);
    fields.push_back(static_cast<char>(header.value.size() >> 8));
    fields.push_back(static_cast<char>(header.value.size()));
    fields.append(header.value);
  }
  std::string out;
  put32(out, static_cast<uint32_t>(kLeastBytes + fields.size() + payload.size()));
  put32(out, static_cast<uint32_t>(fields.size()));
  put32(out, crc(out));
  out.append(fields).append(payload);
  put32(out, crc(out));
  return out;
}

}  // namespace warden::provider
