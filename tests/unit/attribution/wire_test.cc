// SPDX-License-Identifier: Apache-2.0
#include "agent/attribution/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "agent/attribution/identity.h"

namespace warden::attribution {
namespace {

using Text = Known<std::string>;

template <class T>
Known<T> any(const rc::Gen<T>& value) {
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return {};
    case 1:
      return Known<T>::unresolved(*rc::gen::arbitrary<std::string>());
    default:
      return Known<T>::of(*value);
  }
}

Identity any_identity() {
  const auto text = rc::gen::arbitrary<std::string>();
  const auto texts = rc::gen::arbitrary<std::vector<std::string>>();
  const auto number = rc::gen::arbitrary<uint32_t>();
  Identity id;
  id.pid = *rc::gen::arbitrary<int32_t>();
  id.tid = *rc::gen::arbitrary<int32_t>();
  id.start_us = *rc::gen::arbitrary<uint64_t>();
  id.boot = *text, id.comm = *text;
  id.exe = any(text), id.exe_sha256 = any(text), id.argv = any(texts), id.cwd = any(text);
  id.script = any(text), id.script_sha256 = any(text), id.script_basis = *text;
  std::vector<Ancestor> ancestors(*rc::gen::inRange<size_t>(0, 5));
  for (Ancestor& a : ancestors)
    a = {*rc::gen::arbitrary<int32_t>(), *rc::gen::arbitrary<uint64_t>(), *text, *text, *text};
  id.ancestry = any(rc::gen::just(ancestors));
  id.uid = *number, id.gid = *number;
  id.user = any(text), id.groups = any(texts);
  id.loginuid = any(number), id.login_user = any(text), id.session = any(number);
  id.cgroup = any(text), id.cgroup_id = *rc::gen::arbitrary<uint64_t>();
  id.unit = any(text), id.slice = any(text), id.user_unit = any(text);
  id.container_id = any(text), id.container_runtime = any(text), id.container_name = any(text);
  id.container_image = any(text), id.container_image_digest = any(text), id.container_labels = any(texts);
  id.pod_owner = any(text), id.pod_labels = any(texts), id.person_groups = any(texts);
  id.pod_namespace = any(text), id.pod_name = any(text), id.pod_uid = any(text);
  id.pod_service_account = any(text), id.person = any(text);
  id.person_basis = *text, id.person_assurance = *text;
  return id;
}

TEST(Wire, RoundTrip) {
  ASSERT_TRUE(rc::check([] {
    const Identity identity = any_identity();
    const auto back = parse(serialise(identity));
    RC_ASSERT(back.has_value());
    RC_ASSERT(*back == identity);
  }));
}

TEST(Wire, EveryPrefixAndEveryExtraByteIsRefused) {
  ASSERT_TRUE(rc::check([] {
    const std::string bytes = serialise(any_identity());
    const size_t cut = *rc::gen::inRange<size_t>(0, bytes.size());
    RC_ASSERT(!parse(std::string_view(bytes).substr(0, cut)));
    RC_ASSERT(!parse(bytes + '\0'));
  }));
}

TEST(Wire, WhatParsesIsExactlyWhatIsWritten) {
  ASSERT_TRUE(rc::check([] {
    std::string bytes = serialise(any_identity());
    bytes[*rc::gen::inRange<size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    if (const auto read = parse(bytes)) RC_ASSERT(serialise(*read) == bytes);
  }));
}

TEST(Wire, LongThingsAreCutAndStillParse) {
  Identity identity;
  identity.comm.assign(kTextBytesMax + 100, 'x');
  identity.argv = Known<std::vector<std::string>>::of(
      std::vector<std::string>(kItemsMax + 5, std::string(kTextBytesMax, 'y')));
  const auto back = parse(serialise(identity));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->comm.size(), kTextBytesMax);
  EXPECT_EQ(back->argv.value.size(), kItemsMax);
}

TEST(Wire, ALyingCountIsRefused) {
  std::string bytes = serialise(Identity{});
  bytes.replace(17, 4, "\xff\xff\xff\xff");  // length of `boot`: after version, pid, tid, start_us
  EXPECT_FALSE(parse(bytes));
}

}  // namespace
}  // namespace warden::attribution
