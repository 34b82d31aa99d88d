// SPDX-License-Identifier: Apache-2.0
// What a stream begins with, told from as few bytes as it takes and from no fewer.
#include "tlsproxy/intercept/beginning.h"

#include <gtest/gtest.h>

namespace warden::intercept {
namespace {

using Kind = Beginning::Kind;
using Names = std::vector<std::string>;

Names names(std::string_view head) {
  const Beginning beginning = read_beginning(head);
  EXPECT_EQ(beginning.kind, Kind::http) << head;
  return beginning.names;
}

TEST(BeginningTest, NamesEveryHostOfARequest) {
  EXPECT_EQ(names("GET / HTTP/1.1\r\nHost: LLM.Test:8443\r\n\r\n"), Names{"llm.test"});
  EXPECT_EQ(names("POST /v1 HTTP/1.0\nX: y\nhost :\t llm.test. \n\nbody"), Names{"llm.test"}) << "servers may be lenient";
  EXPECT_EQ(names("GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n"), (Names{"a.test", "b.test"}));
  EXPECT_EQ(names("GET / HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n"), Names{"2001:db8::1"});
  EXPECT_EQ(names("GET / HTTP/1.1\r\nX-Host: a.test\r\n\r\n"), Names{});
}

TEST(BeginningTest, TellsWhatAProxyIsAskedFor) {
  const Beginning connect = read_beginning("CONNECT llm.test:443 HTTP/1.1\r\nHost: proxy.test\r\n\r\n");
  EXPECT_TRUE(connect.tunnel);
  EXPECT_EQ(connect.names, (Names{"llm.test", "proxy.test"}));
  const Beginning absolute = read_beginning("GET http://user@llm.test/path?q HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(absolute.tunnel);
  EXPECT_EQ(absolute.names, Names{"llm.test"});
  EXPECT_EQ(read_beginning("CONNECT llm.test\r:443 HTTP/1.1\r\n\r\n").names, Names{"llm.test"});
  EXPECT_EQ(read_beginning("CONNECT [2001:db8::1\r]:443 HTTP/1.1\r\n\r\n").names, Names{"2001:db8::1"});
  EXPECT_FALSE(read_beginning("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").tunnel);
  EXPECT_FALSE(read_beginning("OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n").tunnel);
}

TEST(BeginningTest, WaitsUntilItCanTell) {
  EXPECT_EQ(read_beginning("").kind, Kind::undecided);
  EXPECT_EQ(read_beginning("PO").kind, Kind::undecided);
  EXPECT_EQ(read_beginning("POST / HTTP/1.1\r\nHost: llm.test\r\n").kind, Kind::partial);
  EXPECT_EQ(read_beginning("\x16\x03\x01").kind, Kind::partial);
  EXPECT_EQ(read_beginning("SSH-2.0-x\r\n").kind, Kind::other);
  EXPECT_EQ(read_beginning("GET the milk\r\n").kind, Kind::other) << "a text protocol's server may answer its first line";
  EXPECT_EQ(read_beginning(std::string_view("\0\0\0\x10", 4)).kind, Kind::other);
}

TEST(BeginningTest, GivesUpOnWhatIsTooLongOrMalformed) {
  const std::string head = "GET / HTTP/1.1\r\nX: " + std::string(kBeginningBytesMax, 'x');
  EXPECT_EQ(read_beginning(head).kind, Kind::unreadable);
  EXPECT_EQ(read_beginning(head + "\r\nHost: llm.test\r\n\r\n").kind, Kind::unreadable);
  // A hello whose session id is longer than any.
  std::string hello = std::string("\x16\x03\x01\x00\x2c\x01\x00\x00\x28\x03\x03", 11) + std::string(32, 'r') + "\xff\xff\xff\xff\xff\xff";
  EXPECT_EQ(read_beginning(hello).kind, Kind::unreadable);
}

}  // namespace
}  // namespace warden::intercept
