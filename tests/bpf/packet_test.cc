// SPDX-License-Identifier: Apache-2.0
// Packets handed to the programs by the kernel's test-run facility: input and verdict, for shapes that sockets make only
// with difficulty.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/bpf/sandbox.h"

namespace warden::kernel {
namespace {

constexpr int kUdp = 17, kTcp = 6, kIcmp = 1, kHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51, kOptions = 60;
constexpr int kDrop = 0, kPass = 1;

std::string number(unsigned value) { return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)}; }

std::string raw_address(const std::string& ip) {
  const Endpoint endpoint = *Endpoint::parse(ip, 0);
  const std::string all(endpoint.address.begin(), endpoint.address.end());
  return endpoint.is_v4() ? all.substr(12) : all;
}

std::string transport(unsigned port) { return number(1234) + number(port) + number(12) + number(0) + "text"; }

std::string ipv4(int protocol, const std::string& to, const std::string& payload, size_t option_words = 0) {
  const std::string options(option_words * 4, '\x01');
  const size_t length = 20 + options.size() + payload.size();
  return std::string(1, static_cast<char>(0x45 + option_words)) + '\0' + number(static_cast<unsigned>(length)) +
         std::string(4, '\0') + '\x40' + static_cast<char>(protocol) + number(0) + raw_address("127.0.0.1") +
         raw_address(to) + options + payload;
}

// `headers` are extension headers in order; each is 8 bytes, an authentication header 12.
std::string ipv6(const std::vector<int>& headers, int protocol, const std::string& to, const std::string& payload) {
  std::string chain;
  for (size_t i = 0; i < headers.size(); ++i) {
    const int next = i + 1 < headers.size() ? headers[i + 1] : protocol;
    chain += static_cast<char>(next);
    chain += headers[i] == kAuthentication ? std::string("\x01", 1) + std::string(10, '\0') : std::string(7, '\0');
  }
  const int first = headers.empty() ? protocol : headers[0];
  return std::string("\x60\0\0\0", 4) + number(static_cast<unsigned>(chain.size() + payload.size())) +
         static_cast<char>(first) + '\x40' + raw_address("::1") + raw_address(to) + chain + payload;
}

class Packets : public ::testing::Test {
 protected:
  void SetUp() override {
    guard = sandbox.open_guard(listener);
    ASSERT_TRUE(guard);
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse("192.0.2.10", 443), "llm.test"));
    ASSERT_TRUE(guard->add_destination(*Endpoint::parse("2001:db8::10", 443), "llm.test"));
  }
  int run(const char* name, const std::string& packet) {
    const Fd link(bpf_obj_get((sandbox.bpffs() + "/links/" + name).c_str()));
    bpf_link_info attached{};
    uint32_t length = sizeof attached;
    EXPECT_EQ(bpf_obj_get_info_by_fd(link.get(), &attached, &length), 0);
    const Fd program(bpf_prog_get_fd_by_id(attached.prog_id));
    // The facility takes frames, and takes their Ethernet header off for these programs.
    std::string frame = std::string(12, '\0') + number((packet[0] & 0xf0) == 0x60 ? 0x86dd : 0x0800) + packet;
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame.data(),
                .data_size_in = static_cast<uint32_t>(frame.size()));
    EXPECT_EQ(bpf_prog_test_run_opts(program.get(), &options), 0) << std::strerror(errno);
    return static_cast<int>(options.retval);
  }

  Sandbox sandbox;
  Listener listener;
  std::unique_ptr<Guard> guard;
};

TEST_F(Packets, EgressVerdicts) {
  const std::string llm4 = "192.0.2.10", llm6 = "2001:db8::10", to_443 = transport(443);
  const struct {
    const char* what;
    std::string packet;
    int verdict;
  } kTable[] = {
      {"UDP to an LLM", ipv4(kUdp, llm4, to_443), kDrop},
      {"with IP options", ipv4(kUdp, llm4, to_443, 5), kDrop},
      {"another port", ipv4(kUdp, llm4, transport(53)), kPass},
      {"another address", ipv4(kUdp, "192.0.2.11", to_443), kPass},
      {"a protocol without ports", ipv4(kIcmp, llm4, to_443), kPass},
      {"TCP made by hand", ipv4(kTcp, llm4, to_443 + std::string(12, '\0')), kDrop},
      {"UDP over IPv6", ipv6({}, kUdp, llm6, to_443), kDrop},
      {"behind one extension header", ipv6({kOptions}, kUdp, llm6, to_443), kDrop},
      {"behind all kinds of them", ipv6({kHop, kRouting, kAuthentication, kFragment, kOptions}, kUdp, llm6, to_443), kDrop},
      {"behind them, another address", ipv6({kHop, kOptions}, kUdp, "2001:db8::11", to_443), kPass},
      {"cut in the ports", ipv4(kUdp, llm4, "\x01"), kPass},
      {"cut in an extension header", ipv6({kOptions}, kUdp, llm6, "").substr(0, 41), kPass},
  };
  for (const auto& row : kTable) EXPECT_EQ(run("ew_tripwire", row.packet), row.verdict) << row.what;
}

TEST_F(Packets, IngressIsNeverRefused) {
  ASSERT_TRUE(guard->set_names({{"api.llm.test", 443}}));
  for (const int protocol : {kUdp, kTcp, kIcmp})
    for (const size_t bytes : {0u, 1u, 8u, 20u, 32u, 700u}) {
      const std::string payload = number(53) + std::string(bytes, '\xff');
      EXPECT_EQ(run("ew_dns", ipv4(protocol, "127.0.0.1", payload)), kPass) << protocol << " with " << bytes;
      EXPECT_EQ(run("ew_dns", ipv6({}, protocol, "::1", payload)), kPass) << protocol << " with " << bytes;
    }
}

}  // namespace
}  // namespace warden::kernel
