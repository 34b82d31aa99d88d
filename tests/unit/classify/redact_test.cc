// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/redact.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/unit/classify/scan_text.h"

namespace warden::classify {
namespace {

constexpr std::string_view kKey = "a key of the host";

std::vector<Finding> real_findings(std::span<const Segment> segments) {
  Scanner scanner(test_pack());
  std::vector<Finding> out;
  for (const Finding& f : scanner.scan(segments).findings) {
    if (f.tier != Tier::suppressed) out.push_back(f);
  }
  return out;
}

std::string apply(const Segment& segment, const std::vector<Edit>& edits) {
  std::string out;
  size_t at = 0;
  for (const Edit& edit : edits) {
    out.append(segment.raw.substr(at, edit.begin - at)).append(edit.replacement);
    at = edit.end;
  }
  return out.append(segment.raw.substr(at));
}

std::string redacted(std::string_view text, Encoding encoding = Encoding::plain,
                     std::string_view label = {}) {
  const Segment segment = segment_of(text, encoding, label);
  const auto edits = redact({&segment, 1}, real_findings({&segment, 1}), kKey);
  return edits ? apply(segment, *edits) : "not editable";
}

TEST(Redact, StableTypedTokens) {
  const std::string a = redacted("ssn 536-22-8741.");
  EXPECT_EQ(a.substr(0, 17), "ssn [PII:US_SSN#" + a.substr(16, 1));
  EXPECT_EQ(a.size(), std::string("ssn [PII:US_SSN#k3f9a2].").size());
  const std::string token = a.substr(4, a.size() - 5);
  EXPECT_EQ(redacted("my SSN: 536 22 8741"), "my SSN: " + token);  // one value in another spelling
  EXPECT_EQ(redacted(R"(ssn\n536\u002d22-8741)", Encoding::json_string), R"(ssn\n)" + token);
  EXPECT_NE(redacted("ssn 536-22-8742."), a);
}

TEST(Redact, ANumberBecomesAString) {
  const std::string out = redacted("536228741", Encoding::json_scalar, "ssn");
  EXPECT_EQ(out.front(), '"');
  EXPECT_EQ(out.back(), '"');
  EXPECT_EQ(out.substr(1, 5), "[PII:");
}

TEST(Redact, RefusesWhatMayNotBeEdited) {
  Segment segment = segment_of("ssn 536-22-8741");
  const auto found = real_findings({&segment, 1});
  ASSERT_EQ(found.size(), 1u);
  segment.editable = false;
  EXPECT_FALSE(redact({&segment, 1}, found, kKey));
  EXPECT_TRUE(redact({&segment, 1}, {}, kKey));
}

TEST(Redact, MergesOverlaps) {
  const Segment segment = segment_of("0123456789");
  std::vector<Finding> chosen(3);
  for (size_t i = 0; i < chosen.size(); ++i) {
    chosen[i].detector = "d";
    chosen[i].data_class = "pii";
    chosen[i].begin = static_cast<uint32_t>(2 * i);
    chosen[i].end = static_cast<uint32_t>(2 * i + 3);
  }
  const auto edits = redact({&segment, 1}, chosen, kKey);
  ASSERT_TRUE(edits);
  ASSERT_EQ(edits->size(), 1u);
  EXPECT_EQ(edits->front().begin, 0u);
  EXPECT_EQ(edits->front().end, 7u);
}

RC_GTEST_PROP(Redact, RescanIsCleanAndTheRestUntouched, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "ssn ", "536-22-8741", "4539 1488 0343 6467", "jane@acme.com", "password=", "Tr0ub4dor", " ", "\\n",
      "\\\"", "card: ", "phone: ", "+49 30 1234567", "AKIAQ3EGTYHN2XLPV5WD", "{", "}", ",", "%40", "é",
      "\u200b", "token: ", "7", "-", "postgres://u:Xy9zQ1w@h/"));
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  const Segment segment = segment_of(text, Encoding::json_string);
  const auto found = real_findings({&segment, 1});
  const auto edits = redact({&segment, 1}, found, kKey);
  RC_ASSERT(edits.has_value());
  const std::string out = apply(segment, *edits);
  const Segment after = segment_of(out, Encoding::json_string);
  const auto left = real_findings({&after, 1});
  if (!left.empty()) RC_LOG() << text << " -> " << out << " still " << left[0].detector;
  RC_ASSERT(left.empty());
}

}  // namespace
}  // namespace warden::classify
