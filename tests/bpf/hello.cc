// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/hello.h"

#include <algorithm>

namespace warden::kernel {
namespace {

std::string number(size_t value, int bytes) {
  std::string wire;
  for (int i = bytes - 1; i >= 0; --i) wire += static_cast<char>(value >> (8 * i) & 0xff);
  return wire;
}

std::string sized(int bytes, const std::string& content) { return number(content.size(), bytes) + content; }

std::string extension(unsigned type, const std::string& content) { return number(type, 2) + sized(2, content); }

std::string name_extension(const std::string& name) {
  return name.empty() ? "" : extension(0, sized(2, std::string(1, '\0') + sized(2, name)));
}

}  // namespace

std::string handshake_message(const std::string& server_name, const HelloShape& shape) {
  std::string extensions;
  if (!shape.name_last) extensions += name_extension(server_name);
  for (size_t i = 0; i < shape.extensions; ++i) extensions += extension(0x1a1a + static_cast<unsigned>(i) * 0x1010, "");
  extensions += extension(51, sized(2, number(0x11ec, 2) + sized(2, std::string(shape.key_share_bytes, 'k'))));
  if (shape.name_last) extensions += name_extension(server_name);
  const std::string body = number(0x0303, 2) + std::string(32, 'r') + sized(1, std::string(32, 's')) +
                           sized(2, std::string("\x13\x01\x13\x02", 4)) + sized(1, std::string(1, '\0')) +
                           sized(2, extensions);
  return number(1, 1) + sized(3, body);
}

std::string in_records(const std::string& message, size_t record_bytes) {
  std::string wire;
  for (const std::string& piece : cut(message, record_bytes)) wire += "\x16\x03\x01" + sized(2, piece);
  return wire;
}

std::string client_hello(const std::string& server_name, const HelloShape& shape) {
  return in_records(handshake_message(server_name, shape));
}

std::vector<std::string> cut(const std::string& bytes, size_t piece) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < bytes.size(); at += piece) pieces.push_back(bytes.substr(at, piece));
  return pieces;
}

}  // namespace warden::kernel
