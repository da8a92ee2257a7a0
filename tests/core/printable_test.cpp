#include "core/printable.hpp"

#include <gtest/gtest.h>

namespace sonoforge {
namespace {

TEST(Printable, KeepsTextAndEscapesWhatMovesTheCursor) {
  EXPECT_EQ(printable("Sch\u00e4del, 30 \u00b5m, \u8d85\u97f3\u6ce2"), "Sch\u00e4del, 30 \u00b5m, \u8d85\u97f3\u6ce2");
  EXPECT_EQ(printable("a\x1b[31mb\r\a\x7f"), "a\\x1b[31mb\\x0d\\x07\\x7f");
  EXPECT_EQ(printable("one\ntwo\tthree"), "one\\ntwo\\tthree");
  EXPECT_EQ(printable(std::string_view("zero\0", 5)), "zero\\x00");
  EXPECT_EQ(printable("\u009b31m"), "\\u{9b}31m") << "the control sequence introducer of Latin-1";
  EXPECT_EQ(printable("safe\u202egnp.exe"), "safe\\u{202e}gnp.exe") << "right-to-left override";
  EXPECT_EQ(printable("\xe9t\xc3"), "\\xe9t\\xc3") << "Latin-1, and a cut sequence";
}

TEST(Printable, KnowsTheLengthOfSequences) {
  EXPECT_EQ(utf8_length("a"), 1u);
  EXPECT_EQ(utf8_length("\u00b5"), 2u);
  EXPECT_EQ(utf8_length("\u8d85"), 3u);
  EXPECT_EQ(utf8_length("\U0001f50a"), 4u);
  EXPECT_EQ(utf8_length("\xc0\xaf"), 0u) << "overlong";
  EXPECT_EQ(utf8_length("\xed\xa0\x80"), 0u) << "a surrogate";
  EXPECT_EQ(utf8_length(""), 0u);
}

}  // namespace
}  // namespace sonoforge
