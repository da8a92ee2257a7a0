#include "transducers/plane_waves.hpp"

#include <algorithm>

#include "transducers/transmit_laws.hpp"

namespace sonoforge {

void PlaneWaves::fields(FieldVisitor& visit) {
  visit(angles, {.key = "angles",
                 .doc = "Steering angles in the x-z plane, positive towards +x.",
                 .unit = Unit::radian,
                 .min = -89_deg,
                 .max = 89_deg,
                 .required = angles.empty(),
                 .max_items = 100'000});
  visit(azimuths,
        {.key = "azimuths",
         .doc = "Steering angles in the y-z plane, for probes that extend along y: one for all angles or one each.",
         .unit = Unit::radian,
         .min = -89_deg,
         .max = 89_deg,
         .max_items = 100'000});
  frames_field(visit);
}

void PlaneWaves::check() const {
  if (angles.empty())
    throw ConfigError("angles",
                      "no angle (a sequence needs at least one transmit). Write for example 'angles: [0 deg]'");
  if (azimuths.size() > 1 && azimuths.size() != angles.size())
    throw ConfigError("azimuths", std::to_string(azimuths.size()) + " azimuths for " + std::to_string(angles.size()) +
                                      " angles (they go in pairs). Give one azimuth for all angles, or one for each");
}

Sequence PlaneWaves::build(const Probe& probe, double sound_speed) const {
  check();
  check_size(probe, angles.size(), "angles");
  const bool flat_in_y = std::all_of(probe.elements.begin(), probe.elements.end(),
                                     [&](const Element& e) { return e.position.y == probe.elements[0].position.y; });
  std::vector<Transmit> transmits;
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const double azimuth = azimuths.empty() ? 0 : azimuths[azimuths.size() == 1 ? 0 : i];
    if (azimuth != 0 && flat_in_y)
      throw ConfigError("azimuths",
                        "azimuth = " + format_quantity(azimuth, Unit::radian) +
                            " (this probe has no elements along y, so it cannot steer there). Leave the azimuths "
                            "out, or use a matrix_array or row_column_array");
    if (azimuth != 0 && angles[i] != 0 && probe.kind == Probe::Kind::row_column)
      throw ConfigError("azimuths",
                        "angle and azimuth both differ from zero (a row-column probe steers in x with its "
                        "columns or in y with its rows, not in both at once). Set one of each pair to 0 deg");
    transmits.push_back(
        plane_transmit(probe, steerable_elements(probe, azimuth != 0), angles[i], azimuth, sound_speed));
  }
  return sequence_of(std::move(transmits));
}

}  // namespace sonoforge
