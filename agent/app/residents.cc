// SPDX-License-Identifier: Apache-2.0
#include "agent/app/residents.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "agent/base/file.h"

namespace warden::app {
namespace {

void add_from(const std::string& folder, std::unordered_set<int32_t>& pids) {
  const auto text = read_file(folder + "/cgroup.procs", size_t{16} << 20);
  const char* at = text ? text->data() : nullptr;
  const char* const end = text ? at + text->size() : nullptr;
  while (at != end) {
    int32_t pid = 0;
    const auto [after, error] = std::from_chars(at, end, pid);
    if (error != std::errc{}) return;
    pids.insert(pid);
    at = after == end ? end : after + 1;
  }
}

}  // namespace

void Residents::scan(const std::string& guarded) {
  std::error_code error;
  add_from(guarded, pids_);
  for (auto at = std::filesystem::recursive_directory_iterator(guarded, error);
       !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error))
    if (at->is_directory(error)) add_from(at->path().string(), pids_);
}

bool Residents::leaves(const kernel::Event& event) {
  const int32_t pid = event.process.tgid;
  switch (event.kind) {
    case kernel::EventKind::exec:
    case kernel::EventKind::fork:
    case kernel::EventKind::entered:
      if (pids_.size() < kMax) pids_.insert(pid);
      return false;
    case kernel::EventKind::exit:
      pids_.erase(pid);
      ended_.push_back(event.process);
      if (ended_.size() > kEnded) ended_.pop_front();
      return false;
    case kernel::EventKind::left: {
      const bool ours = pids_.erase(pid) > 0 || pids_.contains(event.process.ppid);
      // When there are more than can be kept, one too many is told rather than one too few.
      return ours || pids_.size() >= kMax;
    }
    default: return false;
  }
}

std::optional<kernel::ProcessFacts> Residents::recall(int32_t pid) const {
  const auto found = std::find_if(ended_.rbegin(), ended_.rend(), [pid](const auto& facts) { return facts.tgid == pid; });
  return found == ended_.rend() ? std::nullopt : std::optional(*found);
}

}  // namespace warden::app
