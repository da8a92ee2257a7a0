#pragma once
#include <optional>

#include "phantoms/phantoms.hpp"
#include "phantoms/vessel.hpp"

namespace sonoforge {

/// Blood that flows through a straight or bent vessel in tissue at rest.
struct FlowPhantom : PhantomConfig {
  Typed<Tissue> background, blood;
  Vec3 centre{0, 0, 25e-3};
  double angle = 0.5235987755982988;  ///< of the axis at its middle, from +x towards +z [rad]
  double length = 30e-3, radius = 4e-3;
  double bend_radius = std::numeric_limits<double>::infinity();
  double mean_velocity = 0.3;     ///< over section and period [m/s]
  std::vector<double> pulsation;  ///< amplitudes of the harmonics of the section's mean [m/s]
  std::vector<double> phases;     ///< of these [rad]
  double rate = 1.2;              ///< of the heart [Hz]
  double womersley = 5;           ///< number of the first harmonic
  ExtentConfig extent;
  std::optional<double> scatterer_density;

  FlowPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
