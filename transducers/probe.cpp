#include "transducers/probe.hpp"

#include <cmath>

#include "transducers/common_probe.hpp"

namespace sonoforge {

double Probe::two_way_response(double f) const {
  if (bandwidth <= 0) return 1;
  // [garcia2022]: a generalised normal window in frequency, -6 dB at +-bandwidth/2 and small (1/126) at 0 Hz:
  // exp(-ln2 (2|w-wc|/wb)^p) with p = ln126 / ln(2 wc/wb).
  const double exponent = std::log(126.0) / std::log(2 / bandwidth);
  const double distance = 2 * std::abs(std::abs(f) / frequency - 1) / bandwidth;
  return std::exp(-std::numbers::ln2 * std::pow(distance, exponent));
}

double Probe::one_way_response(double f) const {
  return std::sqrt(two_way_response(f));
}

void CommonProbeConfig::name_and_frequency_fields(FieldVisitor& visit) {
  visit(name, {.key = "name", .doc = "Name of the probe as it is written to files."});
  visit(frequency, {.key = "frequency",
                    .doc = "Centre frequency of the elements.",
                    .unit = Unit::hertz,
                    .min = 1e3,
                    .max = 1e9,
                    .required = frequency == 0});
}

void CommonProbeConfig::elevation_fields(FieldVisitor& visit, double& height, double& focus,
                                         std::string_view focus_doc) {
  visit(height, {.key = "height", .doc = "Height of an element along y.", .unit = Unit::metre, .min = 1e-7, .max = 1});
  visit(focus, {.key = "elevation_focus",
                .doc = focus_doc,
                .unit = Unit::metre,
                .min = 1e-6,
                .words = {{"none", std::numeric_limits<double>::infinity()}}});
}

void CommonProbeConfig::baffle_and_response_fields(FieldVisitor& visit) {
  visit(baffle,
        {.key = "baffle",
         .doc = "What surrounds the elements: soft, rigid, or the ratio of the medium's impedance to the baffle's "
                "as it enters the obliquity cos/(cos + ratio).",
         .min = 0,
         .words = {{"soft", std::numeric_limits<double>::infinity()}, {"rigid", 0}}});
  visit.typed(response, response_catalog(),
              {.key = "response", .doc = "Frequency response: {bandwidth: 77 %} (two-way, -6 dB) or none."});
}

Probe CommonProbeConfig::common_probe(Probe::Kind kind) const {
  Probe probe;
  probe.name = name;
  probe.kind = kind;
  probe.frequency = frequency;
  probe.bandwidth = response->relative_bandwidth();
  probe.baffle = baffle;
  return probe;
}

void check_width_fits_pitch(double width, double pitch, const char* width_key, const char* pitch_key) {
  // A hair of slack, since 'width: 0.3 mm' and 'pitch: 300 um' may differ in the last bit.
  if (width > pitch * (1 + 1e-9))
    throw ConfigError(width_key, std::string(width_key) + " = " + format_quantity(width, Unit::metre) +
                                     " is larger than " + pitch_key + " = " + format_quantity(pitch, Unit::metre) +
                                     " (elements would overlap). Make it at most as large as the " + pitch_key);
}

void check_positive(double value, const char* key) {
  if (!(value > 0) || !std::isfinite(value))
    throw ConfigError(key, std::string(key) + " = " + format_number(value) + " (must be positive and finite). " +
                               "Give '" + key + "' a positive value");
}

void check_element_count(std::int64_t count, const char* key) {
  if (count < 1)
    throw ConfigError(
        key, std::to_string(count) + " elements (a probe needs at least one). Write for example '" + key + ": 128'");
  if (count > max_elements)
    throw ConfigError(key, std::to_string(count) + " elements (at most " + std::to_string(max_elements) +
                               " are supported). Use fewer elements");
}

}  // namespace sonoforge
