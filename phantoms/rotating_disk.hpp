#pragma once
#include <optional>

#include "phantoms/phantoms.hpp"

namespace sonoforge {

/// Rotation about an axis parallel to y.
class Rotation : public DisplacementField {
 public:
  /// `angular_speed` [rad/s] turns +z towards +x (right-handed about +y); what lies beyond `radius` [m] of the axis
  /// stays.
  Rotation(Vec3 centre, double radius, double angular_speed)
      : centre_(centre), radius_(radius), angular_speed_(angular_speed) {}
  Vec3 displacement(Vec3 position, double time) const override;
  bool moves(Vec3 position) const override;
  Vec3 origin(Vec3 place, double time) const override;
  Vec3 velocity(Vec3 position, double time = 0) const override;

 private:
  Vec3 centre_;
  double radius_, angular_speed_;
};

/// A disk of speckle that turns in a liquid: the Doppler test object whose velocity is angular speed times radius.
struct RotatingDisk : PhantomConfig {
  Typed<Tissue> background, disk;
  Vec3 centre{0, 0, 25e-3};
  double radius = 10e-3, thickness = 0;
  double rate = 1;  ///< revolutions a second, +z towards +x [Hz]
  std::optional<double> scatterer_density;
  RotatingDisk();
  void fields(FieldVisitor& visit) override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
