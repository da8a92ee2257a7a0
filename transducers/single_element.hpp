#pragma once
#include "transducers/common_probe.hpp"

namespace sonoforge {

/// One flat round element at the origin, facing +z.
struct Disc : CommonProbeConfig {
  double diameter = 0;  ///< [m]

  Disc() : CommonProbeConfig("disc") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Probe build() const override;
};

/// One spherical cap, hollow towards +z: its apex is the origin, its centre of curvature stands at z = radius.
struct Bowl : CommonProbeConfig {
  double diameter = 0;  ///< of its rim [m]
  double radius = 0;    ///< of curvature [m]

  Bowl() : CommonProbeConfig("bowl") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Probe build() const override;
};

}  // namespace sonoforge
