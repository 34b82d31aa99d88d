// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/script.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "agent/attribution/process_table.h"
#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "tests/unit/attribution/support.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;

// The path, or the reason in angle brackets, or "-" for none.
std::string script_in(const std::string& program, const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> argv;
  for (std::string word; words >> word;) argv.push_back(word);
  const ScriptArgument found = script_argument(program, argv);
  if (found.kind == ScriptArgument::Kind::file) return found.path;
  return found.kind == ScriptArgument::Kind::none ? "-" : "<" + std::string(found.why) + ">";
}

TEST(ScriptArgument, OfEachInterpreter) {
  const struct {
    const char *program, *line, *script;
  } cases[] = {
      {"python3.11", "python3 app.py --verbose", "app.py"},
      {"python3.11", "python3 -Bu -W ignore -X dev -Xutf8 /srv/app.py", "/srv/app.py"},
      {"python3.11", "python3 -c print() app.py", "-"},
      {"python3.11", "python3 -Buc print() app.py", "-"},
      {"python3.11", "python3 -um http.server", "<script_is_a_module>"},
      {"python3.11", "python3 - app.py", "-"},
      {"python3.11", "python3", "-"},
      {"node", "node --inspect --max-old-space-size=512 -r dotenv/config server.js x", "server.js"},
      {"node", "node --require=a.js --import b.mjs -- -odd.js", "-odd.js"},
      {"node", "node -e code server.js", "-"},
      {"node", "node --run build", "<script_is_a_module>"},
      {"bash", "bash -eux -o pipefail job.sh a", "job.sh"},
      {"bash", "bash -lc true job.sh", "-"},
      {"bash", "-bash", "-"},
      {"bash", "bash +o posix --rcfile x job.sh", "job.sh"},
      {"dash", "sh -s job.sh", "-"},
      {"perl", "perl -w -Mstrict -MModule::Some -I lib -T run.pl", "run.pl"},
      {"perl", "perl -ne print", "-"},
      {"ruby3.1", "ruby -r json -Ilib run.rb", "run.rb"},
      {"ruby3.1", "ruby -S rake", "<script_is_a_module>"},
      {"java", "java -Xmx1g -cp a:b -jar app.jar x", "app.jar"},
      {"java", "java -cp a:b org.example.Main", "<script_is_a_class>"},
      {"java", "java @options", "<script_in_an_argument_file>"},
      {"java", "java --module m/org.example.Main", "<script_is_a_module>"},
      {"php8.2", "php -d a=b -f run.php", "run.php"},
      {"curl", "curl app.py", "-"},
      {"pythonic", "pythonic app.py", "-"},
  };
  for (const auto& c : cases) EXPECT_EQ(script_in(c.program, c.line), c.script) << c.line;
}

class ScriptTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string put(const std::string& name, const std::string& content) {
    const std::string path = folder_ + "/" + name;
    EXPECT_TRUE(write_file(path, content, 0755));
    return path;
  }
  static void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }
  const Script& script_of(const Child& child, const std::string& filename) {
    const auto facts = kernel_facts_of(child.pid());
    table_.on_exec(facts, filename);
    return table_.find(facts).image->script;
  }
  ProcessTable table_;
  std::string folder_ = "/tmp/warden-script-XXXXXX";
  const std::string body_ = "\nsleep 60\n";
};

TEST_F(ScriptTest, GivenToExecveIsTheKernelsWord) {
  const std::string path = put("job", "#! /bin/sh -e" + body_);
  settle();
  const Child child({path, "x"});
  const Script& script = script_of(child, path);
  EXPECT_EQ(script.path, Text::of(path));
  EXPECT_EQ(script.sha256.value, hex(view(sha256("#! /bin/sh -e" + body_))));
  EXPECT_EQ(script.basis, "kernel");
}

TEST_F(ScriptTest, NamedByArgumentsIsAsserted) {
  const std::string path = put("job.sh", body_);
  settle();
  const Child child({"/bin/sh", "-e", path});
  const Script& script = script_of(child, "/bin/sh");
  EXPECT_EQ(script.path, Text::of(path));
  EXPECT_EQ(script.sha256.value, hex(view(sha256(body_))));
  EXPECT_EQ(script.basis, "asserted");
}

TEST_F(ScriptTest, EnvHandsTheKernelsWordOn) {
  const std::string path = put("job", "#!/usr/bin/env sh" + body_), other = put("other", body_);
  settle();
  const Child child({path});  // env has become sh by now, or does soon
  const auto now = kernel_facts_of(child.pid());
  auto as_env = now;
  struct stat env {};
  ASSERT_EQ(::stat("/usr/bin/env", &env), 0);
  as_env.exe_inode = env.st_ino;
  as_env.exe_device = env.st_dev;
  ExecFacts exec{"/bin/sh", nullptr, now.start_boottime_ns};
  Image before;
  before.exe = Text::of("/usr/bin/env");
  before.script.path = Text::of(path);
  before.script.basis = "kernel";
  exec.before = &before;
  settle();
  Images images;
  const auto stat = ProcDir::open(child.pid())->stat();
  EXPECT_EQ(images.read(child.pid(), stat->start_ticks, {}, true, exec)->script.basis, "kernel");
  before.script.path = Text::of(other);
  EXPECT_EQ(images.read(child.pid(), stat->start_ticks, {}, true, exec)->script.basis, "asserted");
}

TEST_F(ScriptTest, AnotherFileInItsPlaceIsNotTheScript) {
  // What ran was a program; a script that names no such interpreter stands in its place by now.
  const std::string path = put("tool", *read_file("/bin/sleep", 1 << 30)), script = put("script", "#!/bin/sh" + body_);
  const Child child({path, "60"});
  std::filesystem::rename(script, path);
  EXPECT_EQ(script_of(child, path).path, Text{});
  // What ran was a script; another one stands there by now: the path is right, no digest is.
  const std::string job = put("job", "#!/bin/sh" + body_), good = put("good", "#!/bin/sh\n# good" + body_);
  settle();
  const Child evil({job});
  std::filesystem::rename(good, job);
  EXPECT_EQ(script_of(evil, job).path, Text::of(job));
  EXPECT_EQ(script_of(evil, job).sha256.why, "script_changed_about_its_start");
}

TEST_F(ScriptTest, OnlyRegularFilesAreOpened) {
  const std::string pipe = folder_ + "/pipe", link = folder_ + "/link";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink("/proc/self/cmdline", link);
  for (const std::string& path : {pipe, link, std::string("/dev/zero"), std::string("/proc/kmsg"), folder_, folder_ + "/none"}) {
    const Child child({"/bin/sleep", "60"});
    EXPECT_FALSE(ProcDir::open(child.pid())->open_seen(path)) << path;
  }
}

TEST_F(ScriptTest, RelativePathsStartAtTheProcessesFolder) {
  put("job.sh", body_);
  std::filesystem::create_directory(folder_ + "/sub");
  settle();
  const Child child({"/bin/sh", "-c", "cd " + folder_ + "/sub && exec sh ../job.sh"});
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const Script& script = script_of(child, "/bin/sh");
  EXPECT_EQ(script.path, Text::of(folder_ + "/job.sh"));
  EXPECT_EQ(script.basis, "asserted");
}

}  // namespace
}  // namespace warden::attribution
