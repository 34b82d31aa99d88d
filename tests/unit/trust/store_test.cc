// SPDX-License-Identifier: Apache-2.0
// The distribution's real tool on a copy of a host's trust files in a temporary tree.
#include "agent/trust/store.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "agent/base/bytes.h"
#include "agent/base/digest.h"
#include "agent/base/file.h"
#include "agent/trust/places.h"
#include "gtest/gtest.h"
#include "tlsproxy/tls/authority.h"
#include "tlsproxy/tls/certificates.h"

namespace warden::trust {
namespace {

namespace fs = std::filesystem;

class TrustTest : public testing::Test {
 protected:
  TrustTest() {
    for (const char* folder :
         {kDebianLocal, kDebianHashed, kDebianHooks, "/usr/share/ca-certificates", "/proc", "/opt/app"})
      fs::create_directories(host_.prefix + folder);
    // Two authorities of a distribution and one of an administrator, linked and bundled by the tool itself.
    put("/usr/share/ca-certificates/one.crt", stranger());
    put("/usr/share/ca-certificates/two.crt", stranger());
    put("/etc/ca-certificates.conf", "one.crt\ntwo.crt\n");
    put(std::string(kDebianLocal) + "/corporate.crt", stranger());
    put(std::string(kDebianHooks) + "/note", "#!/bin/sh\ncat >> " + host_.prefix + "/hooked\n");
    ::chmod((host_.prefix + kDebianHooks + "/note").c_str(), 0755);
    const Ran ran =
        run({"/usr/sbin/update-ca-certificates", "--certsconf", host_.prefix + "/etc/ca-certificates.conf",
             "--certsdir", host_.prefix + "/usr/share/ca-certificates", "--localcertsdir",
             host_.prefix + kDebianLocal, "--etccertsdir", host_.prefix + kDebianHashed, "--hooksdir",
             host_.prefix + kDebianHooks});
    EXPECT_EQ(ran.status, 0) << ran.output;
    auto authority = tls::Authority::open(host_.prefix + "/ca", {"api.openai.com"});
    EXPECT_TRUE(authority.has_value());
    roots_ = (*authority)->root_paths();
  }
  ~TrustTest() override { fs::remove_all(host_.prefix); }

  void put(const std::string& path, const std::string& content) {
    EXPECT_TRUE(write_file(host_.prefix + path, content, 0644).has_value()) << path;
  }
  static std::string stranger() {
    return tls::to_pem(tls::make_issuer({"a.test"}, "stranger", 1'790'000'000).root.get());
  }
  // Every file and link with its content, so that a difference of one byte shows.
  std::map<std::string, std::string> snapshot() {
    std::map<std::string, std::string> all;
    for (const char* tree : {"/etc/ssl", "/usr"})
      for (const auto& entry : fs::recursive_directory_iterator(host_.prefix + tree))
        all[entry.path()] = entry.is_symlink()        ? "-> " + fs::read_symlink(entry.path()).string()
                            : entry.is_regular_file() ? *read_file(entry.path())
                                                      : "folder";
    return all;
  }
  Inside system() {
    for (const Store& store : list(roots_, host_))
      if (store.kind == "system bundle") return store.ours;
    return Inside::unknown;
  }

  Host host_{testing::TempDir() + "trust-" + hex(random_bytes(6))};
  std::vector<std::string> roots_;
};

TEST_F(TrustTest, InjectAndRemoveLeaveNoTrace) {
  const auto before = snapshot();
  EXPECT_EQ(system(), Inside::no);
  ASSERT_TRUE(inject(roots_, host_).has_value());
  EXPECT_EQ(system(), Inside::yes);
  const auto during = snapshot();
  // The certificate, its named link, a hash link, our folder and its bundle.
  EXPECT_EQ(during.size(), before.size() + 5);
  ASSERT_TRUE(inject(roots_, host_).has_value());
  EXPECT_EQ(snapshot(), during);
  ASSERT_TRUE(remove(host_).has_value());
  EXPECT_EQ(snapshot(), before);
  ASSERT_TRUE(remove(host_).has_value());
  EXPECT_EQ(snapshot(), before);
}

TEST_F(TrustTest, HooksHearOfBoth) {
  ASSERT_TRUE(inject(roots_, host_).has_value());
  const std::string pem =
      host_.prefix + kDebianHashed + "/" + read_roots(roots_)->front().file_name.substr(0, 21) + ".pem";
  EXPECT_NE(read_file(host_.prefix + "/hooked")->find("+" + pem), std::string::npos);
  ASSERT_TRUE(remove(host_).has_value());
  EXPECT_NE(read_file(host_.prefix + "/hooked")->find("-" + pem), std::string::npos);
}

TEST_F(TrustTest, TheInjectedRootIsReadableByEveryone) {
  ASSERT_TRUE(inject(roots_, host_).has_value());
  const auto lines = environment(host_);
  ASSERT_EQ(lines.size(), 1U);
  const std::string path = lines[0].substr(lines[0].find('=') + 1);
  EXPECT_EQ(*read_file(path), *read_file(roots_[0]));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0644));
}

TEST_F(TrustTest, ListsTheCopiesThatProgramsCarry) {
  put("/opt/app/cacert.pem", stranger());
  put("/opt/app/cacerts", "\xfe\xed\xfe\xed" + read_roots(roots_)->front().der);
  put("/opt/app/cert9.db", "SQLite format 3");
  std::map<std::string, Inside> found;
  for (const Store& store : list(roots_, host_)) found[store.kind] = store.ours;
  EXPECT_EQ(found, (std::map<std::string, Inside>{{"system bundle", Inside::no},
                                                  {"certifi", Inside::no},
                                                  {"jvm cacerts", Inside::yes},
                                                  {"nss", Inside::no}}));
}

TEST_F(TrustTest, ErrorsSayWhatToDo) {
  put("/broken.pem", "nothing");
  EXPECT_EQ(inject({host_.prefix + "/broken.pem"}, host_).error().code, TrustError::bad_certificate);
  EXPECT_EQ(inject({host_.prefix + "/absent.pem"}, host_).error().code, TrustError::storage);
  const auto bare = inject(roots_, {host_.prefix + "/proc"});
  ASSERT_FALSE(bare.has_value());
  EXPECT_EQ(bare.error().code, TrustError::unsupported_host);
  EXPECT_NE(bare.error().detail.find("install ca-certificates"), std::string::npos);
}

TEST_F(TrustTest, RemoveFinishesWhatAnEarlierOneCouldNot) {
  const auto before = snapshot();
  ASSERT_TRUE(inject(roots_, host_).has_value());
  fs::remove(host_.prefix + kDebianLocal + "/" + read_roots(roots_)->front().file_name);
  ASSERT_TRUE(remove(host_).has_value());
  EXPECT_EQ(snapshot(), before);
}

TEST(Explain, TellsOfARunningProcessWithoutItsSecrets) {
  char program[] = "/usr/bin/openssl";
  char command[] = "dgst";
  char* arguments[] = {program, command, nullptr};
  char secret[] = "OPENAI_API_KEY=hush";
  char knob[] = "SSL_CERT_FILE=/etc/own.pem";
  char* variables[] = {secret, knob, nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  int never[2];  // it waits for this input
  ASSERT_EQ(::pipe2(never, O_CLOEXEC), 0);
  posix_spawn_file_actions_adddup2(&quiet, never[0], STDIN_FILENO);
  pid_t child = -1;
  ASSERT_EQ(::posix_spawn(&child, program, &quiet, nullptr, arguments, variables), 0);
  posix_spawn_file_actions_destroy(&quiet);
  std::string text;
  for (int i = 0; i < 100 && text.find("an OpenSSL program") == std::string::npos; ++i) {
    ::usleep(20'000);  // until its libraries are mapped
    const auto explained = explain(child);
    text = explained ? *explained : explained.error().detail;
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(never[0]);
  ::close(never[1]);
  EXPECT_NE(text.find("an OpenSSL program"), std::string::npos) << text;
  EXPECT_NE(text.find("environment SSL_CERT_FILE=/etc/own.pem"), std::string::npos) << text;
  EXPECT_EQ(text.find("hush"), std::string::npos);
  EXPECT_EQ(explain(999'999'999).error().code, TrustError::no_such_process);
}

}  // namespace
}  // namespace warden::trust
