// SPDX-License-Identifier: Apache-2.0
// The byte form of messages.h: little-endian fixed-width numbers, 32-bit counts before texts and lists. Frame: u32 payload
// length, u8 type, payload. Both ends are of one build (Ready carries the protocol version), so there is no versioning here.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/app/messages.h"

namespace warden::app {

inline constexpr size_t kFrameHead = 5;

class Packer {
 public:
  explicit Packer(std::string& out) : out_(out) {}

  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  void operator()(const T& number) {
    out_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<uint32_t>(text.size()));
    out_ += text;
  }
  void operator()(const Endpoint& endpoint) {
    out_.append(reinterpret_cast<const char*>(endpoint.address.data()), endpoint.address.size());
    (*this)(endpoint.port);
  }
  template <class A, class B>
  void operator()(const std::pair<A, B>& pair) {
    (*this)(pair.first), (*this)(pair.second);
  }
  template <class T>
  void operator()(const std::vector<T>& list) {
    (*this)(static_cast<uint32_t>(list.size()));
    for (const T& item : list) (*this)(item);
  }
  template <class T>
    requires requires(T& message, Packer& packer) { message.fields(packer); }
  void operator()(const T& message) {
    const_cast<T&>(message).fields(*this);  // fields() serves both directions; packing does not change them
  }

 private:
  std::string& out_;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view in) : in_(in) {}
  // Everything was there and nothing is left over.
  [[nodiscard]] bool done() const { return ok_ && in_.empty(); }

  template <class T>
    requires std::integral<T> || std::is_enum_v<T>
  void operator()(T& number) {
    take(reinterpret_cast<char*>(&number), sizeof number);
  }
  void operator()(bool& flag) {
    uint8_t byte = 0;
    (*this)(byte);
    ok_ = ok_ && byte <= 1;
    flag = byte == 1;
  }
  void operator()(std::string& text) {
    const uint32_t size = count(1);
    text.assign(in_.substr(0, size));
    in_.remove_prefix(size);
  }
  void operator()(Endpoint& endpoint) {
    take(reinterpret_cast<char*>(endpoint.address.data()), endpoint.address.size());
    (*this)(endpoint.port);
  }
  template <class A, class B>
  void operator()(std::pair<A, B>& pair) {
    (*this)(pair.first), (*this)(pair.second);
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    const uint32_t size = count(1);
    list.clear();
    for (uint32_t i = 0; i < size && ok_; ++i) (*this)(list.emplace_back());
  }
  template <class T>
    requires requires(T& message, Unpacker& unpacker) { message.fields(unpacker); }
  void operator()(T& message) {
    message.fields(*this);
  }

 private:
  void take(char* to, size_t size) {
    ok_ = ok_ && in_.size() >= size;
    if (!ok_) return;
    std::memcpy(to, in_.data(), size);
    in_.remove_prefix(size);
  }
  // A count of items that take at least `item_bytes` each: bounded by what is there, so a lie cannot make us allocate.
  uint32_t count(size_t item_bytes) {
    uint32_t size = 0;
    (*this)(size);
    if (size > in_.size() / item_bytes) ok_ = false;
    return ok_ ? size : 0;
  }

  std::string_view in_;
  bool ok_ = true;
};

// Appends the whole frame.
template <class Message>
void pack(const Message& message, std::string& out) {
  const size_t at = out.size();
  out.append(kFrameHead, '\0');
  Packer{out}(message);
  const uint32_t size = static_cast<uint32_t>(out.size() - at - kFrameHead);
  std::memcpy(out.data() + at, &size, sizeof size);
  out[at + 4] = static_cast<char>(Message::kType);
}

template <class Message>
bool unpack(std::string_view payload, Message& message) {
  Unpacker unpacker(payload);
  unpacker(message);
  return unpacker.done();
}

}  // namespace warden::app
