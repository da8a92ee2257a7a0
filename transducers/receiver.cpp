#include "transducers/receiver.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {

void NoiseConfig::fields(FieldVisitor& visit) {
  visit(snr,
        {.key = "snr",
         .doc = "Power of the noise-free echoes, over the whole record, above that of the white noise added; or none.",
         .unit = Unit::decibel,
         .min = -200,
         .max = 400,
         .words = {{"none", std::numeric_limits<double>::infinity()}}});
  visit(figure,
        {.key = "figure",
         .doc = "Noise figure of the receiver, instead of snr: thermal noise at its input; needs a sensitivity.",
         .unit = Unit::decibel,
         .min = 0,
         .max = 100});
  visit(temperature,
        {.key = "temperature", .doc = "Of the source of thermal noise.", .unit = Unit::kelvin, .min = 1, .max = 1000});
  visit(resistance, {.key = "resistance",
                     .doc = "Of that source; the receiver is matched to it.",
                     .unit = Unit::ohm,
                     .min = 1e-3,
                     .max = 1e9});
}

void NoiseConfig::check() const {
  if (figure && std::isfinite(snr))
    throw ConfigError("figure", "both snr and figure are given (each states the noise by itself). Keep one of them");
}

double NoiseConfig::thermal_voltage(double bandwidth) const {
  if (!figure) return 0;
  constexpr double boltzmann = 1.380649e-23;  // [J/K], exact since 2019
  return std::sqrt(std::pow(10.0, *figure / 10) * boltzmann * temperature * bandwidth * resistance);
}

void ElementSpreadConfig::fields(FieldVisitor& visit) {
  visit(gain_spread, {.key = "gain_spread",
                      .doc = "Standard deviation of the elements' gains.",
                      .unit = Unit::decibel,
                      .min = 0,
                      .max = 60});
  visit(phase_spread,
        {.key = "phase_spread",
         .doc = "Standard deviation of the elements' phases at the pulse's frequency, each held as a delay.",
         .unit = Unit::radian,
         .min = 0,
         .max = 62.8});
  visit(dead, {.key = "dead", .doc = "Numbers of elements that receive nothing, from 0.", .min = 0, .max = 1e6});
  visit(dead_count, {.key = "dead_count", .doc = "Further dead elements, drawn from the seed.", .min = 0, .max = 1e6});
}

void ElementSpreadConfig::check() const {
  for (double number : dead)
    if (number != std::floor(number))
      throw ConfigError("dead",
                        "dead = " + format_number(number) + " (elements are counted). Write for example '[3, 17]'");
}

void CrossTalkConfig::fields(FieldVisitor& visit) {
  visit(level, {.key = "level",
                .doc = "Of the nearest neighbours' signals relative to an element's own.",
                .unit = Unit::decibel,
                .min = -200,
                .max = 0});
}

void AntiAliasConfig::fields(FieldVisitor& visit) {
  visit(cutoff, {.key = "cutoff",
                 .doc = "Frequency at which the filter has lost 3 dB.",
                 .unit = Unit::hertz,
                 .min = 1e3,
                 .max = 1e11,
                 .required = cutoff == 0});
  visit(order, {.key = "order", .doc = "Poles of the Butterworth filter.", .min = 1, .max = 12});
}

void TgcConfig::fields(FieldVisitor& visit) {
  visit(slope, {.key = "slope", .doc = "Gain over depth.", .unit = Unit::decibel_per_metre, .min = 0, .max = 1e5});
  visit(depths, {.key = "depths",
                 .doc = "Instead of a slope: depths of a table of gains; an empty list for none.",
                 .unit = Unit::metre,
                 .min = 0,
                 .max = 10,
                 .max_items = 10'000});
  visit(gains, {.key = "gains",
                .doc = "Gains at those depths, linear between them and constant beyond.",
                .unit = Unit::decibel,
                .min = -200,
                .max = 200,
                .max_items = 10'000});
  visit(maximum,
        {.key = "maximum", .doc = "Largest gain of the amplifier.", .unit = Unit::decibel, .min = -200, .max = 200});
}

void TgcConfig::check() const {
  if (depths.size() != gains.size())
    throw ConfigError("gains", std::to_string(gains.size()) + " gains for " + std::to_string(depths.size()) +
                                   " depths (they go in pairs). Give as many of each");
  if (!depths.empty() && slope != 0)
    throw ConfigError("slope", "both a slope and a table are given (each states the gain by itself). Keep one of them");
  for (std::size_t i = 1; i < depths.size(); ++i)
    if (!(depths[i] > depths[i - 1]))
      throw ConfigError("depths", "the depths do not increase (the gain between them would be undefined). Sort them");
}

double TgcConfig::gain_db(double depth) const {
  if (depths.empty()) return std::min(slope * std::max(depth, 0.0), maximum);
  const auto after = std::upper_bound(depths.begin(), depths.end(), depth);
  if (after == depths.begin()) return std::min(gains.front(), maximum);
  if (after == depths.end()) return std::min(gains.back(), maximum);
  const auto i = static_cast<std::size_t>(after - depths.begin());
  const double part = (depth - depths[i - 1]) / (depths[i] - depths[i - 1]);
  return std::min(gains[i - 1] + part * (gains[i] - gains[i - 1]), maximum);
}

void AdcConfig::fields(FieldVisitor& visit) {
  visit(bits, {.key = "bits", .doc = "The converter has 2 to this power levels.", .min = 1, .max = 24});
  visit(full_scale,
        {.key = "full_scale",
         .doc = "Largest voltage of the converter; by default the largest sample sets it. Needs a sensitivity.",
         .unit = Unit::volt,
         .min = 1e-12,
         .max = 1e6});
  visit(headroom,
        {.key = "headroom",
         .doc = "Without full_scale: how far that lies above the largest sample; below 0 dB the largest clip.",
         .unit = Unit::decibel,
         .min = -200,
         .max = 200});
}

void AdcConfig::check() const {
  if (full_scale && headroom != 0)
    throw ConfigError("headroom", "both full_scale and headroom are given (each states the range). Keep one of them");
}

}  // namespace sonoforge
