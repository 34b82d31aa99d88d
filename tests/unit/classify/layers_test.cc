// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/layers.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/classify/encoded_runs.h"
#include "policy/classify/escapes.h"
#include "policy/classify/hidden.h"
#include "policy/classify/rejoin.h"
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

// The text that a set of places gives, with nothing left out.
std::string rewritten(std::string_view in, void (*find)(std::string_view, Rewrites&)) {
  Rewrites places;
  find(in, places);
  View out;
  if (!places.settle(in, nullptr, 0)) return std::string(in);
  places.apply(in, out);
  return out.mapped.text();
}

TEST(Layers, Base64OnlyWhenItHoldsText) {
  EXPECT_EQ(rewritten("see aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91Pw== here", find_base64), "see hello world, how are you? here");
  EXPECT_EQ(rewritten("/files/aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91Pw", find_base64), "/files/hello world, how are you?");
  const std::string hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  EXPECT_EQ(rewritten(hash, find_base64), hash);
  EXPECT_EQ(rewritten(hash, find_hex), hash);
  EXPECT_EQ(rewritten("internationalisation", find_base64), "internationalisation");
}

TEST(Layers, Escapes) {
  EXPECT_EQ(rewritten(R"(\x41 \101 \u{1F600} \U00000041 \/ \u0041 \q \1)", find_escapes), "A A \xF0\x9F\x98\x80 A / A \\q \\1");
  EXPECT_EQ(rewritten("a%40b%zz%2", find_escapes), "a@b%zz%2");
  EXPECT_EQ(rewritten("&#52;&#x34;&commat;&nothing;&#1114112;&amp", find_escapes), "44@&nothing;&#1114112;&amp");
  EXPECT_EQ(rewritten("a=3D1=\nb", find_escapes), "a=1b");
  EXPECT_EQ(rewritten("colour=AB; x", find_escapes), "colour=AB; x");
  EXPECT_EQ(rewritten("q=a+b&mail=li+w@acme.io", find_escapes), "q=a b&mail=li+w@acme.io");
}

TEST(Layers, HexDumpsAndLists) {
  EXPECT_EQ(rewritten("00000000: 6865 6c6c 6f20 776f 726c 642c 2068 6f77  hello world, how\n00000010: 2061 7265                                are\n", find_hex_dumps),
            "hello world, how are\n");
  EXPECT_EQ(rewritten("x 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x79, 0x6f, 0x75 y", find_hex), "x hello you y");
  EXPECT_EQ(rewritten("4539148803436467", find_hex), "4539148803436467") << "a number, not an encoding";
}

// What a place stands for maps to all of it; far from the places nothing is kept.
TEST(Layers, RewritesKeepTheirSurroundings) {
  const std::string far(1000, ' ');
  const std::string in = far + "a&#64;b" + far;
  Rewrites places;
  find_escapes(in, places);
  ASSERT_TRUE(places.settle(in, nullptr, 0));
  View out;
  places.apply(in, out);
  EXPECT_TRUE(out.partial);
  EXPECT_LT(out.mapped.text().size(), 400u);
  const auto at = static_cast<uint32_t>(out.mapped.text().find('@'));
  EXPECT_EQ(out.mapped.source({at, at + 1}), (Extent{1001, 1006}));
  EXPECT_EQ(out.mapped.source({at - 1, at + 2}), (Extent{1000, 1007}));
  EXPECT_EQ(out.mapped.derived({1000, 1007}), (Extent{at - 1, at + 2}));
  EXPECT_TRUE(near_change(out.changes, {at, at + 1}, 0));
  EXPECT_FALSE(near_change(out.changes, {at + 60, at + 61}, 50));
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
  if (unescape_json(bytes, out)) RC_ASSERT(out.text().size() <= bytes.size() * 2);
  if (fold(bytes, out)) RC_ASSERT(out.text().size() < bytes.size());
  for (const auto find : {find_escapes, find_base64, find_hex, find_hex_dumps, find_hidden, find_concatenations, find_folded_lines, find_emphasis})
    RC_ASSERT(rewritten(bytes, find).size() <= 2 * bytes.size());
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
