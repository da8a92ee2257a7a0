#pragma once
#include <vector>

#include "transducers/common_sequence.hpp"

namespace sonoforge {

/// Waves from virtual sources behind the face. `width` is the opening angle of MUST's txdelay: the rays from the source
/// through the centres of the first and the last element are tilted by angle - width/2 and angle + width/2. On a matrix
/// array the wave is spherical and its source stands where the opening angle holds in x-z; on a row-column probe the
/// columns fire, or the rows where only the azimuth differs from zero.
struct DivergingWaves : CommonSequenceConfig {
  std::vector<double> angles{0.0};  ///< in x-z, positive towards +x [rad]
  std::vector<double> azimuths;     ///< in y-z: none, one for all, or one an angle [rad]
  double width = 0;                 ///< opening angle [rad]

  void fields(FieldVisitor& visit) override;
  void check() const override;
  Sequence build(const Probe& probe, double sound_speed) const override;
};

}  // namespace sonoforge
