#pragma once
#include <optional>

#include "transducers/common_probe.hpp"

namespace sonoforge {

/// Elements around a circle in the plane y = 0, all facing its centre. The origin of the world is the face of element
/// 0, which looks along +z; the centre of the ring stands at z = radius, and the elements follow one another towards
/// +x. So depth counts from the top of the ring, as with any other probe, and the far side stands at z = 2 radius.
struct RingArray : CommonProbeConfig {
  std::int64_t elements = 0;
  double radius = 0;            ///< of the circle through the centres of the faces [m]
  std::optional<double> width;  ///< along the circle; default: the chord between neighbouring centres [m]
  double height = 5_mm;         ///< along y [m]
  double elevation_focus = std::numeric_limits<double>::infinity();  ///< of the lens [m]

  RingArray() : CommonProbeConfig("ring array") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Probe build() const override;

 private:
  /// The chord between neighbouring centres [m].
  double pitch() const;
};

}  // namespace sonoforge
