#pragma once
#include <array>

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
  /// Where what is at `place` at this time was at time 0 [m]: the solution of origin + displacement(origin) = place.
  /// This one iterates origin = place - displacement(origin), which converges where strains stay below 1, to 1e-12 m.
  virtual Vec3 origin(Vec3 place, double time) const;
  /// Velocity at a fixed place [m/s]: by a central difference over 20 us unless a field knows better.
  virtual Vec3 velocity(Vec3 place, double time) const;
};

/// Green's strain of what is at `place`, E = (F'F - 1) / 2 with F the gradient of the map from places at time 0: [xx,
/// zz, xz]. By central differences over 2e-5 m.
std::array<double, 3> green_strain(const DisplacementField& field, Vec3 place, double time);

}  // namespace sonoforge
