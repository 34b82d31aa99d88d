// SPDX-License-Identifier: Apache-2.0
#include "tlsproxy/provider/json_walk.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "tests/unit/provider/json_oracle.h"

namespace warden::provider {
namespace {

std::string arbitrary_text() {
  static const std::vector<std::string> kPieces = {"a",
                                                   "text of more than eight bytes",
                                                   "\\n",
                                                   "\\\"",
                                                   "\\\\",
                                                   "\\/",
                                                   "\\u0041",
                                                   "\\u00e9",
                                                   "\\u20AC",
                                                   "\\ud83d\\ude00",
                                                   "\xc3\xa9",
                                                   "\xe2\x82\xac",
                                                   "\xf0\x9f\x98\x80",
                                                   " ",
                                                   "{",
                                                   ",",
                                                   "\\u0000",
                                                   "\x7f"};
  static const std::vector<std::string> kBad = {"\\ud800",
                                                "\\udc00",
                                                "\\ud800\\u0041",
                                                "\xff",
                                                "\xc0\x80",
                                                "\xed\xa0\x80",
                                                "\\x",
                                                "\\u12",
                                                "\n",
                                                "\x01",
                                                "\xf4\x90\x80\x80",
                                                "\xe2\x82",
                                                "\xf8\x88\x80\x80\x80"};
  std::string out = "\"";
  for (const std::string& piece : *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kPieces)))
    out += piece;
  if (*rc::gen::inRange(0, 40) == 0) out += *rc::gen::elementOf(kBad);
  return out + "\"";
}

std::string arbitrary_value(int depth) {
  static const std::vector<std::string> kScalars = {
      "0",    "-0",    "1",    "-12.5e+3", "1E9", "123456789012345678901234567890",
      "true", "false", "null", "0.1",      "01",  "1.",
      "+1",   ".5",    "-",    "1e"};
  static const std::vector<std::string> kBlanks = {"", "", " ", "\n\t", "\r"};
  const auto blank = [] { return *rc::gen::elementOf(kBlanks); };
  const int choice = *rc::gen::inRange(0, depth > 3 ? 4 : 10);
  if (choice < 2) return arbitrary_text();
  if (choice < 4)
    return kScalars[*rc::gen::inRange<size_t>(0, *rc::gen::inRange(0, 30) == 0 ? kScalars.size() : 10)];
  const bool object = choice < 7;
  std::string out = object ? "{" : "[";
  const int count = *rc::gen::inRange(0, 4);
  for (int i = 0; i < count; ++i) {
    out += (i > 0 ? "," : "") + blank();
    if (object) out += arbitrary_text() + blank() + ":" + blank();
    out += arbitrary_value(depth + 1) + blank();
  }
  return out + (object ? "}" : "]");
}

void agree(const std::string& json) {
  const OracleReading oracle = read_by_boost(json);
  if (oracle.beyond_oracle) return;
  const auto ours = read_by_walk(json);
  RC_ASSERT(ours.has_value() == oracle.accepted);
  if (ours) RC_ASSERT(*ours == oracle.events);
}

TEST(JsonWalk, AgreesWithBoostOnGeneratedTexts) {
  EXPECT_TRUE(rc::check([] { agree(arbitrary_value(0)); }));
}

TEST(JsonWalk, AgreesWithBoostOnDamagedTexts) {
  EXPECT_TRUE(rc::check([] {
    std::string json = arbitrary_value(0);
    const auto at = *rc::gen::inRange<size_t>(0, json.size() + 1);
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        json.insert(at, 1, *rc::gen::elementOf(std::string("{}[],:\"\\ue0- tfn\x80\xc3\x1f")));
        break;
      case 1:
        json.erase(at, 1);
        break;
      default:
        json.resize(at);
        break;
    }
    agree(json);
  }));
}

TEST(JsonWalk, SaysWhyItRefuses) {
  Tape tape;
  const auto why = [&](std::string_view json) { return walk_json(json, tape); };
  EXPECT_EQ(why("[1] "), std::nullopt);
  EXPECT_EQ(why("[1] 2"), Unreadable::trailing_data);
  EXPECT_EQ(why(""), Unreadable::invalid_json);
  EXPECT_EQ(why("\xEF\xBB\xBF[]"), Unreadable::invalid_json);
  EXPECT_EQ(why("[1"), Unreadable::invalid_json);
  EXPECT_EQ(why("\"\xC3\x28\""), Unreadable::invalid_utf8);
  EXPECT_EQ(why(R"("\uDEAD")"), Unreadable::invalid_utf8);
  EXPECT_EQ(why(std::string(128, '[') + std::string(128, ']')), std::nullopt);
  EXPECT_EQ(why(std::string(129, '[') + std::string(129, ']')), Unreadable::too_deep);
  EXPECT_EQ(why(std::string(1 << 20, '[')), Unreadable::too_deep);
  std::string commas = "[0";
  for (size_t i = 0; i < kNodesMax; ++i) commas += ",0";
  EXPECT_EQ(why(commas + "]"), Unreadable::too_many_values);
  EXPECT_EQ(name(Unreadable::too_many_values), "too_many_values");
}

TEST(JsonWalk, PointsIntoTheBytesAndNamesTheContext) {
  const std::string_view json = R"({"a":[1,"x",{"b\u0062":"y"}],"c":{}})";
  Tape tape;
  ASSERT_EQ(walk_json(json, tape), std::nullopt);
  ASSERT_EQ(tape.size(), 7U);
  EXPECT_EQ(tape[0].end, 7U);
  EXPECT_EQ(tape[1].end, 6U);
  EXPECT_EQ(tape[3].raw, "x");
  EXPECT_EQ(tape[3].raw.data(), json.data() + 9);
  EXPECT_EQ(tape[3].label, "a");
  EXPECT_FALSE(tape[3].has_name);
  EXPECT_EQ(tape[5].label, R"(b\u0062)");
  EXPECT_TRUE(tape[5].escaped_name);
  EXPECT_EQ(decode_json(tape[5].label), "bb");
}

TEST(JsonWalk, WritesWhatItReads) {
  EXPECT_TRUE(rc::check([](const std::string& text) {
    std::string json = "\"";
    append_json(json, text);
    json += '"';
    Tape tape;
    RC_ASSERT(!walk_json(json, tape));
    const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (ascii) RC_ASSERT(decode_json(tape[0].raw) == text);
  }));
}

}  // namespace
}  // namespace warden::provider
