// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/image.h"

#include <unistd.h>

#include <array>

#include "agent/attribution/runtimes.h"
#include "agent/attribution/script.h"
#include "agent/attribution/wire.h"
#include "agent/base/clock.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;
using Texts = Known<std::vector<std::string>>;

constexpr size_t kCommandBytesMax = size_t{256} << 10;
constexpr size_t kCgroupsBytesMax = size_t{64} << 10;

std::string program_of(const std::string& exe) {
  const std::string name = exe.substr(exe.rfind('/') + 1);
  return name.ends_with(" (deleted)") ? name.substr(0, name.size() - 10) : name;
}

bool is_file(int fd, const FileId& file) {
  struct stat st {};
  return ::fstat(fd, &st) == 0 && st.st_ino == file.inode && st.st_dev == file.device;
}

// The program that a file's first line names, as the kernel reads it: "#!", blanks, a path.
std::string interpreter_of(int fd) {
  std::array<char, 256> head{};
  const ssize_t n = ::pread(fd, head.data(), head.size(), 0);
  std::string_view line(head.data(), n > 0 ? static_cast<size_t>(n) : 0);
  if (!line.starts_with("#!")) return {};
  line = line.substr(2, line.find('\n') - 2);
  line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

// A file that changed about when the process started may be another than the one it was given: no digest stands for both.
// ctime moves with every write and rename, and lags by no more than a tick.
bool older_than(int fd, uint64_t start_ns) {
  constexpr int64_t kTickUs = 10'000;
  struct stat st {};
  if (::fstat(fd, &st) != 0) return false;
  const int64_t changed_us = int64_t{st.st_ctim.tv_sec} * 1'000'000 + st.st_ctim.tv_nsec / 1000;
  const int64_t started_us = static_cast<int64_t>(start_ns / 1000) + wall_us() - boot_us();
  return changed_us + kTickUs < started_us;
}

}  // namespace

void Images::take(int fd, const char* basis, uint64_t start_ns, bool hash, Script& script) {
  char path[kTextBytesMax];
  const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  script.path = n > 0 ? Text::of(std::string(path, static_cast<size_t>(n))) : Text::unresolved("script_path_unreadable");
  script.basis = basis;
  if (!hash)
    script.sha256 = Text::unresolved("hash_pending");
  else if (older_than(fd, start_ns))
    script.sha256 = executables_.digest(fd, {}, script.path.value, &script.pending);
  else
    script.sha256 = Text::unresolved("script_changed_about_its_start");
}

// The kernel names the script only by the path that execve() was given. That is believed where the file there names the
// program that runs as its interpreter; else the arguments are asked, which whoever called execve() wrote.
void Images::read_script(const ProcDir& proc, const ExecFacts& exec, uint64_t start_ns, bool hash, Image& image) {
  constexpr size_t kFilenameBytesMax = 255;  // longer ones are cut by the kernel half
  Script& script = image.script;
  if (!exec.filename.empty() && exec.filename.size() < kFilenameBytesMax) {
    const Fd file = proc.open_seen(std::string(exec.filename));
    const std::string interpreter = file ? interpreter_of(file.get()) : std::string();
    const Fd program = interpreter.empty() ? Fd() : proc.open_seen(interpreter);
    if (program && is_file(program.get(), image.file)) return take(file.get(), "kernel", start_ns, hash, script);
  }
  const ScriptArgument argument = script_argument(program_of(image.exe.value), image.argv.value);
  if (argument.kind == ScriptArgument::Kind::none) return;
  script.path = script.sha256 = Text::unresolved(argument.why);
  if (argument.kind != ScriptArgument::Kind::file) return;
  const Fd file = proc.open_seen(argument.path);
  if (!file) {
    script.path = script.sha256 = Text::unresolved("script_not_found");
    return;
  }
  take(file.get(), "asserted", start_ns, hash, script);
  // `#!/usr/bin/env python3`: env was the interpreter that the kernel started, and became this one with the same script.
  const bool by_env = exec.before != nullptr && is_env(program_of(exec.before->exe.value));
  if (by_env && exec.before->script.basis == "kernel" && exec.before->script.path == script.path) script.basis = "kernel";
}

std::shared_ptr<Image> Images::read(int32_t pid, uint64_t start_ticks, const FileId& file, bool hash,
                                    const ExecFacts& exec) {
  const auto proc = ProcDir::open(pid);
  const auto stat = proc ? proc->stat() : std::nullopt;
  if (!stat || stat->start_ticks != start_ticks) return nullptr;
  const Fd exe = proc->open_exe();
  struct stat st {};
  if (!exe || ::fstat(exe.get(), &st) != 0) return nullptr;  // a kernel thread, or gone
  if (!same_file(st, exe.get(), file)) return nullptr;
  auto image = std::make_shared<Image>();
  image->file = {st.st_ino, st.st_dev};
  const auto path = proc->link("exe");
  image->exe = path ? Text::of(*path) : Text::unresolved("executable_path_unreadable");
  const auto cwd = proc->link("cwd");
  image->cwd = cwd ? Text::of(*cwd) : Text::unresolved("process_gone");
  const auto command = proc->file("cmdline", kCommandBytesMax);
  image->argv = command ? Texts::of(split_arguments(*command)) : Texts::unresolved("process_gone");
  read_script(*proc, exec, exec.start_ns != 0 ? exec.start_ns : us_of_ticks(start_ticks) * 1000, hash, *image);
  if (auto cgroups = proc->file("cgroup", kCgroupsBytesMax); cgroups && container_place(*cgroups)) image->cgroups = std::move(*cgroups);
  // Another exec in between would have mixed two images.
  struct stat after {};
  const Fd again = proc->open_exe();
  if (!again || ::fstat(again.get(), &after) != 0 || after.st_ino != st.st_ino || after.st_dev != st.st_dev)
    return nullptr;
  image->hash_later = !hash;
  if (hash) image->sha256 = executables_.digest(exe.get(), file, path.value_or(""), &image->pending);
  image->hash_later = image->hash_later || image->sha256.why == "hash_queue_full" || image->script.sha256.why == "hash_queue_full";
  return image;
}

std::shared_ptr<Image> Images::of_gone(const FileId& file, std::string_view filename) {
  auto image = std::make_shared<Image>();
  image->file = file;
  image->cwd = Text::unresolved("process_gone");
  image->argv = Texts::unresolved("process_gone");
  image->script.path = image->script.sha256 = Text::unresolved("process_gone");
  std::string path(filename.substr(0, kTextBytesMax));
  const auto found = [&] { return image->sha256.known() || image->pending != nullptr; };
  image->sha256 = executables_.digest_at(path, file, &image->pending);
  if (!found()) {
    // A script: exec named the script, the kernel names its interpreter.
    path = executables_.recall_path(file).value_or("");
    if (!path.empty()) image->sha256 = executables_.digest_at(path, file, &image->pending);
  }
  image->exe = found() ? Text::of(path) : Text::unresolved("process_gone");
  return image;
}

std::shared_ptr<Image> Images::hashed(const Image& image, int32_t pid, uint64_t start_ticks, const FileId& file,
                                      uint64_t start_ns) {
  if (auto fresh = read(pid, start_ticks, file, true, {{}, nullptr, start_ns})) {
    // What was known at the exec is worth more than the arguments as they are by now.
    if (image.script.basis == "kernel" && image.script.sha256.why != "hash_queue_full") fresh->script = image.script;
    return fresh;
  }
  auto kept = std::make_shared<Image>(image);
  kept->hash_later = false;
  kept->sha256 = executables_.digest_at(kept->exe.value, file.inode != 0 ? file : kept->file, &kept->pending);
  return kept;
}

}  // namespace warden::attribution
