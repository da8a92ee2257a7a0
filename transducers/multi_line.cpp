#include "transducers/multi_line.hpp"

#include <cmath>

#include "transducers/transmit_laws.hpp"

namespace sonoforge {

void MultiLine::fields(FieldVisitor& visit) {
  visit(
      foci,
      {.key = "foci", .doc = "Focal points of all beams; or give angles.", .unit = Unit::metre, .max_items = 100'000});
  visit(focus, {.key = "focus",
                .doc = "With angles: distance of the foci from the centre of the face.",
                .unit = Unit::metre,
                .min = 0,
                .max = 10});
  angle_fields(visit, angles, azimuths,
               "Directions of all beams from the centre of the face, in the x-z plane; or give foci.",
               "Directions in the y-z plane, for probes that extend along y: one for all angles or one each.");
  visit(beams, {.key = "beams", .doc = "How many beams are sent at once; by default all.", .min = 1, .max = 1000});
  aperture.fields(visit);
  frames_field(visit);
}

void MultiLine::check() const {
  if (foci.empty() == angles.empty())
    throw ConfigError(
        "foci", std::string(foci.empty() ? "neither foci nor angles are given" : "both foci and angles are given") +
                    " (the beams are points, or directions with one focal distance). Give one of the two");
  if (!angles.empty()) {
    if (!(focus > 0))
      throw ConfigError("focus",
                        "the focus is missing (angles need a focal distance). Write for example 'focus: 70 mm'");
    check_angle_pairs(angles, azimuths);
  } else if (!azimuths.empty()) {
    throw ConfigError("azimuths", "azimuths go with angles (foci are points in space). Leave the azimuths out");
  }
  for (const Vec3& point : foci)
    if (!is_finite(point) || !(norm(point) > 1e-6) || !(point.z > 0))
      throw ConfigError("foci", "a focus does not lie in front of the probe (its z must be positive). Move it deeper");
  const std::size_t all = foci.empty() ? angles.size() : foci.size();
  if (beams && (*beams < 1 || all % static_cast<std::size_t>(*beams) != 0))
    throw ConfigError("beams", std::to_string(all) + " beams cannot be sent " + std::to_string(*beams) +
                                   " at once (every transmit sends the same number). Choose a divisor of " +
                                   std::to_string(all));
}

Sequence MultiLine::build(const Probe& probe, double sound_speed) const {
  check();
  const std::size_t all = foci.empty() ? angles.size() : foci.size();
  check_size(probe, all, foci.empty() ? "angles" : "foci");
  const std::size_t at_once = beams ? static_cast<std::size_t>(*beams) : all, count = all / at_once;
  std::vector<Transmit> transmits(count);
  for (std::size_t t = 0; t < count; ++t) {
    Transmit& transmit = transmits[t];
    transmit.wave = Transmit::Wave::custom;
    for (std::size_t i = t; i < all; i += count) {
      Vec3 point;
      if (foci.empty()) {
        const double azimuth = azimuth_of(azimuths, i);
        check_steering(probe, angles[i], azimuth);
        point = focus * steering_direction(angles[i], azimuth);
      } else {
        point = foci[i];
      }
      const bool along_y = probe.kind == Probe::Kind::row_column && point.x == 0 && point.y != 0;
      auto weights = aperture.weights(probe, steerable_elements(probe, along_y), {}, norm(point));
      transmit.laws.push_back(
          std::move(focused_transmit(probe, std::move(weights), point, {}, sound_speed).laws.front()));
    }
  }
  return sequence_of(std::move(transmits));
}

}  // namespace sonoforge
