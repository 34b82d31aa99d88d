// SPDX-License-Identifier: Apache-2.0
#include "policy/classify/engine.h"

#include <gtest/gtest.h>

#include "policy/classify/redact.h"

namespace warden::classify {
namespace {

std::string scan_text(std::string_view text, Encoding encoding = Encoding::plain,
                      std::string_view label = {}) {
  static const auto pack = Pack::load();
  Scanner scanner(*pack);
  Segment segment;
  segment.raw = text;
  segment.encoding = encoding;
  segment.label = label;
  std::string out;
  for (const Finding& f : scanner.scan({&segment, 1}).findings) {
    if (!out.empty()) out += "; ";
    out += std::string(f.detector) + "=" + std::string(text.substr(f.begin, f.end - f.begin)) + " " +
           std::string(tier_name(f.tier));
  }
  return out;
}

TEST(Engine, FindsTheThinPath) {
  EXPECT_EQ(scan_text("pay with 4539 1488 0343 6467 today"), "pan.visa=4539 1488 0343 6467 validated");
  EXPECT_EQ(scan_text("SSN: 536-22-8741."), "us.ssn=536-22-8741 validated");
  EXPECT_EQ(scan_text("write to jane.doe@acme-corp.com."), "pii.email=jane.doe@acme-corp.com validated");
  EXPECT_EQ(scan_text("AKIAQ3EGTYHN2XLPV5WD"), "secret.aws_akid=AKIAQ3EGTYHN2XLPV5WD validated");
  EXPECT_EQ(scan_text("536228741", Encoding::json_string, "customer_ssn"), "us.ssn=536228741 validated");
  EXPECT_EQ(scan_text("536228741", Encoding::json_scalar, "build"), "");
}

TEST(Engine, DocumentedExamplesAreSuppressed) {
  EXPECT_EQ(scan_text("4111111111111111"), "pan.visa=4111111111111111 suppressed");
  EXPECT_EQ(scan_text("AKIAIOSFODNN7EXAMPLE"), "secret.aws_akid=AKIAIOSFODNN7EXAMPLE suppressed");
  EXPECT_EQ(scan_text("078-05-1120"), "us.ssn=078-05-1120 suppressed");
}

TEST(Engine, MapsThroughEscapesAndLayers) {
  EXPECT_EQ(scan_text(R"(ssn\u003a\n536\u002d22-8741\n)", Encoding::json_string),
            R"(us.ssn=536\u002d22-8741 validated)");
  EXPECT_EQ(scan_text(R"({\"ssn\":\"{\\\"x\\\":\\\"536-22-8741\\\"}\"})", Encoding::json_string),
            "us.ssn=536-22-8741 validated");
  EXPECT_EQ(scan_text("q=jane.doe%40acme.com&x=1"), "pii.email=jane.doe%40acme.com validated");
  EXPECT_EQ(scan_text("data: bXkgc3NuIGlzIDUzNi0yMi04NzQxIG9rYXk= end"),
            "us.ssn=bXkgc3NuIGlzIDUzNi0yMi04NzQxIG9rYXk= validated");
}

}  // namespace
}  // namespace warden::classify
