#pragma once
#include <optional>

#include "transducers/common_probe.hpp"

namespace sonoforge {

/// Rectangular elements side by side along x, their centres at z = 0 and symmetric about x = 0; element 0 at the
/// smallest x. Its kind is `phased` where the pitch is at most 0.6 wavelengths (at 1540 m/s), fine enough to steer to
/// any angle.
struct LinearArray : CommonProbeConfig {
  std::int64_t elements = 0;
  double pitch = 0;                                                  ///< between neighbouring centres [m]
  std::optional<double> width;                                       ///< default: the pitch [m]
  double height = 5_mm;                                              ///< along y [m]
  double elevation_focus = std::numeric_limits<double>::infinity();  ///< of the lens [m]

  LinearArray() : CommonProbeConfig("linear array") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Probe build() const override;
};

}  // namespace sonoforge
