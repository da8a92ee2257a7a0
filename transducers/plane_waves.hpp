#pragma once
#include "transducers/common_sequence.hpp"

namespace sonoforge {

/// One plane wave an angle, from all elements. On a row-column probe the columns fire, or the rows where only the
/// azimuth differs from zero.
struct PlaneWaves : CommonSequenceConfig {
  std::vector<double> angles;    ///< in x-z, positive towards +x [rad]
  std::vector<double> azimuths;  ///< in y-z, positive towards +y: none, one for all, or one an angle [rad]

  void fields(FieldVisitor& visit) override;
  void check() const override;
  Sequence build(const Probe& probe, double sound_speed) const override;
};

}  // namespace sonoforge
