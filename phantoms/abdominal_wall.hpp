#pragma once
#include "phantoms/phantoms.hpp"

namespace sonoforge {

/// Skin, subcutaneous fat, muscle and a layer of fat before the peritoneum over any other phantom, which moves deeper
/// by their thickness and is otherwise the same: places, echoes, motion and measurements. The boundaries between the
/// layers undulate; the last is flat. Sound speeds and losses of the layers aberrate and weaken what lies below under
/// `propagation: straight | eikonal | shadow`.
struct AbdominalWallPhantom : PhantomConfig {
  double skin = 2e-3, fat = 15e-3, muscle = 10e-3, deep_fat = 2e-3;  ///< mean thickness [m]
  double roughness = 0.5e-3;                                         ///< rms of each inner boundary [m]
  std::int64_t septa = 8;                                            ///< strands of connective tissue in the fat
  double texture = 1;                                                ///< rms [dB]
  Typed<PhantomConfig> over;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  Phantom build(const RandomStream& random) const override;
  double thickness() const { return skin + fat + muscle + deep_fat; }
};

}  // namespace sonoforge
