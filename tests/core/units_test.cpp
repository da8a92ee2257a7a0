#include "core/units.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "core/random.hpp"

namespace sonoforge {
namespace {

TEST(Units, QuantitiesAreTheNearestDoubles) {
  // Each expected value is the compiler's reading of the same decimal number.
  EXPECT_EQ(parse_quantity("5 MHz", Unit::hertz), 5e6);
  EXPECT_EQ(parse_quantity("0.3 mm", Unit::metre), 0.3e-3);
  EXPECT_EQ(parse_quantity("30.4MHz", Unit::hertz), 30.4e6);
  EXPECT_EQ(parse_quantity("-1.5e1 cm", Unit::metre), -0.15);
  EXPECT_EQ(parse_quantity("77 %", Unit::fraction), 0.77);
  EXPECT_EQ(parse_quantity("20 /mm^3", Unit::per_cubic_metre), 20e9);
  EXPECT_EQ(parse_quantity("37 degC", Unit::kelvin), 310.15);
  EXPECT_EQ(parse_quantity("2 MiB", Unit::bytes), 2097152);
  EXPECT_EQ(parse_quantity("10 uV/Pa", Unit::volt_per_pascal), 10e-6);
  EXPECT_EQ(parse_quantity("0.5 dB/cm", Unit::decibel_per_metre), 50);
  EXPECT_EQ(parse_quantity("3 /cm/sr", Unit::per_metre_steradian), 300);
  EXPECT_DOUBLE_EQ(parse_quantity("180 deg", Unit::radian), std::numbers::pi);
  EXPECT_EQ(parse_quantity(" 12 ", Unit::none), 12);
}

TEST(Units, AttenuationHasItsOwnGrammar) {
  EXPECT_EQ(parse_attenuation("0.5 dB/cm/MHz"), (Attenuation{0.5, 1}));
  EXPECT_EQ(parse_attenuation("0.5 dB/cm/MHz^1.1"), (Attenuation{0.5, 1.1}));
  EXPECT_EQ(parse_attenuation("0"), (Attenuation{0, 1}));
  // 0.5 dB/cm/MHz at 2 MHz is 1 dB/cm = 100 dB/m; a neper is 8.686 dB.
  EXPECT_NEAR(parse_attenuation("0.5 dB/cm/MHz").nepers_per_metre(2e6), 100 / 8.685889638, 1e-8);
  for (const char* text : {"0.5", "0.5 dB", "0.5 dB/cm/MHz^", "0.5 dB/cm/MHz^x", "dB/cm/MHz", "-1 dB/cm/MHz", "1 dB/cm/MHz^9"})
    EXPECT_THROW(parse_attenuation(text), std::invalid_argument) << text;
}

std::string error_of(std::string_view text, Unit unit) {
  try {
    parse_quantity(text, unit);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(Units, ErrorsShowTheFix) {
  EXPECT_EQ(error_of("4", Unit::metre), "'4' has no unit (needs a length). Write for example '4 mm'");
  EXPECT_EQ(error_of("4 MHz", Unit::metre),
            "'4 MHz' has the unit 'MHz' (needs a length in one of mm, um, cm, m, nm). Write for example '4 mm'");
  EXPECT_EQ(error_of("fast", Unit::hertz), "'fast' is not a number (needs a frequency). Write for example '5 MHz'");
  EXPECT_EQ(error_of("64 mm", Unit::none), "'64 mm' has 'mm' after the number (counts and ratios are bare). Write '64'");
  for (const char* text : {"", " ", "-", ".", "e5", "nan mm", "inf mm", "1e999 mm", "0x10 mm", "1,5 mm", "1 2 mm"})
    EXPECT_NE(error_of(text, Unit::metre), "") << text;
}

// As other keyboards and word processors write them.
TEST(Units, SignsThatLookAlikeCount) {
  EXPECT_EQ(parse_quantity("5 \u03bcm", Unit::metre), 5e-6) << "Greek mu";
  EXPECT_EQ(parse_quantity("5 \u00b5s", Unit::second), 5e-6) << "micro sign";
  EXPECT_EQ(parse_quantity("4\u00a0mm", Unit::metre), 4e-3) << "no-break space";
  EXPECT_EQ(parse_quantity("4\u202fmm", Unit::metre), 4e-3) << "narrow no-break space";
  EXPECT_EQ(parse_quantity("\u221212 deg", Unit::radian), parse_quantity("-12 deg", Unit::radian)) << "minus sign";
  EXPECT_EQ(parse_quantity("1e\u22123", Unit::none), 1e-3);
  EXPECT_EQ(parse_attenuation("0.5\u00a0dB/cm/MHz").db_per_cm, 0.5);
  EXPECT_EQ(parse_any_quantity("\u22124\u00a0\u03bcm").value, -4e-6);
}

TEST(Units, NumbersOfProgramsAreToldApart) {
  EXPECT_EQ(error_of("0x10", Unit::none), "'0x10' is hexadecimal (numbers are decimal here). Write for example '16'");
  EXPECT_EQ(error_of("-0X1f mm", Unit::metre), "'-0X1f mm' is hexadecimal (numbers are decimal here). Write for example '-31 mm'");
  EXPECT_EQ(error_of("1_000", Unit::none), "'1_000' has '_' between its digits (they stand together here). Write for example '1000'");
  EXPECT_EQ(error_of("1_540.5 m/s", Unit::metre_per_second),
            "'1_540.5 m/s' has '_' between its digits (they stand together here). Write for example '1540.5 m/s'");
}

TEST(Units, EveryDoubleSurvivesWriting) {
  RandomStream random(1, 0, "units");
  for (int i = 0; i < 20000; ++i) {
    const double value = std::ldexp(random.uniform(-1, 1), static_cast<int>(random.integer_below(80)) - 50);
    for (Unit unit : {Unit::none, Unit::metre, Unit::second, Unit::hertz, Unit::radian, Unit::fraction, Unit::decibel})
      ASSERT_EQ(parse_quantity(format_quantity(value, unit), unit), value) << format_quantity(value, unit);
  }
}

TEST(Units, WritesFamiliarUnits) {
  EXPECT_EQ(format_quantity(0.0003, Unit::metre), "0.3 mm");
  EXPECT_EQ(format_quantity(7.6e6, Unit::hertz), "7.6 MHz");
  EXPECT_EQ(format_quantity(parse_quantity("12 deg", Unit::radian), Unit::radian), "12 deg");
  EXPECT_EQ(format_quantity(0.77, Unit::fraction), "77 %");
  EXPECT_EQ(format_quantity(1540, Unit::metre_per_second), "1540 m/s");
  EXPECT_EQ(format_quantity(0, Unit::metre), "0 mm");
}

TEST(Units, AnAttenuationIsAQuantityOfItsOwn) {
  const AnyQuantity loss = parse_any_quantity("0.7 dB/cm/MHz");
  EXPECT_EQ(loss.value, 0.7);
  EXPECT_EQ(loss.unit, Unit::attenuation);
  EXPECT_EQ(format_quantity(0.7, Unit::attenuation), "0.7 dB/cm/MHz");
}

}  // namespace
}  // namespace sonoforge
