#pragma once
#include "core/vec3.hpp"

namespace sonoforge {

/// How material moves. Frames are Lagrangian: a point is named by its place at time 0.
class DisplacementField {
 public:
  virtual ~DisplacementField() = default;
  /// How far what was at `position` [m] at time 0 has come by `time` [s]; zero at time 0 [m].
  virtual Vec3 displacement(Vec3 position, double time) const = 0;
  /// Whether what was there ever moves. Echoes of what does not are simulated once for all frames.
  virtual bool moves(Vec3) const { return true; }
};

}  // namespace sonoforge
