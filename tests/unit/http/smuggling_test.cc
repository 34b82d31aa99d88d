// SPDX-License-Identifier: Apache-2.0
// Forms that two parsers are known to read differently. Each is refused, whole and byte by byte.
#include <gtest/gtest.h>

#include "tests/unit/http/message.h"

namespace warden::http {
namespace {

using namespace std::string_literals;

const std::string kGet = "GET / HTTP/1.1\r\nHost: x\r\n";
const std::string kPost = "POST / HTTP/1.1\r\nHost: x\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";

class RefusedRequest : public testing::TestWithParam<std::string> {};

TEST_P(RefusedRequest, Malformed) {
  EXPECT_EQ(parse(Side::request, GetParam(), {}).error, ParseError::malformed);
  EXPECT_EQ(parse(Side::request, GetParam(), {1}).error, ParseError::malformed);
}

INSTANTIATE_TEST_SUITE_P(LineEnds, RefusedRequest,
                         testing::Values("GET / HTTP/1.1\nHost: x\n\n"s, kGet + "A: b\n\r\n"s,
                                         kGet + "A: b\r\n\n"s, kGet + "A: b\rc\r\n\r\n"s,
                                         kGet + "A:\rTransfer-Encoding: chunked\r\n\r\n"s,
                                         kGet + "A: b\r\r\n\r\n"s, "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"s,
                                         "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"s));
INSTANTIATE_TEST_SUITE_P(Headers, RefusedRequest,
                         testing::Values(kGet + "A : b\r\n\r\n"s, kGet + "A\t: b\r\n\r\n"s,
                                         kGet + " A: b\r\n\r\n"s, kGet + "A: b\r\n c\r\n\r\n"s,
                                         kGet + "A: b\r\n\tc\r\n\r\n"s,
                                         kGet + "A: b\r\n Content-Length: 5\r\n\r\nhello"s,
                                         kGet + ": b\r\n\r\n"s, kGet + "A\r\n\r\n"s, kGet + "A\0: b\r\n\r\n"s,
                                         kGet + "A: b\0c\r\n\r\n"s, kGet + "A: \x01\r\n\r\n"s,
                                         kGet + "A: \x7f\r\n\r\n"s, kGet + "A(: b\r\n\r\n"s,
                                         kGet + "\xc3\xa4: b\r\n\r\n"s));
INSTANTIATE_TEST_SUITE_P(
    Framing, RefusedRequest,
    testing::Values(kPost + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
                    kPost + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"s,
                    kPost + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"s,
                    kPost + "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello"s,
                    kPost + "Content-Length: 5, 5\r\n\r\nhello"s, kPost + "Content-Length: +5\r\n\r\nhello"s,
                    kPost + "Content-Length: -5\r\n\r\nhello"s, kPost + "Content-Length: 0x5\r\n\r\nhello"s,
                    kPost + "Content-Length: 5 5\r\n\r\nhello"s, kPost + "Content-Length:\r\n\r\n"s,
                    kPost + "Content-Length: 99999999999999999999\r\n\r\n"s,
                    kPost + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"s,
                    kPost + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"s,
                    kPost + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"s,
                    kPost + "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"s,
                    kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
                    kPost + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n"s,
                    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s));
INSTANTIATE_TEST_SUITE_P(
    StartLine, RefusedRequest,
    testing::Values("GET / HTTP/2.0\r\nHost: x\r\n\r\n"s, "GET / HTTP/0.9\r\nHost: x\r\n\r\n"s,
                    "GET / HTTP/1.2\r\nHost: x\r\n\r\n"s, "GET /\r\nHost: x\r\n\r\n"s,
                    "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"s, "GET /  HTTP/1.1\r\nHost: x\r\n\r\n"s,
                    "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n"s, "GET / http/1.1\r\nHost: x\r\n\r\n"s,
                    "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"s, "GET /#f HTTP/1.1\r\nHost: x\r\n\r\n"s,
                    "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n"s, "GET * HTTP/1.1\r\nHost: x\r\n\r\n"s,
                    "GET foo HTTP/1.1\r\nHost: x\r\n\r\n"s, "WHAT / HTTP/1.1\r\nHost: x\r\n\r\n"s,
                    "GET / HTTP/1.1\r\nA: b\r\n\r\n"s, "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"s,
                    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s));
INSTANTIATE_TEST_SUITE_P(
    Chunks, RefusedRequest,
    testing::Values(kChunked + "5\nhello\r\n0\r\n\r\n"s, kChunked + "5\r\nhello0\r\n\r\n"s,
                    kChunked + "5\r\nhello\n0\r\n\r\n"s, kChunked + "\r\nhello\r\n0\r\n\r\n"s,
                    kChunked + "-5\r\nhello\r\n0\r\n\r\n"s, kChunked + "0x5\r\nhello\r\n0\r\n\r\n"s,
                    kChunked + "5 \r\nhello\r\n0\r\n\r\n"s, kChunked + " 5\r\nhello\r\n0\r\n\r\n"s,
                    kChunked + "5;a\nb\r\nhello\r\n0\r\n\r\n"s, kChunked + "5;a\rb\r\nhello\r\n0\r\n\r\n"s,
                    kChunked + "5;a\0b\r\nhello\r\n0\r\n\r\n"s, kChunked + "FFFFFFFFFFFFFFFF0\r\nhello\r\n"s,
                    kChunked + "5;"s + std::string(300, 'a') + "\r\nhello\r\n0\r\n\r\n"s,
                    kChunked + "0\r\nContent-Length: 5\r\n\r\n"s,
                    kChunked + "0\r\nTransfer-Encoding: chunked\r\n\r\n"s, kChunked + "0\r\nA : b\r\n\r\n"s,
                    kChunked + "0\r\n A: b\r\n\r\n"s, kChunked + "0\r\nA: b\n\r\n"s,
                    kChunked + "0\r\nA: "s + std::string(17000, 'a') + "\r\n\r\n"s, kChunked + "0\r\n\n"s));

class RefusedResponse : public testing::TestWithParam<std::string> {};

TEST_P(RefusedResponse, Malformed) {
  EXPECT_EQ(parse(Side::response, GetParam(), {}).error, ParseError::malformed);
  EXPECT_EQ(parse(Side::response, GetParam(), {1}).error, ParseError::malformed);
}

INSTANTIATE_TEST_SUITE_P(
    Heads, RefusedResponse,
    testing::Values("HTTP/2 200 OK\r\n\r\n"s, "HTTP/1.1 20 OK\r\n\r\n"s, "HTTP/1.1 2000 OK\r\n\r\n"s,
                    "HTTP/1.1  200 OK\r\n\r\n"s, "HTTP/1.1 600 No\r\n\r\n"s, "ICY 200 OK\r\n\r\n"s,
                    "HTTP/1.1 200 OK\nA: b\r\n\r\n"s, "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello"s,
                    "HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
                    "HTTP/1.1 100 Go\r\nTransfer-Encoding: chunked\r\n\r\n"s,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"s,
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na"s));

}  // namespace
}  // namespace warden::http
