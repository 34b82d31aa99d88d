// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/process_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <memory>
#include <thread>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "tests/unit/attribution/support.h"

namespace warden::attribution {
namespace {

std::string digest_of(const std::string& path) {
  return hex(view(sha256(*read_file(path, 1 << 30))));
}

TEST(Stat, NameMayHoldBracketsAndSpaces) {
  const auto stat = parse_stat("7 (a) b) (c) S 5 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->comm, "a) b) (c");
  EXPECT_EQ(stat->ppid, 5);
  EXPECT_EQ(stat->start_ticks, 987654u);
  EXPECT_FALSE(parse_stat("7 (a"));
  EXPECT_FALSE(parse_stat("7 (a) S 5 1 1"));
}

TEST(ProcessTable, ExecReadsPathDigestArgumentsAndFolder) {
  Child child({"/bin/sleep", "60"});
  ProcessTable table;
  const auto facts = kernel_facts_of(child.pid());
  table.on_exec(facts, "/bin/sleep");
  const Process& process = table.find(facts);
  EXPECT_EQ(process.comm, "sleep");
  EXPECT_EQ(process.image->exe.value, std::filesystem::canonical("/bin/sleep").string());
  EXPECT_EQ(process.image->sha256.value, digest_of("/bin/sleep"));
  EXPECT_EQ(process.image->argv.value, (std::vector<std::string>{"/bin/sleep", "60"}));
  EXPECT_EQ(process.image->cwd.value, std::filesystem::current_path().string());
}

TEST(ProcessTable, DeletedAndMemoryExecutablesHaveTheirDigest) {
  const std::string bytes = *read_file("/bin/sleep", 1 << 30);
  Fd memory(::memfd_create("sleep", 0));
  ASSERT_EQ(::write(memory.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ASSERT_TRUE(write_file("/tmp/warden-deleted-sleep", bytes, 0755));
  // A file that is open for writing does not run.
  const Fd readable(::open(("/proc/self/fd/" + std::to_string(memory.get())).c_str(), O_RDONLY));
  memory.reset();
  const std::string in_memory = "/proc/self/fd/" + std::to_string(readable.get());
  const Child deleted({"/tmp/warden-deleted-sleep", "60"}), unnamed({in_memory, "60"});
  std::filesystem::remove("/tmp/warden-deleted-sleep");
  ProcessTable table;
  for (const Child* child : {&deleted, &unnamed}) {
    const auto facts = kernel_facts_of(child->pid());
    table.on_exec(facts, "");
    const Image& image = *table.find(facts).image;
    EXPECT_EQ(image.sha256.value, digest_of("/bin/sleep")) << image.exe.value << image.sha256.why;
    EXPECT_TRUE(image.exe.value.ends_with(" (deleted)")) << image.exe.value;
  }
}

TEST(ProcessTable, KnownAfterItExited) {
  Child child({"/bin/sleep", "60"});
  ProcessTable table;
  const auto facts = kernel_facts_of(child.pid());
  table.on_exec(facts, "/bin/sleep");
  child.stop();
  table.on_exit(facts);
  const Process& process = table.find(facts);
  EXPECT_EQ(process.image->sha256.value, digest_of("/bin/sleep"));
  EXPECT_EQ(process.image->argv.value.size(), 2u);
  EXPECT_TRUE(table.ancestry(process).known());
}

TEST(ProcessTable, GoneBeforeItsExecWasSeen) {
  Child child({"/bin/sleep", "60"});
  const auto facts = kernel_facts_of(child.pid());
  child.stop();
  ProcessTable table;
  table.on_exec(facts, "/bin/sleep");
  const Process& process = table.find(facts);
  // The inode the kernel named proves the file; nothing proves the arguments.
  EXPECT_EQ(process.image->sha256.value, digest_of("/bin/sleep"));
  EXPECT_EQ(process.image->argv.state, Known<std::vector<std::string>>::State::unresolved);

  auto lied = facts;
  lied.tgid = 4'000'000;
  lied.exe_inode += 1;
  table.on_exec(lied, "/bin/sleep");
  EXPECT_EQ(table.find(lied).image->sha256.state, Known<std::string>::State::unresolved);
}

TEST(ProcessTable, ScriptGoneIsItsInterpreterOnceThatWasHashed) {
  Child child({"/bin/sleep", "60"});
  const auto facts = kernel_facts_of(child.pid());
  ProcessTable table;
  table.on_exec(facts, "/bin/sleep");
  auto script = facts;
  script.tgid = 4'000'001;
  table.on_exec(script, "/usr/local/bin/some-script");
  EXPECT_EQ(table.find(script).image->sha256.value, digest_of("/bin/sleep"));
}

TEST(ProcessTable, ReusedPidIsAnotherProcess) {
  Child child({"/bin/sleep", "60"});
  ProcessTable table;
  const auto facts = kernel_facts_of(child.pid());
  table.on_exec(facts, "/bin/sleep");
  auto later = facts;  // the same pid, as if the number had come round
  later.start_boottime_ns += 5'000'000'000;
  EXPECT_FALSE(table.find(later).image->argv.known());
  auto same_tick = facts;
  same_tick.start_boottime_ns += 1000;
  same_tick.exe_inode = 0;
  table.on_fork(same_tick);
  EXPECT_NE(table.find(same_tick).start_ns, facts.start_boottime_ns);
}

// The kernel half names it, but another one was at work when it had to be told.
TEST(ProcessTable, NotedFactsAreMadeWhole) {
  Child child({"/bin/sleep", "60"});
  const auto told = [&] {
    auto facts = kernel_facts_of(child.pid());
    facts.loginuid = 4321;
    facts.netns_cookie = 77;
    return facts;
  }();
  kernel::ProcessFacts noted;
  noted.noted = true;
  noted.tgid = told.tgid;
  noted.start_boottime_ns = told.start_boottime_ns;
  noted.uid = 1000;
  ProcessTable fresh;
  EXPECT_FALSE(fresh.completed(noted).noted) << "it is there, and /proc knows it";
  EXPECT_EQ(fresh.completed(noted).uid, 1000u) << "as it was when it connected";
  EXPECT_EQ(fresh.completed(noted).comm, "sleep");
  ProcessTable table;
  table.on_exec(told, "/bin/sleep");
  child.stop();
  table.on_exit(told);
  const auto whole = table.completed(noted);
  EXPECT_FALSE(whole.noted);
  EXPECT_EQ(whole.loginuid, 4321u);
  EXPECT_EQ(whole.netns_cookie, 77u);
  EXPECT_TRUE(fresh.completed(noted).noted) << "nobody told this one, and it is gone";
  noted.start_boottime_ns += 1000;  // its number came round within a tick
  EXPECT_TRUE(table.completed(noted).noted);
}

// A process that was only scanned goes without an event; its number comes round; a child of the new holder is born.
TEST(ProcessTable, ParentOfAReusedNumberIsItsHolderThen) {
  ProcessTable table;
  auto first = std::make_unique<Child>(std::vector<std::string>{"/bin/sleep", "60"});
  const pid_t number = first->pid();
  const auto before = kernel_facts_of(number);
  table.scan();
  first = nullptr;
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // another tick
  Child second({"/bin/cat", "/dev/zero"}, number);
  ASSERT_EQ(second.pid(), number) << "the kernel did not give the number again";
  auto child = before;
  child.tgid = 4'000'010;
  child.ppid = number;
  child.start_boottime_ns = kernel_facts_of(number).start_boottime_ns + 50'000'000;
  table.on_fork(child);
  const auto ancestry = table.ancestry(table.find(child));
  ASSERT_TRUE(ancestry.known()) << ancestry.why;
  EXPECT_EQ(ancestry.value[0].start_us / 10'000, kernel_facts_of(number).start_boottime_ns / 10'000'000);
  EXPECT_EQ(ancestry.value[0].comm, "cat");
  second.stop();
  auto later = child;
  later.tgid = 4'000'011;
  ProcessTable scanned_only;
  scanned_only.on_fork(later);
  EXPECT_EQ(scanned_only.ancestry(scanned_only.find(later)).why, "ancestor_gone");
}

// The parent's number has come round by the time that the event is read; its start tells.
TEST(ProcessTable, HolderOfTheParentsNumberIsNotTakenForIt) {
  Child holder({"/bin/sleep", "60"});
  auto child = kernel_facts_of(holder.pid());
  child.tgid = 4'000'020;
  child.ppid = holder.pid();
  child.start_boottime_ns += 1'000'000'000;
  child.parent_start_boottime_ns = kernel_facts_of(holder.pid()).start_boottime_ns - 60'000'000'000;
  ProcessTable table;
  table.on_exec(child, "/bin/sleep");
  EXPECT_EQ(table.ancestry(table.find(child)).why, "ancestor_gone");
  child.tgid = 4'000'021;
  table.on_fork(child);
  EXPECT_EQ(table.ancestry(table.find(child)).why, "ancestor_gone");
  // Within one tick of its birth, too.
  const auto known = kernel_facts_of(holder.pid());
  table.on_exec(known, "/bin/sleep");
  child.tgid = 4'000'022;
  child.parent_start_boottime_ns = known.start_boottime_ns + 1000;
  table.on_fork(child);
  EXPECT_EQ(table.ancestry(table.find(child)).why, "ancestor_gone");
  child.tgid = 4'000'023;
  child.parent_start_boottime_ns = known.start_boottime_ns;
  table.on_fork(child);
  const auto ancestry = table.ancestry(table.find(child));
  ASSERT_TRUE(ancestry.known()) << ancestry.why;
  EXPECT_EQ(ancestry.value[0].pid, holder.pid());
}

TEST(ProcessTable, ASiblingByCloneDescendsFromItsCreator) {
  Child creator({"/bin/sleep", "60"});
  ProcessTable table;
  const auto facts = kernel_facts_of(creator.pid());
  table.on_exec(facts, "/bin/sleep");
  auto sibling = facts;  // the same parent as its creator has
  sibling.tgid = 4'000'030;
  sibling.start_boottime_ns += 1'000'000'000;
  table.on_fork(sibling, {facts.tgid, facts.start_boottime_ns});
  const Process& process = table.find(sibling);
  EXPECT_EQ(process.image->argv.value.size(), 2u) << "it runs what its creator ran";
  const auto ancestry = table.ancestry(process);
  ASSERT_TRUE(ancestry.known()) << ancestry.why;
  EXPECT_EQ(ancestry.value[0].pid, creator.pid());
}

// A socket connected by one program, of which the agent hears when its process runs another.
TEST(ProcessTable, AConnectionBelongsToTheProgramOfItsTime) {
  Child child({"/bin/sleep", "60"});
  ProcessTable table;
  const auto before = kernel_facts_of(child.pid());
  table.on_exec(before, "/bin/sleep", 1'000);
  auto after = before;
  struct stat other {};
  ASSERT_EQ(::stat("/bin/cat", &other), 0);
  after.exe_inode = other.st_ino;
  after.comm = "cat";
  table.on_exec(after, "/bin/cat", 2'000);
  EXPECT_EQ(table.find(before, 1'500).image->argv.value, (std::vector<std::string>{"/bin/sleep", "60"}));
  EXPECT_EQ(table.find(before, 1'500).image->sha256.value, digest_of("/bin/sleep"));
  EXPECT_EQ(table.find(after, 2'500).image->sha256.value, digest_of("/bin/cat"));
}

TEST(ProcessTable, ForkInheritsAndExecReplaces) {
  Child child({"/bin/sleep", "60"});
  ProcessTable table;
  const auto parent = kernel_facts_of(child.pid());
  table.on_exec(parent, "/bin/sleep");
  auto forked = parent;
  forked.tgid = 4'000'002;
  forked.ppid = parent.tgid;
  forked.start_boottime_ns += 1'000'000'000;
  table.on_fork(forked);
  const Process& process = table.find(forked);
  EXPECT_EQ(process.image->argv.value.size(), 2u);
  const auto ancestry = table.ancestry(process);
  ASSERT_TRUE(ancestry.known()) << ancestry.why;
  EXPECT_EQ(ancestry.value[0].pid, parent.tgid);
  EXPECT_EQ(ancestry.value[1].pid, ::getpid());
}

TEST(ProcessTable, AncestryReachesInit) {
  ProcessTable table;
  table.scan();
  const auto ancestry = table.ancestry(table.find(kernel_facts_of(::getpid())));
  ASSERT_TRUE(ancestry.known()) << ancestry.why;
  ASSERT_FALSE(ancestry.value.empty());
  EXPECT_EQ(ancestry.value.front().pid, ::getppid());
  for (size_t i = 1; i < ancestry.value.size(); ++i)
    EXPECT_LE(ancestry.value[i].start_us, ancestry.value[i - 1].start_us);
}

TEST(ProcessTable, ScannedProcessIsHashedWhenAsked) {
  Child child({"/bin/sleep", "60"});
  ProcessTable table;
  table.scan();
  EXPECT_EQ(table.executables().hashed(), 0u);
  EXPECT_EQ(table.find(kernel_facts_of(child.pid())).image->sha256.value, digest_of("/bin/sleep"));
}

TEST(ProcessTable, Bounded) {
  ProcessTable table({.processes_max = 100, .keep_exited = std::chrono::seconds(300)});
  kernel::ProcessFacts facts;
  for (int i = 0; i < 1000; ++i) {
    facts.tgid = 4'100'000 + i;
    facts.start_boottime_ns = 1'000'000'000ULL + static_cast<uint64_t>(i);
    table.on_fork(facts);
  }
  EXPECT_LE(table.size(), 100u);
}

TEST(ProcessTable, ExitedAreForgottenInTime) {
  ProcessTable table({.processes_max = 1000, .keep_exited = std::chrono::seconds(0)});
  kernel::ProcessFacts facts;
  for (int i = 0; i < 50; ++i) {
    facts.tgid = 4'200'000 + i;
    facts.start_boottime_ns = 1'000'000'000ULL + static_cast<uint64_t>(i);
    table.on_fork(facts);
    table.on_exit(facts);
    std::this_thread::sleep_for(std::chrono::microseconds(10));
  }
  EXPECT_LE(table.size(), 2u);
}

}  // namespace
}  // namespace warden::attribution
