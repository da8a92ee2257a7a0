#pragma once
#include <filesystem>

#include "transducers/common_probe.hpp"

namespace sonoforge {

/// Rectangular elements from an HDF5 file, float64: `/positions` [n, 3] m, `/normals` [n, 3], `/widths` and `/heights`
/// [n] m, and, where the element's width does not run along x, `/laterals` [n, 3]. Normals and laterals are made unit
/// vectors; without `/laterals` the width runs along cross(y, normal), which is +x for an element that faces +z. The
/// pitch of the probe is the mean distance between consecutive elements.
struct CustomProbe : CommonProbeConfig {
  std::filesystem::path file;
  double elevation_focus = std::numeric_limits<double>::infinity();  ///< of the lens [m]

  CustomProbe() : CommonProbeConfig("custom") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// Reads the file: `UserError` where it is not as described.
  Probe build() const override;
};

}  // namespace sonoforge
