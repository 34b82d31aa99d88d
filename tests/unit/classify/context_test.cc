// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "policy/classify/resolve.h"
#include "tests/unit/classify/scan_text.h"

namespace warden::classify {
namespace {

TEST(Context, LabelsInTheirSpellings) {
  for (const char* label : {"SSN", "ssn", "social security number", "social_security_number",
                            "socialSecurityNumber", "user.ssn", "SSNs"}) {
    EXPECT_EQ(scan_text(std::string(label) + ": 536228741"), "us.ssn=536228741") << label;
    EXPECT_EQ(scan_text("536228741", Encoding::json_string, label), "us.ssn=536228741") << label;
  }
}

TEST(Context, OnlyNearAndOnTokenBoundaries) {
  const std::string far(80, '.');
  EXPECT_EQ(scan_text("ssn " + far + " 536228741"), "");
  EXPECT_EQ(scan_text("ssn on the form he sent: 536228741"), "us.ssn=536228741");
  EXPECT_EQ(scan_text("536228741 (SSN)"), "us.ssn=536228741");
  EXPECT_EQ(scan_text("classnumber 536228741"), "");
}

TEST(Context, ManyCandidatesSeeTheSameWords) {
  // The words of a text are looked up piecewise; a piece's edge must not lose or double one.
  for (size_t gap = 0; gap < 200; gap += 7) {
    const std::string text = "536228741 " + std::string(gap, 'x') + " ssn: 536228741";
    EXPECT_NE(scan_text(text).find("us.ssn=536228741"), std::string::npos) << gap;
  }
}

TEST(Context, AnotherTypesLabelSpeaksAgainst) {
  EXPECT_EQ(scan_text("order id: 561 149 1480"), "");
  EXPECT_EQ(scan_text("phone: 561 149 1480"), "pii.phone_national=561 149 1480");
  EXPECT_EQ(scan_text("NHS: 561 149 1480"), "uk.nhs=561 149 1480");
}

RankedFinding made(uint32_t begin, uint32_t end, uint8_t rank, Tier tier = Tier::validated) {
  RankedFinding out;
  out.finding.detector = "x";
  out.finding.begin = begin;
  out.finding.end = end;
  out.finding.tier = tier;
  out.rank = rank;
  return out;
}

TEST(Resolve, ClassThenTierThenLengthThenPlace) {
  std::vector<RankedFinding> found = {
      made(0, 9, 5),   made(3, 6, 1),   made(6, 8, 5),  made(10, 14, 2, Tier::asserted),
      made(10, 12, 2), made(20, 24, 2), made(22, 26, 2)};
  resolve_overlaps(found);
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].finding.begin, 3u);
  EXPECT_EQ(found[1].finding.begin, 6u);
  EXPECT_EQ(found[2].finding.end, 12u);
  EXPECT_EQ(found[3].finding.begin, 20u);
}

}  // namespace
}  // namespace warden::classify
