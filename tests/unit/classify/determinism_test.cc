// SPDX-License-Identifier: Apache-2.0
// The same text gives the same findings however it comes: cut into parts, on any thread, after any other text.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <thread>

#include "tests/unit/classify/scan_text.h"

namespace warden::classify {
namespace {

const std::string kTexts[] = {
    "ssn 536-22-8741, jane@acme.com, card 4539 1488 0343 6467, call me at +49 30 1234567, AKIAQ3EGTYHN2XLPV5WD",
    R"({\"ssn\": \"536\\u002d22-8741\", \"note\": \"bXkgc3NuIGlzIDUzNi0yMi04NzQxIG9rYXk=\"})",
    "id,ssn,city\n7,536228741,Bonn\n8,219-45-6781,Ulm\n",
    "card \xD0\xBE: 4539\u200b1488\u200b03436467, \"AKIAQ3EG\" + \"TYHN2XLPV5WD\", q=jane.doe%2540acme.com",
    "> password = \"Tr0ub4dor!x\"\n> card number: 4 5 3 9 1 4 8 8 0 3 4 3 6 4 6 7\n",
};

// Findings by their place in the whole text; what a joint cuts is put together again.
std::string by_place(std::span<const Segment> parts) {
  Scanner scanner(test_pack());
  std::string out;
  uint32_t offset = 0;
  uint32_t end = 0;
  std::string_view last;
  size_t at = 0;
  const Report& report = scanner.scan(parts);
  for (uint32_t index = 0; index < parts.size(); ++index) {
    for (; at < report.findings.size() && report.findings[at].segment == index; ++at) {
      const Finding& f = report.findings[at];
      const bool goes_on = last == f.detector && offset + f.begin == end;
      if (goes_on)
        out.resize(out.rfind('-') + 1);
      else
        out += std::string(f.detector) + " " + std::string(tier_name(f.tier)) + " " + std::to_string(offset + f.begin) + "-";
      end = offset + f.end;
      last = f.detector;
      out += std::to_string(end) + "; ";
      if (goes_on) continue;
    }
    offset += static_cast<uint32_t>(parts[index].raw.size());
  }
  return out;
}

std::vector<Segment> cut(std::string_view text, const std::vector<size_t>& cuts) {
  std::vector<Segment> parts;
  size_t begin = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : text.size();
    parts.push_back(segment_of(text.substr(begin, end - begin)));
    parts.back().joins_previous = i > 0;
    begin = end;
  }
  return parts;
}

TEST(Determinism, OneCutAnywhereLosesNothing) {
  const std::string& text = kTexts[0];
  const Segment whole = segment_of(text);
  const std::string expected = by_place({&whole, 1});
  for (size_t at = 1; at < text.size(); ++at) EXPECT_EQ(by_place(cut(text, {at})), expected) << "cut at " << at;
}

TEST(Determinism, ManyThreadsOneAnswer) {
  std::vector<std::string> expected;
  for (const std::string& text : kTexts) expected.push_back(scan_text(text));
  std::vector<std::thread> threads;
  std::vector<size_t> wrong(8);
  for (size_t thread = 0; thread < wrong.size(); ++thread) {
    threads.emplace_back([&, thread] {
      Scanner scanner(test_pack());
      for (size_t round = 0; round < 50; ++round) {
        const size_t i = (round * 7 + thread) % std::size(kTexts);
        const Segment segment = segment_of(kTexts[i]);
        scanner.scan({&segment, 1});
        if (scan_text(kTexts[i]) != expected[i]) ++wrong[thread];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const size_t count : wrong) EXPECT_EQ(count, 0u);
}

// What a scanner saw before does not show: neither texts nor budgets that ran out.
RC_GTEST_PROP(Determinism, NoMemoryOfOtherTexts, ()) {
  const auto order = *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, std::size(kTexts)));
  Scanner scanner(test_pack());
  for (const size_t i : order) {
    const Segment segment = segment_of(kTexts[i]);
    scanner.scan({&segment, 1}, {.candidates_max = i * 3});
    const Report& report = scanner.scan({&segment, 1});
    Scanner fresh(test_pack());
    const Report& other = fresh.scan({&segment, 1});
    RC_ASSERT(report.findings.size() == other.findings.size());
    for (size_t f = 0; f < report.findings.size(); ++f) {
      RC_ASSERT(report.findings[f].detector == other.findings[f].detector && report.findings[f].begin == other.findings[f].begin &&
                report.findings[f].end == other.findings[f].end && report.findings[f].confidence == other.findings[f].confidence);
    }
  }
}

}  // namespace
}  // namespace warden::classify
