#pragma once
#include "phantoms/phantoms.hpp"
#include "phantoms/turn.hpp"

namespace sonoforge {

/// Where something was put: a point p of its own frame stands at offset + turn p.
struct Pose {
  Vec3 offset;
  Turn turn{Vec3{}};
  Vec3 to_world(Vec3 p) const { return offset + turn.to_world(p); }
  Vec3 to_local(Vec3 p) const { return turn.to_local(p - offset); }
};

std::shared_ptr<const Shape> placed(std::shared_ptr<const Shape> shape, const Pose& pose);
std::shared_ptr<const DisplacementField> placed(std::shared_ptr<const DisplacementField> field, const Pose& pose);
/// Regions, echo map, scatterers, motion, targets and measurements; the extent is the box about the old one.
Phantom placed(Phantom phantom, const Pose& pose);

/// Any other phantom as an operator meets it who does not hold the probe as meant: moved and tilted. Volumes and the
/// phantom's own measurements stay; areas of sections that the tilt changes are left out. Scatterers of a phantom that
/// is one plane must stay in it: only x, z and the turn about y may change.
struct PlacedPhantom : PhantomConfig {
  Vec3 offset, rotation;
  std::optional<ExtentConfig> extent;
  Typed<PhantomConfig> of;
  void fields(FieldVisitor& visit) override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
