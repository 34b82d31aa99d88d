// SPDX-License-Identifier: Apache-2.0
// Tables stay aligned whatever is in the cells, and nothing from elsewhere reaches the terminal as a control.
#include "agent/cli/output.h"

#include <gtest/gtest.h>

namespace warden::cli {
namespace {

TEST(Output, ColumnsAreTwoSpacesApartAndNoLineEndsInSpaces) {
  Table table({"NAME", "STATE", "REMEDY"});
  table.add({"a", "ok", ""});
  table.add({"a longer one", "missing", "do this"});
  EXPECT_EQ(table.text(),
            "NAME          STATE    REMEDY\n"
            "a             ok\n"
            "a longer one  missing  do this\n");
}

TEST(Output, CharactersCountNotBytesAndColoursHaveNoWidth) {
  Table table({"NAME", "X"});
  table.add({"zoë", "1"});
  table.add({"\x1b[32mgood\x1b[0m", "2"});
  EXPECT_EQ(table.text(), "NAME  X\nzoë   1\n\x1b[32mgood\x1b[0m  2\n");
}

TEST(Output, AnUnfinishedColourDoesNotReadBeyondTheCell) {
  Table table({"NAME", "X"});
  table.add({"\x1b[32", "1"});
  EXPECT_EQ(table.text(), "NAME  X\n\x1b[32      1\n");
}

TEST(Output, ControlsFromElsewhereAreReplacedAndLengthIsBounded) {
  EXPECT_EQ(printable("a\x1b[31m\nb\x7f"), "a?[31m?b?");
  EXPECT_EQ(printable(std::string(300, 'x')).size(), 203u);
  EXPECT_EQ(printable("a\xc2\x9b"
                      "31m"),
            "a?31m");
  EXPECT_EQ(printable("zoë \xc2\xa9 \xc2"), "zoë \xc2\xa9 \xc2");
}

TEST(Output, NoColourWithoutATerminal) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(paint("word", Colour::bad), "word");
  testing::internal::GetCapturedStdout();
}

}  // namespace
}  // namespace warden::cli
