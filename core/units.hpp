#pragma once
#include <numbers>
#include <string>
#include <string_view>

namespace sonoforge {

/// What a config value measures. Values are held in the SI unit named here; only decibels stay logarithmic.
enum class Unit {
  none,                ///< a bare number: counts and ratios
  metre,               ///< [m]
  second,              ///< [s]
  hertz,               ///< [Hz]
  metre_per_second,    ///< [m/s]
  radian,              ///< [rad]; users write deg or rad
  kilogram_per_cubic_metre,
  pascal,              ///< [Pa]
  decibel,             ///< [dB]
  fraction,            ///< users write 77 %, held as 0.77
  per_cubic_metre,     ///< number density; users write 20 /mm^3
  attenuation,         ///< 0.5 dB/cm/MHz or 0.5 dB/cm/MHz^1.1, see `Attenuation`
  kelvin,              ///< absolute; users write K or degC
  bytes,
  volt,                ///< [V]
  volt_per_pascal,     ///< sensitivity of a receiver [V/Pa]
  ohm,                 ///< [ohm]
  decibel_per_metre,   ///< gain over depth; users write dB/cm, held as dB/m
  per_metre_steradian, ///< backscatter coefficient [1/(m sr)]
};

/// Power-law attenuation a(f) = coefficient * (f / 1 MHz)^exponent.
struct Attenuation {
  double db_per_cm = 0;  ///< at 1 MHz [dB/cm]
  double exponent = 1;   ///< the power y

  /// Amplitude attenuation [Np/m] at frequency [Hz].
  double nepers_per_metre(double frequency) const;
  friend bool operator==(const Attenuation&, const Attenuation&) = default;
};

/// Reads "5 MHz" as 5e6. Throws std::invalid_argument: "'4' has no unit (needs a length). Write for example '4 mm'".
double parse_quantity(std::string_view text, Unit unit);
Attenuation parse_attenuation(std::string_view text);

/// A number whose unit tells what it measures, for texts read without knowing what they are for.
struct AnyQuantity {
  double value = 0;  ///< in SI
  Unit unit = Unit::none;
};
AnyQuantity parse_any_quantity(std::string_view text);

/// The shortest text that `parse_quantity` reads back to exactly the same double; a familiar unit where one does that.
std::string format_quantity(double value, Unit unit);
std::string format_attenuation(const Attenuation& value);
/// The shortest decimal text that reads back to exactly the same double.
std::string format_number(double value);

/// "a length", "a frequency": for error texts. And "4 mm", "5 MHz": for suggestions. And "m", "Hz": the SI name.
std::string_view unit_noun(Unit unit);
std::string_view unit_example(Unit unit);
std::string_view unit_symbol(Unit unit);

inline namespace literals {
constexpr double operator""_mm(long double v) { return static_cast<double>(v) * 1e-3; }
constexpr double operator""_mm(unsigned long long v) { return static_cast<double>(v) * 1e-3; }
constexpr double operator""_um(long double v) { return static_cast<double>(v) * 1e-6; }
constexpr double operator""_um(unsigned long long v) { return static_cast<double>(v) * 1e-6; }
constexpr double operator""_us(long double v) { return static_cast<double>(v) * 1e-6; }
constexpr double operator""_us(unsigned long long v) { return static_cast<double>(v) * 1e-6; }
constexpr double operator""_MHz(long double v) { return static_cast<double>(v) * 1e6; }
constexpr double operator""_MHz(unsigned long long v) { return static_cast<double>(v) * 1e6; }
constexpr double operator""_deg(long double v) { return static_cast<double>(v) * std::numbers::pi / 180; }
constexpr double operator""_deg(unsigned long long v) { return static_cast<double>(v) * std::numbers::pi / 180; }
}  // namespace literals

}  // namespace sonoforge
