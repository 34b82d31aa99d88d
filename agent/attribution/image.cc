// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/image.h"

#include "agent/attribution/procfs.h"
#include "agent/attribution/wire.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;
using Texts = Known<std::vector<std::string>>;

constexpr size_t kCommandBytesMax = size_t{256} << 10;

}  // namespace

std::shared_ptr<Image> Images::read(int32_t pid, uint64_t start_ticks, const FileId& file, bool hash) {
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
  // Another exec in between would have mixed two images.
  struct stat after {};
  const Fd again = proc->open_exe();
  if (!again || ::fstat(again.get(), &after) != 0 || after.st_ino != st.st_ino || after.st_dev != st.st_dev)
    return nullptr;
  image->hash_later = !hash;
  if (hash) image->sha256 = executables_.digest(exe.get(), file, path.value_or(""), &image->pending);
  image->hash_later = image->hash_later || image->sha256.why == "hash_queue_full";
  return image;
}

std::shared_ptr<Image> Images::of_gone(const FileId& file, std::string_view filename) {
  auto image = std::make_shared<Image>();
  image->file = file;
  image->cwd = Text::unresolved("process_gone");
  image->argv = Texts::unresolved("process_gone");
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

std::shared_ptr<Image> Images::hashed(const Image& image, int32_t pid, uint64_t start_ticks, const FileId& file) {
  if (auto fresh = read(pid, start_ticks, file, true)) return fresh;
  auto kept = std::make_shared<Image>(image);
  kept->hash_later = false;
  kept->sha256 = executables_.digest_at(kept->exe.value, file.inode != 0 ? file : kept->file, &kept->pending);
  return kept;
}

}  // namespace warden::attribution
