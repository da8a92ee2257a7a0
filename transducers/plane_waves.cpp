#include "transducers/plane_waves.hpp"

#include "transducers/transmit_laws.hpp"

namespace sonoforge {

void PlaneWaves::fields(FieldVisitor& visit) {
  angle_fields(visit, angles, azimuths, "Steering angles in the x-z plane, positive towards +x.",
               "Steering angles in the y-z plane, for probes that extend along y: one for all angles or one each.",
               angles.empty());
  frames_field(visit);
}

void PlaneWaves::check() const {
  check_angle_pairs(angles, azimuths);
}

Sequence PlaneWaves::build(const Probe& probe, double sound_speed) const {
  check();
  check_size(probe, angles.size(), "angles");
  std::vector<Transmit> transmits;
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const double azimuth = azimuth_of(azimuths, i);
    check_steering(probe, angles[i], azimuth);
    transmits.push_back(
        plane_transmit(probe, steerable_elements(probe, azimuth != 0), angles[i], azimuth, sound_speed));
  }
  return sequence_of(std::move(transmits));
}

}  // namespace sonoforge
