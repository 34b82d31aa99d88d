// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel/programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "agent/base/fd.h"
#include "bpf/guard.skel.h"

namespace warden::kernel {
namespace {

// libbpf reports by a callback without context; the guard is opened by one thread.
thread_local std::string last_warning, verifier_said;

constexpr size_t kWarningBytesMax = 512, kLogBytesMax = 16U << 20U;

// The verifier's log ends with why it refuses, followed by statistics.
std::string reason_in(std::string_view log) {
  std::string_view reason;
  while (!log.empty()) {
    const std::string_view line = log.substr(0, log.find('\n'));
    log.remove_prefix(std::min(line.size() + 1, log.size()));
    if (line.starts_with("processed ") || line.starts_with("-- END")) break;
    if (!line.empty()) reason = line;
  }
  return std::string(reason);
}

int keep_warning(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN || (!last_warning.empty() && !verifier_said.empty())) return 0;
  va_list again;
  va_copy(again, arguments);
  const int bytes = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (bytes <= 0) return 0;
  std::string text(std::min<size_t>(static_cast<size_t>(bytes), kLogBytesMax), '\0');
  std::vsnprintf(text.data(), text.size() + 1, format, arguments);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (const size_t log = text.find("BEGIN PROG LOAD LOG"); log != std::string::npos) {
    const size_t line = text.find('\n', log);
    if (line != std::string::npos) verifier_said = reason_in(std::string_view(text).substr(line + 1));
  } else if (last_warning.empty()) {
    // The first complaint names the cause; what follows are its consequences.
    last_warning = text.substr(0, kWarningBytesMax);
  }
  return 0;
}

std::unexpected<Error<GuardError>> failed(GuardError code, const std::string& what, int error) {
  const bool denied = error == EPERM || error == EACCES;
  std::string detail = what + ": " + std::strerror(error);
  if (!last_warning.empty()) detail += " (" + last_warning + (verifier_said.empty() ? "" : ": " + verifier_said) + ")";
  return fail(denied ? GuardError::not_permitted : code, std::move(detail));
}

bool is_tracepoint(const bpf_program* program) {
  return bpf_program__type(program) == BPF_PROG_TYPE_TRACING;
}

bpf_link* make_link(const bpf_program* program, int cgroup_fd) {
  return is_tracepoint(program) ? bpf_program__attach(program)
                                : bpf_program__attach_cgroup(program, cgroup_fd);
}

// Pins `link` at `path`, replacing what is there without a moment in between. bpffs permits no dot in a name.
int pin_over(const bpf_link* link, const std::string& path) {
  const std::string fresh = path + "_new";
  ::unlink(fresh.c_str());
  if (bpf_obj_pin(bpf_link__fd(link), fresh.c_str()) != 0) return errno;
  return ::rename(fresh.c_str(), path.c_str()) == 0 ? 0 : errno;
}

std::optional<bpf_link_info> info_of(int link_fd) {
  bpf_link_info info{};
  uint32_t length = sizeof info;
  return bpf_obj_get_info_by_fd(link_fd, &info, &length) == 0 ? std::optional(info) : std::nullopt;
}

// Somebody asked the kernel to detach it, or its cgroup is gone. Links of tracepoints cannot be detached.
bool is_detached(const bpf_link* link) {
  const auto info = info_of(bpf_link__fd(link));
  return info && info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.cgroup_id == 0;
}

bool leads_to(const std::string& path, int link_fd) {
  const Fd pinned(bpf_obj_get(path.c_str()));
  const auto there = pinned ? info_of(pinned.get()) : std::nullopt, ours = info_of(link_fd);
  return there && ours && there->id == ours->id;
}

}  // namespace

void Programs::Destroy::operator()(guard_bpf* skeleton) const {
  guard_bpf__destroy(skeleton);
}

void Programs::DropLink::operator()(bpf_link* link) const { bpf_link__destroy(link); }

Result<Programs, GuardError> Programs::load_onto(const Pins* pins) {
  last_warning.clear();
  verifier_said.clear();
  libbpf_set_print(keep_warning);
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0)
    return fail(GuardError::no_btf,
                "the kernel has no BTF (/sys/kernel/btf/vmlinux); it needs CONFIG_DEBUG_INFO_BTF=y");
  Programs programs(guard_bpf__open());
  if (!programs.skeleton_) return failed(GuardError::load_failed, "cannot open the BPF object", errno);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, programs->obj) {
    if (!pins || bpf_map__is_internal(map)) continue;
    const int error = bpf_map__set_pin_path(map, pins->map(bpf_map__name(map)).c_str());
    if (error != 0) return failed(GuardError::pin_failed, "cannot pin a map", -error);
  }
  const int error = guard_bpf__load(programs.skeleton_.get());
  if (error != 0) return failed(GuardError::load_failed, "the kernel refused the BPF programs", -error);
  return programs;
}

Result<Programs, GuardError> Programs::load(const Pins& pins) {
  return load_onto(&pins);
}
Result<Programs, GuardError> Programs::try_load() {
  return load_onto(nullptr);
}

Result<int, GuardError> Programs::attach(const Pins& pins, int cgroup_fd) {
  int taken_over = 0;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    const std::string path = pins.link(bpf_program__name(program));
    LinkPtr pinned(bpf_link__open(path.c_str()));
    if (pinned) ++taken_over;
    // Links of tracepoints cannot be given another program: the new one is attached beside the old, then
    // replaces it.
    if (pinned && !is_tracepoint(program)) {
      const int error = bpf_link__update_program(pinned.get(), program);
      if (error != 0) return failed(GuardError::load_failed, "cannot replace " + path, -error);
      links_.push_back({program, std::move(pinned)});
      continue;
    }
    LinkPtr link(make_link(program, cgroup_fd));
    if (!link)
      return failed(GuardError::load_failed, std::string("cannot attach ") + bpf_program__name(program),
                    errno);
    if (const int error = pin_over(link.get(), path); error != 0)
      return failed(GuardError::pin_failed, "cannot pin " + path, error);
    links_.push_back({program, std::move(link)});
  }
  return taken_over;
}

void Programs::repair_link(Held& held, const Pins& pins, int cgroup_fd, Repair& repair) {
  if (held.lost) return;
  const std::string name = bpf_program__name(held.program), path = pins.link(name);
  if (is_detached(held.link.get())) {
    LinkPtr link(make_link(held.program, cgroup_fd));
    const int error = link ? pin_over(link.get(), path) : errno;
    held.lost = error != 0;
    if (held.lost) {
      repair.lost += (repair.lost.empty() ? "" : "; ") + name + ": " + std::strerror(error);
      return;
    }
    held.link = std::move(link);
    ++repair.programs;
  } else if (!leads_to(path, bpf_link__fd(held.link.get()))) {
    // What is there is not ours: an empty place, or somebody's own link by our name.
    if (pin_over(held.link.get(), path) == 0) ++repair.pins;
  }
}

Repair Programs::repair(const Pins& pins, int cgroup_fd) {
  Repair repair;
  if (!pins.prepare()) return repair;  // the folders too may have been removed
  for (Held& held : links_) repair_link(held, pins, cgroup_fd, repair);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    if (bpf_map__is_internal(map)) continue;
    const std::string path = pins.map(bpf_map__name(map));
    if (::access(path.c_str(), F_OK) != 0 && bpf_obj_pin(bpf_map__fd(map), path.c_str()) == 0) ++repair.pins;
  }
  return repair;
}

}  // namespace warden::kernel
