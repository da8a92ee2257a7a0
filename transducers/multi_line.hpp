#pragma once
#include <optional>
#include <vector>

#include "transducers/common_sequence.hpp"
#include "transducers/transmit_aperture.hpp"

namespace sonoforge {

/// Multi-line transmit: several focused beams at once. All beams are listed as directions with a common focal distance,
/// or as points; T = number / beams transmits are made of them, and transmit t sends the beams t, t + T, t + 2 T, ...,
/// so that beams sent together are far apart [tong2014]. The laws are superposed at full strength, and each starts at
/// 0.
struct MultiLine : CommonSequenceConfig {
  std::vector<Vec3> foci;             ///< [m]
  double focus = 0;                   ///< of angles: distance from the centre of the face [m]
  std::vector<double> angles;         ///< in x-z, positive towards +x [rad]
  std::vector<double> azimuths;       ///< in y-z: none, one for all, or one an angle [rad]
  std::optional<std::int64_t> beams;  ///< at once; default: all
  TransmitAperture aperture;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  Sequence build(const Probe& probe, double sound_speed) const override;
};

}  // namespace sonoforge
