// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/engine.h"

#include <gtest/gtest.h>

#include <thread>

#include "policy/classify/view.h"
#include "tests/unit/classify/scan_text.h"

namespace warden::classify {
namespace {

TEST(Engine, MapsThroughJsonEscapes) {
  EXPECT_EQ(scan_text(R"(ssn\u003a\n536\u002d22-8741\n)", Encoding::json_string),
            R"(us.ssn=536\u002d22-8741)");
  EXPECT_EQ(scan_text(R"(mail \ud83d\ude00 jane.doe\u0040acme.com)", Encoding::json_string),
            R"(pii.email=jane.doe\u0040acme.com)");
  // Half a surrogate pair is no text, and no reason to look away.
  EXPECT_EQ(scan_text(R"(\ud83d card 4539148803436467)", Encoding::json_string), "pan.visa=4539148803436467");
}

// Bodies made so that each byte costs many: the bound is reached, the report says that it is not whole, and the scanner goes on.
TEST(Engine, BoundsWhatARequestMayCost) {
  Scanner scanner(test_pack());
  std::string escapes;
  while (escapes.size() < 3 * MappedText::kPiecesMax) escapes += R"(\na)";
  EXPECT_EQ(scanner.scan(std::vector{segment_of(escapes, Encoding::json_string)}).status, ScanStatus::partial);

  std::string ids;
  for (int i = 0; i < 100; ++i) ids += "SSN 536-22-8741 ";
  const Report& many = scanner.scan(std::vector{segment_of(ids)}, {.findings_max = 10});
  EXPECT_EQ(many.status, ScanStatus::partial);
  EXPECT_EQ(many.findings.size(), 10u);
  EXPECT_EQ(scanner.scan(std::vector{segment_of(ids)}).findings.size(), 100u);

  std::vector<Segment> parts(200'000, segment_of("a"));
  for (Segment& part : parts) part.joins_previous = true;
  EXPECT_EQ(scanner.scan(parts).status, ScanStatus::partial) << "a seam per byte";
  parts.resize(5'000);
  EXPECT_EQ(scanner.scan(parts).status, ScanStatus::complete);
}

TEST(Engine, MapsThroughNestedLayers) {
  EXPECT_EQ(scan_text(R"({\"ssn\":\"{\\\"x\\\":\\\"536-22-8741\\\"}\"})", Encoding::json_string),
            "us.ssn=536-22-8741");
  EXPECT_EQ(scan_text(R"({\"ssn\":\"536\\u002d22-8741\"})", Encoding::json_string),
            R"(us.ssn=536\\u002d22-8741)");
  EXPECT_EQ(scan_text("q=jane.doe%40acme.com&x=1"), "pii.email=jane.doe%40acme.com");
  EXPECT_EQ(scan_text("q=jane.doe%2540acme.com"), "pii.email=jane.doe%2540acme.com");
  EXPECT_EQ(scan_text("data: bXkgc3NuIGlzIDUzNi0yMi04NzQxIG9rYXk= end"),
            "us.ssn=bXkgc3NuIGlzIDUzNi0yMi04NzQxIG9rYXk=");
}

TEST(Engine, FoldsLookAlikesAndTakesTheWholeExtent) {
  EXPECT_EQ(scan_text("card 4539\u200b1488\u200b03436467."), "pan.visa=4539\u200b1488\u200b03436467");
  EXPECT_EQ(scan_text("card ４５３９１４８８０３４３６４６７"), "pan.visa=４５３９１４８８０３４３６４６７");
  EXPECT_EQ(scan_text("card ٤٥٣٩١٤٨٨٠٣٤٣٦٤٦٧"), "pan.visa=٤٥٣٩١٤٨٨٠٣٤٣٦٤٦٧");
  EXPECT_EQ(scan_text("ssn 536\u201122\u201387\u00ad41"), "us.ssn=536\u201122\u201387\u00ad41");
  EXPECT_EQ(scan_text("card 4539\u00a01488\u20090343\u202f6467"),
            "pan.visa=4539\u00a01488\u20090343\u202f6467");
}

TEST(Engine, FindsWhatAJointCuts) {
  std::vector<Segment> parts = {segment_of("my card is 4539 1488"), segment_of(" 0343 6467 thanks")};
  EXPECT_EQ(describe(parts), "");
  parts[1].joins_previous = true;
  EXPECT_EQ(describe(parts), "0:pan.visa=4539 1488; 1:pan.visa= 0343 6467");
  std::vector<Segment> tiny;
  static const std::string digits = "4539148803436467";
  for (const char& c : digits) {
    tiny.push_back(segment_of({&c, 1}));
    tiny.back().joins_previous = tiny.size() > 1;
  }
  Scanner scanner(test_pack());
  EXPECT_EQ(scanner.scan(tiny).findings.size(), digits.size());
}

TEST(Engine, BudgetAndBadTextAreReported) {
  Scanner scanner(test_pack());
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "536-22-" + std::to_string(1000 + i) + ", ";
  const Segment segment = segment_of(many);
  EXPECT_EQ(scanner.scan({&segment, 1}).status, ScanStatus::complete);
  Budget budget;
  budget.candidates_max = 100;
  EXPECT_EQ(scanner.scan({&segment, 1}, budget).status, ScanStatus::partial);
  budget = {};
  budget.bytes_max = 10;
  EXPECT_EQ(scanner.scan({&segment, 1}, budget).status, ScanStatus::partial);
  EXPECT_EQ(scanner.scan({&segment, 1}, budget).scanned_bytes, 0u);
  for (const char* bad : {"a\x80z", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "ends \xE2\x82"}) {
    const Segment broken = segment_of(bad);
    EXPECT_EQ(scanner.scan({&broken, 1}).status, ScanStatus::error) << bad;
  }
  const Segment fine = segment_of("\xEF\xBF\xBD is a character");
  EXPECT_EQ(scanner.scan({&fine, 1}).status, ScanStatus::complete);
}

TEST(Engine, TheSameOnEveryThread) {
  const std::string text =
      "ssn 536-22-8741, jane@acme.com, card 4539 1488 0343 6467, call me at +49 30 1234567, "
      "AKIAQ3EGTYHN2XLPV5WD";
  const std::string expected = scan_text(text);
  std::vector<std::string> answers(4);
  std::vector<std::thread> threads;
  for (std::string& answer : answers) threads.emplace_back([&] { answer = scan_text(text); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& answer : answers) EXPECT_EQ(answer, expected);
}

TEST(Pack, KnowsItsVocabulary) {
  const auto pack = test_pack();
  EXPECT_TRUE(pack->knows_detector("pan.visa"));
  EXPECT_FALSE(pack->knows_detector("pan.visas"));
  EXPECT_TRUE(pack->knows_class("pii.gov"));
  EXPECT_TRUE(pack->knows_class("custom.project"));
  EXPECT_FALSE(pack->knows_class("PII"));
  EXPECT_EQ(pack->digest(), (*Pack::load())->digest());
  EXPECT_FALSE(Pack::load("/nonexistent"));
}

}  // namespace
}  // namespace warden::classify
