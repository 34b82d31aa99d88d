// SPDX-License-Identifier: Apache-2.0
// Bodies: what all bodies of a worker may hold at once. One counter over every buffer of every exchange, in memory and on disk,
// and a bounded number of unnamed files for the large ones. One thread, so the counter is a plain number.
//
// A BodyBuffer is a text that grows. What its memory costs is taken from the budget before it grows and given back when it is
// cleared, and a step that finds no room fails and says why. Beyond `spool_over_bytes` its bytes live in one of the files. They
// get there by pwrite and are read through a mapping: a disk that is full is then an error of that call, on every file system,
// where a store into a mapping would end the process.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"

namespace warden::pipeline {

enum class BodyFault : uint8_t {
  none,
  over_budget,  // all bodies of this worker together would exceed their limit
  no_spool,     // no file is free, or the disk takes no more
};
std::string_view name(BodyFault fault);  // the `reason` of a not_evaluated record

class Bodies {
 public:
  struct Limits {
    uint64_t bytes_max = uint64_t{256} << 20;
    uint64_t spool_over_bytes = 0;  // 0: everything stays in memory
  };
  explicit Bodies(Limits limits, std::vector<Fd> files = {}) : limits_(limits), files_(std::move(files)) {}
  Bodies(const Bodies&) = delete;
  Bodies& operator=(const Bodies&) = delete;

  [[nodiscard]] const Limits& limits() const { return limits_; }
  [[nodiscard]] uint64_t used_bytes() const { return used_; }
  [[nodiscard]] size_t files_free() const { return files_.size(); }
  // Little enough is in use that idle connections may keep their buffers.
  [[nodiscard]] bool plenty() const { return used_ <= limits_.bytes_max / 4; }

 private:
  friend class BodyBuffer;
  bool take(uint64_t bytes, uint64_t buffer_bytes);
  void give(uint64_t bytes) { used_ -= bytes; }

  Limits limits_;
  std::vector<Fd> files_;  // the free ones, all empty
  uint64_t used_ = 0;
};

class BodyBuffer {
 public:
  explicit BodyBuffer(Bodies& bodies) : bodies_(&bodies) {}
  ~BodyBuffer() { release(); }
  BodyBuffer(BodyBuffer&& other) noexcept { take_over(other); }
  BodyBuffer& operator=(BodyBuffer&& other) noexcept;
  BodyBuffer(const BodyBuffer&) = delete;
  BodyBuffer& operator=(const BodyBuffer&) = delete;

  // Valid until the next call that adds or clears.
  [[nodiscard]] std::string_view view() const { return {data_, size_}; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] bool on_disk() const { return static_cast<bool>(file_); }
  [[nodiscard]] BodyFault fault() const { return fault_; }  // of the first step that failed since the last clear

  bool append(std::string_view bytes);
  // To be read into, `least` to `most` bytes; empty: no room. What was read there becomes part of the text by filled().
  std::span<char> room(size_t least, size_t most);
  bool filled(size_t bytes);
  // Makes memory for that many bytes at once where that is cheap; what cannot be had now is asked for again when it is needed.
  void expect(size_t bytes);
  void truncate(size_t bytes) { size_ = bytes < size_ ? bytes : size_; }

  void clear();    // keeps the memory of a small one for the next exchange while there is plenty
  void release();  // keeps nothing

 private:
  void take_over(BodyBuffer& other);
  bool refuse(BodyFault fault);
  bool grow(size_t least, size_t most);
  bool resize_memory(size_t capacity);
  bool spool();
  bool write_out(std::string_view bytes);

  Bodies* bodies_ = nullptr;
  char* data_ = nullptr;      // memory of our own, or the mapping
  size_t size_ = 0;
  size_t capacity_ = 0;       // of the memory; 0 on disk
  uint64_t charged_ = 0;      // what of the budget is ours
  std::unique_ptr<char[]> landing_;  // on disk: what is read passes through here
  Fd file_;
  BodyFault fault_ = BodyFault::none;
};

}  // namespace warden::pipeline
