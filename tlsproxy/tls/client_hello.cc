// SPDX-License-Identifier: Apache-2.0
// Strict where two readers could disagree about the name: every length must fit exactly, no extension twice,
// one host name.
#include "tlsproxy/tls/client_hello.h"

#include <algorithm>
#include <optional>

namespace warden::tls {
namespace {

constexpr size_t kHelloBytesMax = 32 << 10;
constexpr size_t kRecordHeader = 5;
constexpr size_t kRecordBytesMax = 1 << 14;
constexpr size_t kExtensionsMax = 128;
constexpr size_t kProtocolsMax = 64;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;

enum Extension : uint16_t { kServerName = 0, kAlpn = 16, kSupportedVersions = 43, kEncryptedHello = 0xfe0d };

uint8_t byte(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

// Takes numbers and length-prefixed blocks from the front; once something does not fit, `ok` stays false.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  std::string_view take(size_t count) {
    if (!ok || count > rest.size()) {
      ok = false;
      return {};
    }
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }
  size_t number(size_t width) {
    size_t value = 0;
    for (const char c : take(width)) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  std::string_view block(size_t width, size_t least, size_t most) {
    const size_t count = number(width);
    if (count < least || count > most) ok = false;
    return take(count);
  }
};

// The handshake message without record headers. One record is the usual case and needs no copy.
struct Message {
  std::string_view body;
  std::string joined;
};

// Walks the records, hands each piece to `piece` and stops once `piece` says it has enough.
template <class Piece>
Result<void, HelloError> each_record(std::string_view bytes, Piece piece) {
  for (size_t at = 0; at < bytes.size();) {
    const bool first = at == 0;
    const auto wrong = [&](const char* what) {
      return fail(first ? HelloError::not_tls : HelloError::malformed, what);
    };
    if (byte(bytes, at) != kHandshakeRecord) return wrong("not a handshake record");
    if (at + 1 < bytes.size() && byte(bytes, at + 1) != 3) return wrong("record version");
    if (at + 2 < bytes.size() && byte(bytes, at + 2) > 4) return wrong("record version");
    if (at + kRecordHeader > bytes.size()) break;
    const size_t length = static_cast<size_t>(byte(bytes, at + 3)) << 8 | byte(bytes, at + 4);
    if (length == 0 || length > kRecordBytesMax) return wrong("record length");
    at += kRecordHeader;
    const std::string_view content = bytes.substr(at, length);
    const Result<bool, HelloError> enough = piece(content, length);
    if (!enough) return std::unexpected(enough.error());
    if (*enough) return {};
    at += length;
  }
  if (bytes.size() >= kHelloBytesMax) return fail(HelloError::too_large, "client hello over 32 KiB");
  return fail(HelloError::incomplete);
}

// The message's length, known from its first four bytes, which may lie in four records.
std::optional<size_t> message_length(std::string_view head) {
  if (head.size() < 4) return std::nullopt;
  return static_cast<size_t>(byte(head, 1)) << 16 | static_cast<size_t>(byte(head, 2)) << 8 | byte(head, 3);
}

Result<Message, HelloError> assemble(std::string_view bytes) {
  std::string head;
  size_t have = 0;
  size_t records = 0;
  std::string_view only;
  const auto measure = [&](std::string_view content, size_t length) -> Result<bool, HelloError> {
    ++records;
    only = content;
    head.append(content.substr(0, 4 - std::min<size_t>(head.size(), 4)));
    if (!head.empty() && byte(head, 0) != kClientHelloMessage)
      return fail(HelloError::malformed, "first handshake message is not a client hello");
    const std::optional<size_t> body = message_length(head);
    if (body && *body + 4 > kHelloBytesMax) return fail(HelloError::too_large, "client hello over 32 KiB");
    // RFC 8446 section 5.1: a client hello ends with its record, or a second reader could see other messages.
    if (body && have + length > *body + 4) return fail(HelloError::malformed, "data after the client hello");
    have += content.size();
    return body && have == *body + 4;
  };
  if (auto measured = each_record(bytes, measure); !measured) return std::unexpected(measured.error());
  Message message;
  if (records == 1) {
    message.body = only.substr(4);
    return message;
  }
  message.joined.reserve(have);
  const auto join = [&](std::string_view content, size_t) -> Result<bool, HelloError> {
    message.joined.append(content);
    return message.joined.size() == have;
  };
  if (auto joined = each_record(bytes, join); !joined) return std::unexpected(joined.error());
  return message;
}

bool name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
}

// RFC 6066 section 3: exactly one name of the only type there is. A colon is let through for clients that
// send an IPv6 literal; empty labels are not.
bool read_name(std::string_view content, std::string& out) {
  Cursor list{content};
  Cursor names{list.block(2, 1, 0xffff)};
  const size_t type = names.number(1);
  std::string name(names.block(2, 1, 255));
  if (!list.ok || !list.rest.empty() || !names.ok || !names.rest.empty() || type != 0) return false;
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  if (name.back() == '.') name.pop_back();
  if (name.empty() || name.front() == '.' || name.find("..") != std::string::npos || name.back() == '.')
    return false;
  if (!std::all_of(name.begin(), name.end(), name_byte)) return false;
  out = std::move(name);
  return true;
}

bool read_protocols(std::string_view content, std::vector<std::string>& out) {
  Cursor list{content};
  Cursor names{list.block(2, 2, 0xffff)};
  if (!list.ok || !list.rest.empty()) return false;
  while (names.ok && !names.rest.empty()) {
    if (out.size() == kProtocolsMax) return false;
    out.emplace_back(names.block(1, 1, 255));
  }
  return names.ok;
}

bool read_versions(std::string_view content, bool& tls13) {
  Cursor list{content};
  Cursor versions{list.block(1, 2, 254)};
  if (!list.ok || !list.rest.empty() || versions.rest.size() % 2 != 0) return false;
  while (!versions.rest.empty()) tls13 |= versions.number(2) == 0x0304;
  return true;
}

bool read_extensions(std::string_view content, ClientHello& hello) {
  Cursor extensions{content};
  std::vector<uint16_t> seen;
  while (!extensions.rest.empty()) {
    const auto type = static_cast<uint16_t>(extensions.number(2));
    const std::string_view data = extensions.block(2, 0, 0xffff);
    if (!extensions.ok || seen.size() == kExtensionsMax) return false;
    if (std::find(seen.begin(), seen.end(), type) != seen.end()) return false;
    seen.push_back(type);
    if (type == kServerName && !read_name(data, hello.server_name)) return false;
    if (type == kAlpn && !read_protocols(data, hello.alpn)) return false;
    if (type == kSupportedVersions && !read_versions(data, hello.tls13)) return false;
    if (type == kEncryptedHello) hello.encrypted_hello = true;
  }
  return extensions.ok;
}

}  // namespace

Result<ClientHello, HelloError> read_client_hello(std::string_view bytes) {
  const Result<Message, HelloError> message = assemble(bytes);
  if (!message) return std::unexpected(message.error());
  Cursor body{message->joined.empty() ? message->body : std::string_view(message->joined).substr(4)};
  const size_t version = body.number(2);
  body.take(32);         // random
  body.block(1, 0, 32);  // legacy session id
  const std::string_view ciphers = body.block(2, 2, 0xfffe);
  body.block(1, 1, 255);  // legacy compression methods
  if (!body.ok || version >> 8 != 3 || ciphers.size() % 2 != 0)
    return fail(HelloError::malformed, "client hello fields");
  ClientHello hello;
  if (body.rest.empty()) return hello;  // TLS 1.2 without extensions
  const std::string_view extensions = body.block(2, 0, 0xffff);
  if (!body.ok || !body.rest.empty() || !read_extensions(extensions, hello))
    return fail(HelloError::malformed, "client hello extensions");
  return hello;
}

}  // namespace warden::tls
