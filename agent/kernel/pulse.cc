// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/pulse.h"

#include <bpf/bpf.h>

#include <cstdint>

#include "agent/base/clock.h"
#include "agent/kernel/pins.h"

namespace warden::kernel {
namespace {

constexpr auto kEvery = std::chrono::milliseconds(100);
constexpr uint32_t kOnly = 0;

}  // namespace

Pulse::Pulse(const std::string& bpffs_dir, std::chrono::milliseconds longest)
    : map_(bpf_obj_get(Pins(bpffs_dir).map("heartbeat").c_str())), thread_([this, longest] { run(longest); }) {}

Pulse::~Pulse() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Pulse::run(std::chrono::milliseconds longest) {
  const auto until = std::chrono::steady_clock::now() + longest;
  std::unique_lock lock(mutex_);
  while (map_ && !stopping_ && std::chrono::steady_clock::now() < until) {
    const auto now = static_cast<uint64_t>(monotonic_ns());
    bpf_map_update_elem(map_.get(), &kOnly, &now, BPF_ANY);
    wake_.wait_for(lock, kEvery, [this] { return stopping_; });
  }
}

}  // namespace warden::kernel
