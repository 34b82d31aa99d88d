// SPDX-License-Identifier: Apache-2.0
// The linter of the number table: every entry parses, has cases both ways, and its cases come out as they must.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "policy/classify/labels.h"
#include "policy/classify/number_types.h"
#include "policy/classify/pack.h"
#include "tests/unit/classify/scan_text.h"

namespace warden::classify {
namespace {

const NumberTypes& table() {
  static const NumberTypes types = [] {
    std::string error;
    auto read = NumberTypes::parse(number_table(), error);
    EXPECT_TRUE(read.has_value()) << error;
    return std::move(*read);
  }();
  return types;
}

// As in a text: behind a label, with a full stop after it.
bool validates(const NumberType& type, std::string_view number) {
  const std::string text = "x: " + std::string(number) + ".";
  const auto first = static_cast<uint32_t>(text.find_first_not_of("+(", 3));
  const auto match = match_number(type, text, first);
  return match && match->checked && match->end >= text.find_last_not_of("+.") + 1;
}

TEST(NumberTable, EveryEntryHasCasesThatHold) {
  std::set<std::string_view> names;
  for (const auto& type : table().types()) {
    EXPECT_TRUE(names.insert(type->id).second) << type->id << " stands twice";
    EXPECT_NE(class_rank(type->data_class.starts_with("custom.") ? "custom" : type->data_class), 255) << type->id;
    EXPECT_FALSE(type->yes.empty() || type->no.empty()) << type->id << " has no cases";
    for (const std::string_view number : type->yes) EXPECT_TRUE(validates(*type, number)) << type->id << ' ' << number;
    for (const std::string_view number : type->no) EXPECT_FALSE(validates(*type, number)) << type->id << ' ' << number;
  }
}

TEST(NumberTable, WrongTablesAreRefusedWithTheLine) {
  std::string error;
  EXPECT_FALSE(NumberTypes::parse("a.b pii\n  labels x\n  shape q3\n", error));
  EXPECT_NE(error.find("line 3"), std::string::npos) << error;
  EXPECT_FALSE(NumberTypes::parse("a.b pii\n  labels x\n  shape d3\n  check n(0,\n", error));
  EXPECT_FALSE(NumberTypes::parse("a.b pii\n  shape d3\n", error));
  EXPECT_FALSE(NumberTypes::parse("a.b pii\n  labels x\n  any c.d\n", error));
  EXPECT_FALSE(NumberTypes::parse("a.b pii\n  labels x\n  shape d3\n  colour red\n", error));
}

TEST(Expression, PrecedenceVariablesAndTotality) {
  std::string error;
  const auto holds = [&](std::string_view text, std::string_view value) {
    const auto made = Expression::compile(text, error);
    EXPECT_TRUE(made.has_value()) << text << ": " << error;
    return made && made->holds(value);
  };
  EXPECT_TRUE(holds("1 + 2 * 3 == 7 && !(2 > 3)", ""));
  EXPECT_TRUE(holds("s = n(0,2); s % 11 == 1", "12"));
  EXPECT_TRUE(holds("-1 % 11 == 10 && 5 / 0 == 0 && 5 % 0 == 0", ""));
  EXPECT_TRUE(holds("c(-1) == 35 && ch(0) == 'A' && c(9) == -1", "AZ"));
  EXPECT_FALSE(holds("w(0,\"111\") == 3", "11"));  // too short
  for (const std::string_view bad : {"", "1 +", "f(1)", "n(0)", "(1", "1;", "s = 1", "'ab' == 1", "1 == 1 1"}) {
    EXPECT_FALSE(Expression::compile(bad, error)) << bad;
  }
  EXPECT_FALSE(Expression::compile(std::string(200, '(') + "1" + std::string(200, ')'), error));
}

TEST(Labels, StandBeforeTheValue) {
  EXPECT_EQ(scan_text("NRT (Número de Registre Tributari, Andorra tax number): U-132950-X"), "ad.nrt=U-132950-X asserted");
  EXPECT_EQ(scan_text("pesel_number = 44051401359"), "pl.pesel=44051401359");
  EXPECT_EQ(scan_text("Numer PESEL nr 44051401359,"), "pl.pesel=44051401359");
  EXPECT_EQ(scan_text("44051401359", Encoding::json_scalar, "customerPesel"), "pl.pesel=44051401359");
  EXPECT_EQ(scan_text("the pesel; then 44051401359"), "");
  EXPECT_EQ(scan_text("compesel 44051401359"), "");
  EXPECT_EQ(scan_text("44051401359"), "");
  EXPECT_EQ(scan_text("PESEL: 44051401358"), "pl.pesel=44051401358 asserted");
}

}  // namespace
}  // namespace warden::classify
