// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/process_table.h"

#include <algorithm>

#include "agent/attribution/socket_owner.h"

namespace warden::attribution {
namespace {

constexpr size_t kAncestorsMax = 64;

ProcessKey key_of(const kernel::ProcessFacts& facts) {
  return {facts.tgid, ticks_of_ns(facts.start_boottime_ns)};
}

FileId file_of(const kernel::ProcessFacts& facts) {
  return {facts.exe_inode, facts.exe_device};
}

// Same pid, same tick, other nanosecond: the pid came round within one tick.
bool other_process(const Process& known, uint64_t start_ns) {
  return known.start_ns != 0 && start_ns != 0 && known.start_ns != start_ns;
}

bool runs_another_file(const Image& image, const FileId& now) {
  return now.inode != 0 && image.file.inode != 0 && image.file.inode != now.inode;
}

}  // namespace

// A floor, so that a process and the ancestors just read for it are never what expires.
ProcessTable::ProcessTable(Limits limits) : limits_(limits) {
  limits_.processes_max = std::max<size_t>(limits_.processes_max, kAncestorsMax + 16);
}

Process& ProcessTable::touch(const ProcessKey& key, uint64_t start_ns) {
  auto [at, fresh] = processes_.try_emplace(key);
  Slot& slot = at->second;
  if (fresh) {
    slot.place = order_.insert(order_.end(), key);
    slot.process.key = key;
  } else {
    order_.splice(order_.end(), order_, slot.place);
    if (other_process(slot.process, start_ns)) {
      slot.process = Process();
      slot.process.key = key;
    }
  }
  if (start_ns != 0) slot.process.start_ns = start_ns;
  if (fresh) expire();
  return slot.process;
}

Process& ProcessTable::touch(const kernel::ProcessFacts& facts) {
  Process& process = touch(key_of(facts), facts.start_boottime_ns);
  if (!facts.comm.empty()) process.comm = facts.comm;
  if (!facts.noted)
    process.credentials = {facts.euid, facts.loginuid, facts.session, facts.netns_cookie};
  return process;
}

kernel::ProcessFacts ProcessTable::completed(const kernel::ProcessFacts& facts) {
  kernel::ProcessFacts whole = facts;
  if (!facts.noted) return whole;
  const ProcessKey key = key_of(facts);
  const Process* const known = lookup(key);
  if (known != nullptr && known->credentials && !other_process(*known, facts.start_boottime_ns)) {
    const Credentials& told = *known->credentials;
    whole.euid = told.euid;
    whole.loginuid = told.loginuid;
    whole.session = told.session;
    whole.netns_cookie = told.netns_cookie;
    whole.noted = false;
    return whole;
  }
  auto read = facts_of(facts.tgid);
  if (!read || key_of(*read) != key) return whole;
  read->start_boottime_ns = facts.start_boottime_ns;
  read->uid = facts.uid;
  read->gid = facts.gid;
  read->cgroup_id = facts.cgroup_id;
  return *read;
}

Process* ProcessTable::lookup(const ProcessKey& key) {
  const auto at = processes_.find(key);
  return at == processes_.end() ? nullptr : &at->second.process;
}

// Oldest first: what exited long ago, and more when the table is over its bound. The newest is always kept.
void ProcessTable::expire() {
  const auto now = std::chrono::steady_clock::now();
  for (auto at = order_.begin(); at != order_.end() && std::next(at) != order_.end();) {
    const Process& oldest = processes_.at(*at).process;
    const bool stale = oldest.exited && now - *oldest.exited > limits_.keep_exited;
    if (!stale && processes_.size() <= limits_.processes_max) return;
    processes_.erase(*at);
    at = order_.erase(at);
  }
}

// The process that had number `pid` when one that started at `not_after_ticks` was born. Whoever has it now and had it then
// is proven by /proc. Else only a process whose exit would have been told is believed to be still there: others, which the
// guarded cgroup does not hold, go without an event, and another may have come and gone under their number.
Process* ProcessTable::holder(int32_t pid, uint64_t not_after_ticks) {
  if (Process* const found = read_process(pid, not_after_ticks, false)) return found;
  auto at = processes_.upper_bound({pid, not_after_ticks});
  if (at == processes_.begin()) return nullptr;
  Process& candidate = (--at)->second.process;
  const bool told = candidate.start_ns != 0 && !candidate.exited;
  return candidate.key.tgid == pid && told ? &candidate : nullptr;
}

// The process with this number that started then, and not whoever has the number now.
Process* ProcessTable::exact_parent(int32_t pid, uint64_t start_ns) {
  const ProcessKey key{pid, ticks_of_ns(start_ns)};
  if (lookup(key) == nullptr) {
    Process* const read = read_process(pid, key.start_ticks, false);
    if (read == nullptr || read->key != key) return nullptr;
  }
  Process* const found = lookup(key);
  if (found == nullptr || other_process(*found, start_ns)) return nullptr;
  found->start_ns = start_ns;
  return found;
}

void ProcessTable::set_parent(Process& process, int32_t ppid, uint64_t parent_start_ns) {
  if (process.parent_known) return;
  if (ppid <= 0) {
    process.parent_known = process.key.tgid <= 2;  // init and kthreadd alone have none; of others it was not told
    return;
  }
  const ProcessKey key = process.key;
  const Process* const parent = parent_start_ns != 0 ? exact_parent(ppid, parent_start_ns) : holder(ppid, key.start_ticks);
  Process* const child = lookup(key);  // reading the parent may have moved or expired entries
  if (parent == nullptr || child == nullptr) return;
  child->parent = parent->key;
  child->parent_start_ns = parent->start_ns;
  child->parent_known = true;
}

// The ancestors of a process, while they are there: those outside the guarded cgroup may be gone without a word by the time
// that somebody asks (a runtime's helper ends as soon as the container runs).
void ProcessTable::read_upwards(ProcessKey key) {
  for (size_t depth = 0; depth < kAncestorsMax && key.tgid != 0; ++depth) {
    Process* const process = lookup(key);
    if (process == nullptr) return;
    if (!process->parent_known) {
      const auto proc = ProcDir::open(key.tgid);
      const auto stat = proc ? proc->stat() : std::nullopt;
      if (!stat || stat->start_ticks != key.start_ticks) return;
      set_parent(*process, stat->ppid);
    }
    const Process* const read = lookup(key);  // reading the parent may have moved or expired entries
    if (read == nullptr || !read->parent_known) return;
    key = read->parent;
  }
}

// From /proc, without its ancestors.
Process* ProcessTable::read_process(int32_t pid, uint64_t not_after_ticks, bool hash) {
  const auto proc = ProcDir::open(pid);
  const auto stat = proc ? proc->stat() : std::nullopt;
  if (!stat || stat->start_ticks > not_after_ticks) return nullptr;
  Process& process = touch({pid, stat->start_ticks}, 0);
  process.comm = stat->comm;
  if (!process.image) process.image = images_.read(pid, stat->start_ticks, {}, hash);
  return &process;
}

void ProcessTable::scan() {
  for (const int32_t pid : all_pids()) {
    Process* const process = read_process(pid, UINT64_MAX, false);
    const auto proc = process ? ProcDir::open(pid) : std::nullopt;
    const auto stat = proc ? proc->stat() : std::nullopt;
    if (stat && stat->start_ticks == process->key.start_ticks) set_parent(*process, stat->ppid);
  }
}

void ProcessTable::on_exec(const kernel::ProcessFacts& facts, std::string_view filename, uint64_t boot_ns) {
  const ProcessKey key = key_of(facts);
  Process& process = touch(facts);
  const std::shared_ptr<Image> before = std::move(process.image);
  process.image = images_.read(facts.tgid, key.start_ticks, file_of(facts), true,
                               {filename, before.get(), facts.start_boottime_ns});
  if (!process.image) process.image = images_.of_gone(file_of(facts), filename);
  process.image_before = before;
  process.image_since_ns = boot_ns;
  set_parent(process, facts.ppid, facts.parent_start_boottime_ns);
  read_upwards(key);
}

void ProcessTable::on_fork(const kernel::ProcessFacts& child, Creator creator) {
  const ProcessKey key = key_of(child);
  if (creator.tgid == 0) creator = {child.ppid, child.parent_start_boottime_ns};
  const Process* const parent = creator.start_boottime_ns != 0 ? exact_parent(creator.tgid, creator.start_boottime_ns)
                                                               : holder(creator.tgid, key.start_ticks);
  // Copied before touch(), which may expire the parent.
  const std::shared_ptr<Image> image = parent ? parent->image : nullptr;
  Process& process = touch(child);
  process.image = image;
  set_parent(process, creator.tgid, creator.start_boottime_ns);
  read_upwards(key);
}

void ProcessTable::on_exit(const kernel::ProcessFacts& facts) {
  Process* const process = lookup(key_of(facts));
  if (process == nullptr || other_process(*process, facts.start_boottime_ns)) return;
  process->exited = std::chrono::steady_clock::now();
  expire();
}

void ProcessTable::settle(std::shared_ptr<PendingDigest>& pending, Known<std::string>& digest) {
  if (!pending) return;
  if (!pending->done) return images_.executables().hurry(*pending);
  digest = pending->digest;
  pending = nullptr;
}

const Process& ProcessTable::find(const kernel::ProcessFacts& facts, uint64_t boot_ns) {
  const ProcessKey key = key_of(facts);
  Process* process = &touch(facts);
  const FileId file = file_of(facts);
  if (boot_ns != 0 && boot_ns < process->image_since_ns && process->image_before && !runs_another_file(*process->image_before, file)) {
    settle(process->image_before->pending, process->image_before->sha256);
    as_it_was_ = *process;
    as_it_was_.image = process->image_before;
    return as_it_was_;
  }
  // No event yet, or an exec whose event is still on its way.
  if (!process->image || runs_another_file(*process->image, file)) {
    process->image = images_.read(facts.tgid, key.start_ticks, file, true, {{}, nullptr, facts.start_boottime_ns});
    if (!process->image) process->image = images_.of_gone(file, "");
  }
  if (process->image->hash_later) process->image = images_.hashed(*process->image, key.tgid, key.start_ticks, file, facts.start_boottime_ns);
  Image& image = *process->image;
  settle(image.pending, image.sha256);
  settle(image.script.pending, image.script.sha256);
  set_parent(*process, facts.ppid, facts.parent_start_boottime_ns);
  read_upwards(key);
  return *lookup(key);
}

// The parent of a process in the table; nullptr with `top` false: it cannot be told. A parent that exited and
// was forgotten is replaced by the one the kernel gave the orphan.
const Process* ProcessTable::parent_of(const ProcessKey& key, bool& top) {
  Process* child = lookup(key);
  if (child == nullptr) return nullptr;
  const Process* const known = child->parent_known ? lookup(child->parent) : nullptr;
  if (child->parent_known && child->parent.tgid != 0 && (known == nullptr || other_process(*known, child->parent_start_ns)))
    child->parent_known = false;
  if (!child->parent_known) {
    const auto proc = ProcDir::open(key.tgid);
    const auto stat = proc ? proc->stat() : std::nullopt;
    if (!stat || stat->start_ticks != key.start_ticks) return nullptr;
    set_parent(*child, stat->ppid);
    child = lookup(key);
  }
  if (child == nullptr || !child->parent_known) return nullptr;
  top = child->parent.tgid == 0;
  return top ? nullptr : lookup(child->parent);
}

Known<std::vector<Ancestor>> ProcessTable::ancestry(const Process& process) {
  using Ancestry = Known<std::vector<Ancestor>>;
  std::vector<Ancestor> found;
  ProcessKey at = process.key;
  while (found.size() < kAncestorsMax) {
    bool top = false;
    const Process* const parent = parent_of(at, top);
    if (top) return Ancestry::of(std::move(found));
    if (parent == nullptr) return Ancestry::unresolved("ancestor_gone");
    at = parent->key;
    const uint64_t start_us = parent->start_ns != 0 ? parent->start_ns / 1000 : us_of_ticks(at.start_ticks);
    const Image* const image = parent->image.get();
    found.push_back({at.tgid, start_us, parent->comm, image ? image->exe.value : "", image ? image->script.path.value : ""});
  }
  return Ancestry::unresolved("ancestry_too_deep");
}

}  // namespace warden::attribution
