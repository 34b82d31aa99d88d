// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/resolver.h"

#include <gtest/gtest.h>

#include "tests/unit/attribution/support.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;

kernel::Flow flow_of(pid_t pid) {
  kernel::Flow flow;
  flow.process = kernel_facts_of(pid);
  return flow;
}

TEST(Resolver, NamesProcessUserAndGroups) {
  Child child({"/bin/sleep", "60"});
  Resolver resolver;
  kernel::Flow flow = flow_of(child.pid());
  flow.process.uid = 0;
  const Identity identity = resolver.resolve(flow);
  EXPECT_EQ(identity.pid, child.pid());
  EXPECT_EQ(identity.comm, "sleep");
  EXPECT_EQ(identity.user, Text::of("root"));
  ASSERT_TRUE(identity.groups.known());
  EXPECT_EQ(identity.groups.value.front(), "root");
  EXPECT_EQ(identity.exe_sha256.value.size(), 64u);
  EXPECT_EQ(identity.boot.size(), 36u);
  EXPECT_EQ(identity.ancestry.value.front().pid, ::getpid());
}

TEST(Resolver, LoginuidIsThePersonAndSurvivesSudo) {
  Resolver resolver({.persons = {{"nobody", {"n.body@example.org", {"interns"}}}, {"65533", {"by.number@example.org", {}}}}});
  kernel::Flow flow = flow_of(::getpid());
  EXPECT_EQ(resolver.resolve(flow).loginuid.state, Known<uint32_t>::State::absent);
  EXPECT_EQ(resolver.resolve(flow).person, Text{});
  flow.process.uid = 0;
  flow.process.loginuid = 65534;
  flow.process.session = 7;
  const Identity identity = resolver.resolve(flow);
  EXPECT_EQ(identity.user, Text::of("root"));
  EXPECT_EQ(identity.login_user, Text::of("nobody"));
  EXPECT_EQ(identity.person, Text::of("n.body@example.org"));
  EXPECT_EQ(identity.person_basis, "loginuid");
  EXPECT_EQ(identity.person_assurance, "asserted");
  EXPECT_EQ(identity.session.value, 7u);
  EXPECT_EQ(identity.person_groups.value, std::vector<std::string>{"interns"});
  flow.process.loginuid = 65533;  // without a name here
  EXPECT_EQ(resolver.resolve(flow).person, Text::of("by.number@example.org"));
}

TEST(Resolver, ProcessNobodySawIsUnresolvedNotGuessed) {
  Resolver resolver;
  kernel::Flow flow;
  flow.process.tgid = 4'190'000;
  flow.process.start_boottime_ns = 77'000'000'000;
  flow.process.uid = 3'000'000'001;
  flow.process.cgroup_id = 0xfffffff0;
  flow.process.cgroup_names = {"rag-api.service", "system.slice"};
  const Identity identity = resolver.resolve(flow);
  for (const Text& fact : {identity.exe, identity.exe_sha256, identity.cwd, identity.cgroup, identity.unit,
                           identity.container_id, identity.pod_uid})
    EXPECT_EQ(fact.state, Text::State::unresolved) << fact.value;
  EXPECT_FALSE(identity.argv.known());
  EXPECT_FALSE(identity.ancestry.known());
  EXPECT_FALSE(identity.user.known());
}

TEST(Accounts, LocalSourcesOnly) {
  EXPECT_TRUE(asks_only_local("passwd: files systemd # sss\n", "passwd"));
  EXPECT_TRUE(asks_only_local("passwd: files [NOTFOUND=return] systemd\n", "passwd"));
  EXPECT_FALSE(asks_only_local("passwd: files sss\ngroup: files\n", "passwd"));
  EXPECT_TRUE(asks_only_local("passwd: files sss\ngroup: files\n", "group"));
}

}  // namespace
}  // namespace warden::attribution
