#include "core/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

namespace sonoforge {

namespace {

// How one unit of text is turned into SI. Powers of ten are applied to the decimal text, so that "0.3 mm" is the double
// nearest to 0.0003 and not 0.3 * 0.001 with its own rounding.
struct Spelling {
  std::string_view text;
  int power_of_ten = 0;
  double factor = 1;
  double offset = 0;
};

using Spellings = std::span<const Spelling>;

constexpr std::array<Spelling, 6> lengths{
    {{"mm", -3}, {"um", -6}, {"cm", -2}, {"m", 0}, {"nm", -9}, {"µm", -6}}};
constexpr std::array<Spelling, 10> times{{{"us", -6},
                                          {"ms", -3},
                                          {"ns", -9},
                                          {"s", 0},
                                          {"ps", -12},
                                          {"µs", -6},
                                          {"h", 0, 3600},
                                          {"day", 0, 86400},
                                          {"week", 0, 604800},
                                          {"year", 0, 31557600}}};  // of 365.25 days
constexpr std::array<Spelling, 4> frequencies{{{"MHz", 6}, {"kHz", 3}, {"Hz", 0}, {"GHz", 9}}};
constexpr std::array<Spelling, 4> speeds{{{"m/s", 0}, {"mm/s", -3}, {"cm/s", -2}, {"km/s", 3}}};
constexpr std::array<Spelling, 3> angles{{{"deg", 0, std::numbers::pi / 180}, {"rad", 0}, {"mrad", -3}}};
constexpr std::array<Spelling, 2> densities{{{"kg/m^3", 0}, {"g/cm^3", 3}}};
constexpr std::array<Spelling, 4> pressures{{{"kPa", 3}, {"MPa", 6}, {"Pa", 0}, {"mPa", -3}}};
constexpr std::array<Spelling, 1> levels{{{"dB", 0}}};
constexpr std::array<Spelling, 1> fractions{{{"%", -2}}};
constexpr std::array<Spelling, 6> number_densities{
    {{"/mm^3", 9}, {"/cm^3", 6}, {"/m^3", 0}, {"1/mm^3", 9}, {"1/cm^3", 6}, {"1/m^3", 0}}};
constexpr std::array<Spelling, 2> temperatures{{{"K", 0}, {"degC", 0, 1, 273.15}}};
constexpr std::array<Spelling, 4> voltages{{{"mV", -3}, {"uV", -6}, {"V", 0}, {"nV", -9}}};
constexpr std::array<Spelling, 4> sensitivities{{{"uV/Pa", -6}, {"mV/Pa", -3}, {"V/Pa", 0}, {"nV/Pa", -9}}};
constexpr std::array<Spelling, 2> resistances{{{"ohm", 0}, {"kohm", 3}}};
constexpr std::array<Spelling, 3> gains_over_depth{{{"dB/cm", 2}, {"dB/m", 0}, {"dB/mm", 3}}};
constexpr std::array<Spelling, 4> backscatters{{{"/cm/sr", 2}, {"/m/sr", 0}, {"1/cm/sr", 2}, {"1/m/sr", 0}}};
constexpr std::array<Spelling, 8> sizes{{{"MB", 6},
                                         {"GB", 9},
                                         {"kB", 3},
                                         {"B", 0},
                                         {"TB", 12},
                                         {"KiB", 0, 1024},
                                         {"MiB", 0, 1048576},
                                         {"GiB", 0, 1073741824}}};

Spellings spellings(Unit unit) {
  switch (unit) {
    case Unit::metre: return lengths;
    case Unit::second: return times;
    case Unit::hertz: return frequencies;
    case Unit::metre_per_second: return speeds;
    case Unit::radian: return angles;
    case Unit::kilogram_per_cubic_metre: return densities;
    case Unit::pascal: return pressures;
    case Unit::decibel: return levels;
    case Unit::fraction: return fractions;
    case Unit::per_cubic_metre: return number_densities;
    case Unit::kelvin: return temperatures;
    case Unit::bytes: return sizes;
    case Unit::volt: return voltages;
    case Unit::volt_per_pascal: return sensitivities;
    case Unit::ohm: return resistances;
    case Unit::decibel_per_metre: return gains_over_depth;
    case Unit::per_metre_steradian: return backscatters;
    case Unit::none:
    case Unit::attenuation: break;
  }
  return {};
}

constexpr std::array all_units{Unit::metre,    Unit::second,  Unit::hertz,    Unit::metre_per_second,
                               Unit::radian,   Unit::kilogram_per_cubic_metre, Unit::pascal,
                               Unit::decibel,  Unit::fraction, Unit::per_cubic_metre, Unit::kelvin, Unit::bytes,
                               Unit::volt,     Unit::volt_per_pascal, Unit::ohm, Unit::decibel_per_metre,
                               Unit::per_metre_steradian};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

struct Decimal {
  std::string_view mantissa;
  int exponent = 0;
  std::string_view rest;  ///< what follows the number, trimmed
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Signs that are written by keyboards and word processors: a minus sign for '-', blanks that do not break lines for ' ',
// and the Greek mu for the micro sign.
std::string plain_signs(std::string_view text) {
  constexpr std::array<std::array<std::string_view, 2>, 6> signs{{{"\u2212", "-"},
                                                                  {"\u00a0", " "},
                                                                  {"\u202f", " "},
                                                                  {"\u2009", " "},
                                                                  {"\u2007", " "},
                                                                  {"\u03bc", "\u00b5"}}};
  std::string plain(text);
  for (const auto& [from, to] : signs)
    for (auto at = plain.find(from); at != std::string::npos; at = plain.find(from, at + to.size()))
      plain.replace(at, from.size(), to);
  return plain;
}

// Numbers as programs write them, which would be read as others: 0x10, 1_000.
void refuse_program_number(std::string_view text) {
  const std::string_view digits = text.substr(std::min(text.find_first_not_of("+-"), text.size()));
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    unsigned long long value = 0;
    const auto [end, error] = std::from_chars(digits.data() + 2, digits.data() + digits.size(), value, 16);
    if (error == std::errc() && end != digits.data() + 2)
      throw std::invalid_argument("'" + std::string(text) + "' is hexadecimal (numbers are decimal here). Write for example '" +
                                  std::string(text.substr(0, text.size() - digits.size())) + std::to_string(value) + std::string(end, digits.data() + digits.size()) + "'");
  }
  const auto underscore = digits.find('_');
  if (underscore == std::string_view::npos || underscore == 0 || underscore + 1 >= digits.size()) return;
  if (!is_digit(digits[underscore - 1]) || !is_digit(digits[underscore + 1]) || !is_digit(digits[0])) return;
  std::string together(text);
  std::erase(together, '_');
  throw std::invalid_argument("'" + std::string(text) + "' has '_' between its digits (they stand together here). Write for example '" +
                              together + "'");
}

// Splits "-1.5e3 mm" into "-1.5", 3 and "mm". False where no number stands in front.
bool split_number(std::string_view text, Decimal& out) {
  text = trimmed(text);
  std::size_t i = 0, digits = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  while (i < text.size() && is_digit(text[i])) ++i, ++digits;
  if (i < text.size() && text[i] == '.') {
    ++i;
    while (i < text.size() && is_digit(text[i])) ++i, ++digits;
  }
  if (digits == 0) return false;
  out.mantissa = text.substr(0, i);
  if (out.mantissa.front() == '+') out.mantissa.remove_prefix(1);
  out.exponent = 0;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    std::size_t j = i + 1;
    if (j < text.size() && (text[j] == '-' || text[j] == '+')) ++j;
    const std::size_t first = text[i + 1 < text.size() ? i + 1 : i] == '+' ? i + 2 : i + 1;
    while (j < text.size() && is_digit(text[j])) ++j;
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data() + first, text.data() + j, exponent);
    if (error == std::errc() && end == text.data() + j && j > first) {
      out.exponent = exponent;
      i = j;
    }
  }
  out.rest = trimmed(text.substr(i));
  return true;
}

double to_double(const Decimal& number, int power_of_ten) {
  const int exponent = std::abs(number.exponent) > 100000 ? number.exponent : number.exponent + power_of_ten;
  const std::string text = std::string(number.mantissa) + "e" + std::to_string(exponent);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range || !std::isfinite(value))
    throw std::invalid_argument("'" + std::string(number.mantissa) + "e" + std::to_string(number.exponent) +
                                "' is out of range (larger or smaller than a double can hold). Write another number");
  return value;
}

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

}  // namespace

double Attenuation::nepers_per_metre(double frequency) const {
  return db_per_cm * 100 / (20 * std::numbers::log10e) * std::pow(frequency * 1e-6, exponent);
}

double parse_quantity(std::string_view written, Unit unit) {
  const std::string plain = plain_signs(written);
  const std::string_view text = trimmed(plain);
  refuse_program_number(text);
  Decimal number;
  if (!split_number(text, number))
    throw std::invalid_argument(quoted(text) + " is not a number (needs " + std::string(unit_noun(unit)) +
                                "). Write for example " + quoted(unit_example(unit)));
  if (unit == Unit::none) {
    if (!number.rest.empty())
      throw std::invalid_argument(quoted(text) + " has '" + std::string(number.rest) +
                                  "' after the number (counts and ratios are bare). Write " +
                                  quoted(text.substr(0, text.size() - number.rest.size() - (text.size() - number.rest.size() > 0 &&
                                                     text[text.size() - number.rest.size() - 1] == ' '))));
    return to_double(number, 0);
  }
  if (unit == Unit::attenuation) return parse_attenuation(text).db_per_cm;
  for (const auto& spelling : spellings(unit))
    if (number.rest == spelling.text) return to_double(number, spelling.power_of_ten) * spelling.factor + spelling.offset;

  const std::string example = std::string(unit_example(unit));
  std::string familiar = example.substr(example.find_first_not_of("-0123456789. "));
  // A number like 30.4e6 was meant in the SI unit itself.
  if (number.rest.empty() && std::abs(to_double(number, 0)) >= 1e4)
    for (const auto& spelling : spellings(unit))
      if (spelling.power_of_ten == 0 && spelling.factor == 1 && spelling.offset == 0) familiar = spelling.text;
  const std::string fix = std::string(trimmed(text.substr(0, text.size() - number.rest.size()))) + " " + familiar;
  if (number.rest.empty())
    throw std::invalid_argument(quoted(text) + " has no unit (needs " + std::string(unit_noun(unit)) +
                                "). Write for example " + quoted(fix));
  if (number.rest.size() > 1 && number.rest[0] == ',' && is_digit(number.rest[1])) {
    std::string point(text);
    point[static_cast<std::size_t>(number.rest.data() - text.data())] = '.';
    throw std::invalid_argument(quoted(text) + " has a comma (decimals take a point). Write for example " + quoted(point));
  }
  std::string known;
  for (const auto& spelling : spellings(unit)) {
    if (spelling.text.substr(0, 2) == "µ" || spelling.text.substr(0, 2) == "1/") continue;
    known += (known.empty() ? "" : ", ") + std::string(spelling.text);
  }
  throw std::invalid_argument(quoted(text) + " has the unit " + quoted(number.rest) + " (needs " +
                              std::string(unit_noun(unit)) + " in one of " + known + "). Write for example " + quoted(fix));
}

AnyQuantity parse_any_quantity(std::string_view written) {
  const std::string text = plain_signs(written);
  refuse_program_number(trimmed(text));
  Decimal number;
  if (!split_number(text, number))
    throw std::invalid_argument(quoted(trimmed(text)) + " is not a number (needs a number, with a unit where one is due). "
                                "Write for example '4 mm'");
  if (number.rest.empty()) return {to_double(number, 0), Unit::none};
  for (Unit unit : all_units)
    for (const auto& spelling : spellings(unit))
      if (number.rest == spelling.text)
        return {to_double(number, spelling.power_of_ten) * spelling.factor + spelling.offset, unit};
  if (number.rest == unit_symbol(Unit::attenuation)) return {to_double(number, 0), Unit::attenuation};
  throw std::invalid_argument(quoted(trimmed(text)) + " has the unit " + quoted(number.rest) +
                              " (no unit of that name is known). Write for example '4 mm'");
}

Attenuation parse_attenuation(std::string_view written) {
  const std::string plain = plain_signs(written);
  const std::string_view text = trimmed(plain);
  const auto wrong = [&]() -> std::invalid_argument {
    return std::invalid_argument(quoted(text) +
                                 " is not an attenuation (needs a number, dB/cm/MHz and perhaps a power). Write for "
                                 "example '0.5 dB/cm/MHz' or '0.5 dB/cm/MHz^1.1'");
  };
  Decimal number;
  if (!split_number(text, number)) throw wrong();
  constexpr std::string_view name = "dB/cm/MHz";
  Attenuation result;
  result.db_per_cm = to_double(number, 0);
  if (number.rest.empty() && result.db_per_cm == 0) return result;
  if (number.rest.substr(0, name.size()) != name) throw wrong();
  const std::string_view power = number.rest.substr(name.size());
  if (!power.empty()) {
    Decimal exponent;
    if (power.front() != '^' || !split_number(power.substr(1), exponent) || !exponent.rest.empty()) throw wrong();
    result.exponent = to_double(exponent, 0);
  }
  if (result.db_per_cm < 0)
    throw std::invalid_argument(quoted(text) + " is negative (tissue does not amplify). Write a value of 0 or more");
  if (result.exponent < 0 || result.exponent > 3)
    throw std::invalid_argument(quoted(text) + " has the power " + format_number(result.exponent) +
                                " (tissue has 0.5 to 2). Write for example '0.5 dB/cm/MHz^1.1'");
  return result;
}

std::string format_number(double value) {
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  if (std::isnan(value)) return ".nan";
  std::array<char, 64> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string text(buffer.data(), end);
  // 0.0003 reads better than 3e-04, and is as exact.
  if (text.find('e') != std::string::npos && std::abs(value) >= 1e-4 && std::abs(value) < 1e9) {
    const auto [fixed_end, fixed_error] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
    if (fixed_error == std::errc()) text.assign(buffer.data(), fixed_end);
  }
  return text;
}

std::string format_quantity(double value, Unit unit) {
  if (unit == Unit::none || !std::isfinite(value)) return format_number(value);
  if (unit == Unit::attenuation) return format_number(value) + " " + std::string(unit_symbol(unit));
  std::string best;
  // Digits count, and a number between 0.1 and 1000 reads best.
  double best_cost = std::numeric_limits<double>::infinity();
  for (const auto& spelling : spellings(unit)) {
    if (spelling.text.substr(0, 2) == "µ" || spelling.text.substr(0, 2) == "1/") continue;
    const double scaled = (value - spelling.offset) / spelling.factor * std::pow(10.0, -spelling.power_of_ten);
    // Dividing may miss the nearest number by one or two places; its neighbours are as good.
    for (const double candidate : {scaled, std::nextafter(scaled, -1e300), std::nextafter(scaled, 1e300),
                                   std::round(scaled * 1e12) / 1e12, std::round(scaled * 1e9) / 1e9}) {
      if (!std::isfinite(candidate) || (candidate != 0 && std::abs(candidate) < 1e-300)) continue;
      const std::string text = format_number(candidate) + " " + std::string(spelling.text);
      if (parse_quantity(text, unit) != value) continue;
      const double magnitude = std::abs(candidate);
      const bool handy = magnitude == 0 || (magnitude >= 0.1 && magnitude < 10000);
      const double cost = static_cast<double>(text.size() - spelling.text.size()) + (handy ? 0 : 8);
      if (cost < best_cost) best = text, best_cost = cost;
    }
  }
  if (!best.empty()) return best;
  // The SI unit always reads back: no scaling stands between.
  for (const auto& spelling : spellings(unit))
    if (spelling.power_of_ten == 0 && spelling.factor == 1 && spelling.offset == 0)
      return format_number(value) + " " + std::string(spelling.text);
  // Percentages have no SI spelling; search the few decimals around.
  double candidate = value * 100;
  for (int i = 0; i < 8; ++i) candidate = std::nextafter(candidate, -1e300);
  for (int i = 0; i < 16; ++i, candidate = std::nextafter(candidate, 1e300))
    if (const std::string text = format_number(candidate) + " %"; parse_quantity(text, unit) == value) return text;
  std::array<char, 64> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  Decimal decimal;
  split_number(std::string_view(buffer.data(), end), decimal);
  return std::string(decimal.mantissa) + "e" + std::to_string(decimal.exponent + 2) + " %";
}

std::string format_attenuation(const Attenuation& value) {
  std::string text = format_number(value.db_per_cm) + " dB/cm/MHz";
  if (value.exponent != 1) text += "^" + format_number(value.exponent);
  return text;
}

std::string_view unit_noun(Unit unit) {
  switch (unit) {
    case Unit::none: return "a bare number";
    case Unit::metre: return "a length";
    case Unit::second: return "a time";
    case Unit::hertz: return "a frequency";
    case Unit::metre_per_second: return "a speed";
    case Unit::radian: return "an angle";
    case Unit::kilogram_per_cubic_metre: return "a density";
    case Unit::pascal: return "a pressure";
    case Unit::decibel: return "a level";
    case Unit::fraction: return "a percentage";
    case Unit::per_cubic_metre: return "a number density";
    case Unit::attenuation: return "an attenuation";
    case Unit::kelvin: return "a temperature";
    case Unit::bytes: return "a size";
    case Unit::volt: return "a voltage";
    case Unit::volt_per_pascal: return "a sensitivity";
    case Unit::ohm: return "a resistance";
    case Unit::decibel_per_metre: return "a gain over depth";
    case Unit::per_metre_steradian: return "a backscatter coefficient";
  }
  return "a number";
}

std::string_view unit_example(Unit unit) {
  switch (unit) {
    case Unit::none: return "4";
    case Unit::metre: return "4 mm";
    case Unit::second: return "4 us";
    case Unit::hertz: return "5 MHz";
    case Unit::metre_per_second: return "1540 m/s";
    case Unit::radian: return "12 deg";
    case Unit::kilogram_per_cubic_metre: return "1000 kg/m^3";
    case Unit::pascal: return "100 kPa";
    case Unit::decibel: return "40 dB";
    case Unit::fraction: return "77 %";
    case Unit::per_cubic_metre: return "20 /mm^3";
    case Unit::attenuation: return "0.5 dB/cm/MHz";
    case Unit::kelvin: return "310 K";
    case Unit::bytes: return "100 MB";
    case Unit::volt: return "1 V";
    case Unit::volt_per_pascal: return "10 uV/Pa";
    case Unit::ohm: return "50 ohm";
    case Unit::decibel_per_metre: return "1 dB/cm";
    case Unit::per_metre_steradian: return "0.1 /m/sr";
  }
  return "4";
}

std::string_view unit_symbol(Unit unit) {
  switch (unit) {
    case Unit::none: return "";
    case Unit::metre: return "m";
    case Unit::second: return "s";
    case Unit::hertz: return "Hz";
    case Unit::metre_per_second: return "m/s";
    case Unit::radian: return "rad";
    case Unit::kilogram_per_cubic_metre: return "kg/m^3";
    case Unit::pascal: return "Pa";
    case Unit::decibel: return "dB";
    case Unit::fraction: return "1";
    case Unit::per_cubic_metre: return "1/m^3";
    case Unit::attenuation: return "dB/cm/MHz";
    case Unit::kelvin: return "K";
    case Unit::bytes: return "B";
    case Unit::volt: return "V";
    case Unit::volt_per_pascal: return "V/Pa";
    case Unit::ohm: return "ohm";
    case Unit::decibel_per_metre: return "dB/m";
    case Unit::per_metre_steradian: return "1/m/sr";
  }
  return "";
}

}  // namespace sonoforge
