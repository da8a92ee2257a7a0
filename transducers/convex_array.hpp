#pragma once
#include <optional>

#include "transducers/common_probe.hpp"

namespace sonoforge {

/// Rectangular elements on an arc that bulges into the body. The apex of the arc is the origin, its centre lies at z =
/// -radius; the pitch is the chord between neighbouring centres, so neighbours are 2 asin(pitch / (2 radius)) apart as
/// seen from the arc's centre. Normals point along the radius. Element 0 at the smallest x.
struct ConvexArray : CommonProbeConfig {
  std::int64_t elements = 0;
  double pitch = 0;                                                  ///< chord between neighbouring centres [m]
  double radius = 0;                                                 ///< of the arc through the centres [m]
  std::optional<double> width;                                       ///< default: the pitch [m]
  double height = 13e-3;                                             ///< along y [m]
  double elevation_focus = std::numeric_limits<double>::infinity();  ///< of the lens [m]

  ConvexArray() : CommonProbeConfig("convex array") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Probe build() const override;
};

}  // namespace sonoforge
