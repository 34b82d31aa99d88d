// SPDX-License-Identifier: Apache-2.0
#include "agent/pipeline/bodies.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "agent/base/check.h"

namespace warden::pipeline {
namespace {

constexpr size_t kKeptBytesMax = 256 * 1024;    // of a buffer that an idle connection keeps
constexpr size_t kAtOnceBytesMax = 256 * 1024;  // on a sender's word alone; beyond, what arrives is what counts
constexpr size_t kLandingBytes = 64 * 1024;
constexpr uint64_t kSmallBytes = 64 * 1024;
constexpr uint64_t kShareOfSmall = 16;  // a sixteenth of the budget is left to small bodies, so that large ones do not stop them

}  // namespace

std::string_view name(BodyFault fault) {
  switch (fault) {
    case BodyFault::none: return "none";
    case BodyFault::over_budget: return "body_budget";
    case BodyFault::no_spool: return "body_spool";
  }
  return "none";
}

bool Bodies::take(uint64_t bytes, uint64_t buffer_bytes) {
  const uint64_t kept = buffer_bytes <= kSmallBytes ? 0 : limits_.bytes_max / kShareOfSmall;
  if (used_ + bytes > limits_.bytes_max - kept) return false;
  used_ += bytes;
  return true;
}

void BodyBuffer::take_over(BodyBuffer& other) {
  bodies_ = other.bodies_;
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  charged_ = std::exchange(other.charged_, 0);
  landing_ = std::move(other.landing_);
  file_ = std::move(other.file_);
  fault_ = std::exchange(other.fault_, BodyFault::none);
}

BodyBuffer& BodyBuffer::operator=(BodyBuffer&& other) noexcept {
  if (this == &other) return *this;
  release();
  take_over(other);
  return *this;
}

bool BodyBuffer::refuse(BodyFault fault) {
  if (fault_ == BodyFault::none) fault_ = fault;
  return false;
}

void BodyBuffer::clear() {
  if (on_disk() || capacity_ > kKeptBytesMax || !bodies_->plenty()) return release();
  size_ = 0;
  fault_ = BodyFault::none;
}

void BodyBuffer::release() {
  if (on_disk()) {
    ::munmap(data_, bodies_->limits_.bytes_max);
    // A file that cannot be emptied still holds the body: it is closed, which frees it, rather than used again.
    if (::ftruncate(file_.get(), 0) == 0) bodies_->files_.push_back(std::move(file_));
    file_.reset();
    landing_.reset();
  } else {
    std::free(data_);
  }
  if (charged_ > 0) bodies_->give(charged_);
  data_ = nullptr;
  size_ = capacity_ = 0;
  charged_ = 0;
  fault_ = BodyFault::none;
}

bool BodyBuffer::resize_memory(size_t capacity) {
  if (!bodies_->take(capacity - capacity_, capacity)) return false;
  auto* memory = static_cast<char*>(std::realloc(data_, capacity));
  WARDEN_CHECK(memory != nullptr);
  charged_ += capacity - capacity_;
  data_ = memory;
  capacity_ = capacity;
  return true;
}

// Room in memory for `least` more, generously where the budget allows, or the way to the disk.
bool BodyBuffer::grow(size_t least, size_t most) {
  const uint64_t over = bodies_->limits_.spool_over_bytes;
  if (over > 0 && size_ + least > over) return spool();
  const size_t bound = over > 0 ? over : SIZE_MAX;
  const size_t enough = std::min(size_ + most, bound);
  return resize_memory(std::max(enough, std::min(capacity_ * 2, bound))) || resize_memory(enough) ||
         refuse(BodyFault::over_budget);
}

void BodyBuffer::expect(size_t bytes) {
  const uint64_t over = bodies_->limits_.spool_over_bytes;
  if (on_disk() || bytes <= capacity_ || bytes > kAtOnceBytesMax || (over > 0 && bytes > over)) return;
  (void)resize_memory(bytes);
}

bool BodyBuffer::append(std::string_view bytes) {
  if (bytes.empty()) return true;
  if (!on_disk() && bytes.size() > capacity_ - size_ && !grow(bytes.size(), bytes.size())) return false;
  if (on_disk()) return write_out(bytes);
  std::memcpy(data_ + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
  return true;
}

std::span<char> BodyBuffer::room(size_t least, size_t most) {
  if (!on_disk() && capacity_ - size_ < least && !grow(least, most)) return {};
  if (on_disk()) return {landing_.get(), std::min(most, kLandingBytes)};
  return {data_ + size_, std::min(most, capacity_ - size_)};
}

bool BodyBuffer::filled(size_t bytes) {
  if (on_disk()) return write_out({landing_.get(), bytes});
  size_ += bytes;
  return true;
}

// Moves what is held to a file. The whole range that a body could ever take is mapped at once, so that it never moves.
bool BodyBuffer::spool() {
  if (bodies_->files_.empty()) return refuse(BodyFault::no_spool);
  if (!bodies_->take(kLandingBytes, size_ + kLandingBytes)) return refuse(BodyFault::over_budget);
  Fd file = std::move(bodies_->files_.back());
  bodies_->files_.pop_back();
  void* mapping = ::mmap(nullptr, bodies_->limits_.bytes_max, PROT_READ, MAP_SHARED, file.get(), 0);
  if (mapping == MAP_FAILED) {
    bodies_->files_.push_back(std::move(file));
    bodies_->give(kLandingBytes);
    return refuse(BodyFault::no_spool);
  }
  const std::unique_ptr<char, void (*)(void*)> held(std::exchange(data_, static_cast<char*>(mapping)), std::free);
  const size_t held_bytes = std::exchange(size_, 0);
  bodies_->give(std::exchange(capacity_, 0));
  charged_ = kLandingBytes;
  landing_ = std::make_unique_for_overwrite<char[]>(kLandingBytes);
  file_ = std::move(file);
  return write_out({held.get(), held_bytes});
}

bool BodyBuffer::write_out(std::string_view bytes) {
  if (!bodies_->take(bytes.size(), charged_ + bytes.size())) return refuse(BodyFault::over_budget);
  charged_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return refuse(BodyFault::no_spool);
    size_ += static_cast<size_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace warden::pipeline
