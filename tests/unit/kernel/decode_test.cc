// SPDX-License-Identifier: Apache-2.0
// From the kernel half's records to values: what is whole is read, what is not is refused.
#include "agent/kernel/decode.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <cstring>

namespace warden::kernel {
namespace {

template <class Record>
std::string bytes_of(const Record& record) {
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

ew_process process() {
  ew_process process{};
  process.tgid = 10;
  process.tid = 11;
  process.ppid = 9;
  process.start_boottime_ns = 1234;
  process.uid = 1000;
  process.loginuid = 1001;
  process.exe_device = 8u << 20 | 1;
  std::strcpy(process.comm, "curl");
  std::strcpy(process.cgroup_names[0], "app.service");
  std::strcpy(process.cgroup_names[1], "system.slice");
  return process;
}

TEST(Decode, ReadsAFlow) {
  ew_flow_event record{};
  record.event = {EW_EVENT_REFUSED, EW_REASON_AGENT_STALE};
  record.flow.socket_cookie = 77;
  record.flow.original = to_destination(*Endpoint::parse("192.0.2.1", 443));
  record.flow.process = process();
  const auto event = to_event(bytes_of(record));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, EventKind::refused);
  EXPECT_EQ(event->reason, "agent_stale");
  EXPECT_EQ(event->flow.socket_cookie, 77u);
  EXPECT_EQ(event->flow.original.to_string(), "192.0.2.1:443");
  EXPECT_EQ(event->flow.process.loginuid, 1001u);
  EXPECT_EQ(event->flow.process.exe_device, makedev(8, 1));
  EXPECT_EQ(event->flow.process.cgroup_names, (std::vector<std::string>{"app.service", "system.slice"}));
}

TEST(Decode, ReadsAnExec) {
  ew_process_event record{};
  record.event.kind = EW_EVENT_EXEC;
  record.process = process();
  std::strcpy(record.filename, "/usr/bin/curl");
  record.process.parent_start_boottime_ns = 1200;
  record.boot_ns = 5678;
  record.creator_tgid = 8;
  record.creator_start_boottime_ns = 1100;
  const auto event = to_event(bytes_of(record));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, EventKind::exec);
  EXPECT_EQ(event->process.tgid, 10);
  EXPECT_EQ(event->process.comm, "curl");
  EXPECT_EQ(event->filename, "/usr/bin/curl");
  EXPECT_EQ(event->process.parent_start_boottime_ns, 1200u);
  EXPECT_EQ(event->boot_ns, 5678u);
  EXPECT_EQ(event->creator_tgid, 8);
  EXPECT_EQ(event->creator_start_boottime_ns, 1100u);
}

TEST(Decode, TextWithoutAnEndStopsAtItsField) {
  ew_process_event record{};
  record.event.kind = EW_EVENT_EXEC;
  std::memset(record.filename, 'x', sizeof record.filename);
  std::memset(record.process.comm, 'c', sizeof record.process.comm);
  std::memset(record.process.cgroup_names, 'g', sizeof record.process.cgroup_names);
  const auto event = to_event(bytes_of(record));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->filename, std::string(EW_FILENAME_BYTES, 'x'));
  EXPECT_EQ(event->process.comm, std::string(EW_COMM_BYTES, 'c'));
  ASSERT_EQ(event->process.cgroup_names.size(), size_t{EW_CGROUP_LEVELS});
  EXPECT_EQ(event->process.cgroup_names[3], std::string(EW_CGROUP_NAME_BYTES, 'g'));
}

TEST(Decode, RefusesShortAndUnknownRecords) {
  for (uint32_t kind = EW_EVENT_CONNECT; kind <= EW_EVENT_DNS_LEARNED; ++kind) {
    for (size_t length = 0; length < sizeof(ew_dns_event); ++length) {
      std::string bytes(length, '\0');
      std::memcpy(bytes.data(), &kind, std::min(length, sizeof kind));
      EXPECT_FALSE(to_event(bytes)) << kind << " of " << length;
    }
  }
  EXPECT_FALSE(to_event(bytes_of(ew_process_event{})));
  ew_process_event unknown{};
  unknown.event.kind = 99;
  EXPECT_FALSE(to_event(bytes_of(unknown)));
}

TEST(Decode, NamesAreKeys) {
  EXPECT_STREQ(to_name("API.OpenAI.com.")->text, "api.openai.com");
  EXPECT_STREQ(to_name("*.openai.azure.com")->text, "*.openai.azure.com");
  EXPECT_EQ(to_name("a.test")->text[EW_HOST_BYTES - 1], '\0');
  EXPECT_TRUE(to_name(std::string(EW_HOST_BYTES - 1, 'a')));
  for (const std::string& wrong : {std::string(), std::string("."), std::string("*."), std::string("*"),
                                   std::string("a.*.test"), std::string(EW_HOST_BYTES, 'a')})
    EXPECT_FALSE(to_name(wrong)) << wrong;
}

TEST(Decode, EndpointsGoThereAndBack) {
  for (const char* ip : {"192.0.2.1", "2001:db8::1", "::1"}) {
    const Endpoint endpoint = *Endpoint::parse(ip, 65535);
    EXPECT_EQ(to_endpoint(to_destination(endpoint)), endpoint);
  }
}

TEST(Cgroup, IdsAreThoseOfTheMountedTree) {
  const auto root = cgroup2_root();
  ASSERT_TRUE(root) << "this machine has no cgroup2 mount";
  EXPECT_TRUE(cgroup_id(*root));
  EXPECT_FALSE(cgroup_id(*root + "/no-such-cgroup"));
}

}  // namespace
}  // namespace warden::kernel
