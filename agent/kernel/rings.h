// SPDX-License-Identifier: Apache-2.0
// Rings: the kernel half's event rings, read in turn. One that somebody fills as fast as it is read does not keep the others
// waiting.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "agent/base/fd.h"

struct ring_buffer;

namespace warden::kernel {

class Rings {
 public:
  using Deliver = std::function<void(std::string_view record)>;

  // In the order in which they shall be read. False: one cannot be mapped; errno says why.
  bool open(const std::vector<int>& maps);
  // What is there, up to a bound for each ring; the descriptor stays readable when there is more.
  void drain(const Deliver& deliver);
  [[nodiscard]] int fd() const { return epoll_.get(); }

 private:
  static int on_record(void* self, void* data, size_t size);
  struct Free {
    void operator()(ring_buffer* ring) const;
  };

  Fd epoll_;
  std::vector<std::unique_ptr<ring_buffer, Free>> rings_;
  const Deliver* deliver_ = nullptr;
  size_t left_ = 0;
};

}  // namespace warden::kernel
