#include "transducers/common_sequence.hpp"

#include <algorithm>

namespace sonoforge {

void FramesConfig::fields(FieldVisitor& visit) {
  visit(count, {.key = "count", .doc = "Number of frames.", .min = 1, .max = 1e6});
  visit(rate, {.key = "rate",
               .doc = "Frames per second; 0 Hz where it does not matter, since nothing moves.",
               .unit = Unit::hertz,
               .min = 0,
               .max = 1e6});
}

void angle_fields(FieldVisitor& visit, std::vector<double>& angles, std::vector<double>& azimuths,
                  std::string_view angles_doc, std::string_view azimuths_doc, bool required) {
  visit(angles, {.key = "angles",
                 .doc = angles_doc,
                 .unit = Unit::radian,
                 .min = -89_deg,
                 .max = 89_deg,
                 .required = required,
                 .max_items = 100'000});
  visit(azimuths, {.key = "azimuths",
                   .doc = azimuths_doc,
                   .unit = Unit::radian,
                   .min = -89_deg,
                   .max = 89_deg,
                   .max_items = 100'000});
}

double azimuth_of(const std::vector<double>& azimuths, std::size_t i) {
  return azimuths.empty() ? 0 : azimuths[azimuths.size() == 1 ? 0 : i];
}

void check_angle_pairs(const std::vector<double>& angles, const std::vector<double>& azimuths) {
  if (angles.empty())
    throw ConfigError("angles",
                      "no angle (a sequence needs at least one transmit). Write for example 'angles: [0 deg]'");
  if (azimuths.size() > 1 && azimuths.size() != angles.size())
    throw ConfigError("azimuths", std::to_string(azimuths.size()) + " azimuths for " + std::to_string(angles.size()) +
                                      " angles (they go in pairs). Give one azimuth for all angles, or one for each");
}

void check_steering(const Probe& probe, double angle, double azimuth) {
  if (azimuth == 0) return;
  if (std::all_of(probe.elements.begin(), probe.elements.end(),
                  [&](const Element& e) { return e.position.y == probe.elements[0].position.y; }))
    throw ConfigError("azimuths", "azimuth = " + format_quantity(azimuth, Unit::radian) +
                                      " (this probe has no elements along y, so it cannot steer there). Leave the "
                                      "azimuths out, or use a matrix_array or row_column_array");
  if (angle != 0 && probe.kind == Probe::Kind::row_column)
    throw ConfigError("azimuths",
                      "angle and azimuth both differ from zero (a row-column probe steers in x with its columns or in "
                      "y with its rows, not in both at once). Set one of each pair to 0 deg");
}

void CommonSequenceConfig::frames_field(FieldVisitor& visit) {
  visit.object(frames, {.key = "frames", .doc = "How often the transmits repeat."});
}

void CommonSequenceConfig::check_size(const Probe& probe, std::size_t laws, const char* key) const {
  if (laws > max_delays / std::max<std::size_t>(probe.size(), 1))
    throw ConfigError(key, std::to_string(laws) + " transmits of " + std::to_string(probe.size()) +
                               " elements (at most " + std::to_string(max_delays) +
                               " delays are supported). Use fewer transmits");
}

Sequence CommonSequenceConfig::sequence_of(std::vector<Transmit> transmits) const {
  Sequence sequence;
  sequence.transmits = std::move(transmits);
  sequence.frames = static_cast<std::size_t>(frames.count);
  sequence.frame_rate = frames.rate;
  return sequence;
}

}  // namespace sonoforge
