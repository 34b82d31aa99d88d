// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/layers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/classify/unicode.h"

namespace warden::classify {
namespace {

std::string unescaped(std::string_view text) {
  MappedText out;
  return unescape_json(text, out) ? out.text() : std::string(text);
}

TEST(Layers, JsonEscapes) {
  EXPECT_EQ(unescaped(R"(a\"\\\/\n\t\u0041)"), "a\"\\/\n\tA");
  EXPECT_EQ(unescaped(R"(\ud83d\ude00)"), "\xF0\x9F\x98\x80");
  EXPECT_EQ(unescaped(R"(\ud83d!\udE00\q\u12)"), "\xEF\xBF\xBD!\xEF\xBF\xBD\\q\\u12");
  EXPECT_EQ(unescaped("ends with \\"), "ends with \\");
}

TEST(Layers, SourceOfAnEscapeIsAllOfIt) {
  MappedText out;
  ASSERT_TRUE(unescape_json(R"(ab\u0063d)", out));
  EXPECT_EQ(out.source({1, 3}), (Extent{1, 8}));
  EXPECT_EQ(out.source({2, 3}), (Extent{2, 8}));
  EXPECT_EQ(out.source({3, 4}), (Extent{8, 9}));
}

TEST(Layers, Base64OnlyWhenItHoldsText) {
  std::vector<EncodedRun> runs;
  find_base64_text("see aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91Pw== here", 8, runs);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].text, "hello world, how are you?");
  EXPECT_EQ(runs[0].span, (Extent{4, 40}));
  find_base64_text("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", 8, runs);
  EXPECT_TRUE(runs.empty());
}

// Every character of the derived text comes from where its source says.
RC_GTEST_PROP(Layers, MapsArePointwiseRight, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "a", "7", "\\n", "\\u0031", "\\ud83d\\ude00", "\\", "\\\\", "\u200b", "\uff11", "é", "\\u0662", " "));
  std::string raw;
  for (const std::string& piece : pieces) raw += piece;
  MappedText text;
  if (!unescape_json(raw, text)) RC_DISCARD("nothing escaped");
  MappedText again;
  for (uint32_t at = 0; at < text.text().size();) {
    const uint32_t bytes = code_point_at(text.text(), at).bytes;
    const Extent from = text.source({at, at + bytes});
    const std::string_view source = std::string_view(raw).substr(from.begin, from.end - from.begin);
    const std::string alone = unescape_json(source, again) ? again.text() : std::string(source);
    RC_ASSERT(alone == text.text().substr(at, bytes));
    at += bytes;
  }
}

RC_GTEST_PROP(Layers, NoInputIsTooOdd, (const std::string& bytes)) {
  MappedText out;
  std::vector<EncodedRun> runs;
  if (unescape_json(bytes, out)) RC_ASSERT(out.text().size() <= bytes.size() * 2);
  if (decode_percent(bytes, out)) RC_ASSERT(out.text().size() < bytes.size());
  if (fold(bytes, out)) RC_ASSERT(out.text().size() < bytes.size());
  find_base64_text(bytes, 8, runs);
  RC_ASSERT(is_utf8(bytes) || !is_ascii(bytes));
}

// Escapes of one length side by side are kept as one piece; each of them keeps its own place all the same.
TEST(Layers, RunsOfEscapesMapOneByOne) {
  const std::string source = R"(\u00e9\u00e9ab\n\n\tc\u4f60)";
  MappedText out;
  ASSERT_TRUE(unescape_json(source, out));
  ASSERT_EQ(out.text(), "\u00e9\u00e9ab\n\n\tc\u4f60");
  EXPECT_EQ(out.source({0, 2}), (Extent{0, 6}));
  EXPECT_EQ(out.source({2, 4}), (Extent{6, 12}));
  EXPECT_EQ(out.source({1, 3}), (Extent{0, 12})) << "half a character is all of it";
  EXPECT_EQ(out.source({5, 6}), (Extent{13, 14}));
  EXPECT_EQ(out.source({7, 8}), (Extent{16, 18}));
  EXPECT_EQ(out.source({7, 9}), (Extent{16, 20}));
  EXPECT_EQ(out.source({9, 13}), (Extent{20, 27}));
}

TEST(Layers, ManyEscapesAlikeCostNoMoreThanTheirText) {
  std::string source;
  for (int i = 0; i < 100'000; ++i) source += R"(\u4f60)";
  MappedText out;
  ASSERT_TRUE(unescape_json(source, out));
  EXPECT_LT(out.bytes_held(), source.size() + 4096);
  EXPECT_FALSE(out.overflowed());
}

}  // namespace
}  // namespace warden::classify
