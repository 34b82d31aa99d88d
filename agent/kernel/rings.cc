// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/rings.h"

#include <bpf/libbpf.h>
#include <sys/epoll.h>

namespace warden::kernel {
namespace {

constexpr size_t kAtOnce = 2048;  // about what a ring holds
constexpr int kEnough = -1;

}  // namespace

void Rings::Free::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

bool Rings::open(const std::vector<int>& maps) {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return false;
  for (const int map : maps) {
    rings_.emplace_back(ring_buffer__new(map, on_record, this, nullptr));
    if (!rings_.back()) return false;
    const int fd = ring_buffer__epoll_fd(rings_.back().get());
    epoll_event wanted{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &wanted) != 0) return false;
  }
  return true;
}

// A negative answer ends the reading of this ring, with the record behind us.
int Rings::on_record(void* self, void* data, size_t size) {
  auto& rings = *static_cast<Rings*>(self);
  (*rings.deliver_)({static_cast<const char*>(data), size});
  return --rings.left_ > 0 ? 0 : kEnough;
}

void Rings::drain(const Deliver& deliver) {
  deliver_ = &deliver;
  for (const auto& ring : rings_) {
    left_ = kAtOnce;
    ring_buffer__consume(ring.get());
  }
  deliver_ = nullptr;
}

}  // namespace warden::kernel
