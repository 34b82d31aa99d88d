// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/http/coding.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <zlib.h>

namespace warden::http {
namespace {

struct Decoded {
  std::string bytes;
  std::optional<CodingError> error;
};

Decoded decode(Coding coding, std::string_view coded, uint64_t bytes_max = 1 << 20, size_t piece = SIZE_MAX) {
  Decoded out;
  const auto decoder = Decoder::make(coding, bytes_max);
  while (!coded.empty()) {
    const auto part = coded.substr(0, piece);
    if (const auto done = decoder->decode(part, out.bytes); !done) {
      out.error = done.error().code;
      return out;
    }
    coded.remove_prefix(part.size());
  }
  if (const auto done = decoder->finish(); !done) out.error = done.error().code;
  return out;
}

std::string sample() {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "line " + std::to_string(i * 7919 % 1000) + "\n";
  return text;
}

class EachCoding : public testing::TestWithParam<Coding> {};
INSTANTIATE_TEST_SUITE_P(All, EachCoding,
                         testing::Values(Coding::identity, Coding::gzip, Coding::deflate, Coding::br,
                                         Coding::zstd));
class EachCompression : public testing::TestWithParam<Coding> {};
INSTANTIATE_TEST_SUITE_P(All, EachCompression,
                         testing::Values(Coding::gzip, Coding::deflate, Coding::br, Coding::zstd));

TEST_P(EachCoding, ComesBackHoweverItIsCut) {
  EXPECT_TRUE(rc::check([] {
    const Coding coding = GetParam();
    const auto text = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
    const auto piece = *rc::gen::inRange<size_t>(1, 40);
    const Decoded out = decode(coding, encode(coding, text), 1 << 20, piece);
    RC_ASSERT(!out.error);
    RC_ASSERT(out.bytes == text);
  }));
  EXPECT_EQ(decode(GetParam(), encode(GetParam(), sample())).bytes, sample());
}

// The compressed form is longer than the encoders' blocks, so that it comes in several.
TEST_P(EachCoding, EndsWhereTheSinkTakesNoMore) {
  std::string noise;
  for (uint32_t x = 1; noise.size() < 200'000; x = x * 1664525 + 1013904223) noise += static_cast<char>(x >> 24);
  size_t calls = 0;
  const auto twice = [&calls](std::string_view) { return ++calls < 2; };
  const std::string coded = encode(GetParam(), noise);
  const bool whole = encode(GetParam(), noise, twice);
  EXPECT_EQ(whole, GetParam() == Coding::identity) << "identity is one span";
  EXPECT_EQ(calls, whole ? 1u : 2u);

  calls = 0;
  const auto decoder = Decoder::make(GetParam(), 1 << 20);
  EXPECT_EQ(decoder->decode(coded, twice).error().code, CodingError::stopped);
  EXPECT_EQ(calls, 2u);
}

TEST_P(EachCoding, StopsAtTheBound) {
  const std::string text = sample();
  const std::string coded = encode(GetParam(), text);
  EXPECT_FALSE(decode(GetParam(), coded, text.size()).error) << "exactly the bound is allowed";
  const Decoded out = decode(GetParam(), coded, text.size() - 1);
  EXPECT_EQ(out.error, CodingError::too_large);
  EXPECT_LT(out.bytes.size(), text.size());
}

TEST_P(EachCompression, StopsABombEarly) {
  const std::string bomb = encode(GetParam(), std::string(64 << 20, '\0'));
  ASSERT_LT(bomb.size(), 200000U);
  const Decoded out = decode(GetParam(), bomb, 100000);
  EXPECT_EQ(out.error, CodingError::too_large);
  EXPECT_LE(out.bytes.size(), 100000U);
}

TEST_P(EachCompression, SeesTruncationAndTrailingData) {
  const std::string coded = encode(GetParam(), sample());
  EXPECT_EQ(decode(GetParam(), coded.substr(0, coded.size() - 1)).error, CodingError::truncated);
  EXPECT_EQ(decode(GetParam(), coded.substr(0, coded.size() / 2)).error, CodingError::truncated);
  EXPECT_EQ(decode(GetParam(), coded + "x").error, CodingError::trailing_data);
  EXPECT_EQ(decode(GetParam(), coded + "x", 1 << 20, 7).error, CodingError::trailing_data);
}

TEST_P(EachCompression, AnErrorStays) {
  const auto decoder = Decoder::make(GetParam(), 10);
  std::string out;
  EXPECT_FALSE(decoder->decode(encode(GetParam(), sample()), out));
  EXPECT_FALSE(decoder->decode("more", out));
  EXPECT_FALSE(decoder->finish());
}

TEST(Coding, SeesCorruption) {
  std::string gzip = encode(Coding::gzip, sample());
  gzip[gzip.size() - 6] ^= 1;  // its checksum
  EXPECT_EQ(decode(Coding::gzip, gzip).error, CodingError::corrupt);
  EXPECT_EQ(decode(Coding::gzip, "plain text").error, CodingError::corrupt);
  EXPECT_EQ(decode(Coding::zstd, "plain text").error, CodingError::corrupt);
}

TEST(Coding, ReadsGzipOfSeveralMembersAndZstdOfSeveralFrames) {
  EXPECT_EQ(decode(Coding::gzip, encode(Coding::gzip, "one ") + encode(Coding::gzip, "two"), 100, 3).bytes,
            "one two");
  EXPECT_EQ(decode(Coding::zstd, encode(Coding::zstd, "one ") + encode(Coding::zstd, "two"), 100, 3).bytes,
            "one two");
  EXPECT_EQ(decode(Coding::deflate, encode(Coding::deflate, "one") + encode(Coding::deflate, "two")).error,
            CodingError::trailing_data);
}

TEST(Coding, ReadsRawDeflate) {
  z_stream stream{};
  ASSERT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string text = sample();
  std::string raw(text.size(), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(raw.data());
  stream.avail_out = static_cast<uInt>(raw.size());
  ASSERT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  raw.resize(stream.total_out);
  deflateEnd(&stream);
  EXPECT_EQ(decode(Coding::deflate, raw, 1 << 20, 1).bytes, text);
}

TEST(Coding, KnowsItsNames) {
  EXPECT_EQ(coding_of("GZip"), Coding::gzip);
  EXPECT_EQ(coding_of("br"), Coding::br);
  EXPECT_EQ(coding_of(""), Coding::identity);
  EXPECT_EQ(coding_of("gzip, br"), std::nullopt) << "stacked";
  EXPECT_EQ(coding_of("compress"), std::nullopt);
}

}  // namespace
}  // namespace warden::http
