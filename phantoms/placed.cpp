#include "phantoms/placed.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {

namespace {

Bounds placed_bounds(const Bounds& b, const Pose& pose) {
  constexpr double far = 1e299;
  const bool turned = pose.turn.ex.x != 1 || pose.turn.ey.y != 1 || pose.turn.ez.z != 1;
  if (!turned) return {b.low + pose.offset, b.high + pose.offset};
  for (double v : {b.low.x, b.low.y, b.low.z, b.high.x, b.high.y, b.high.z})
    if (std::abs(v) > far) return {};  // unbounded one way: unbounded any way once turned
  Bounds out{{1e300, 1e300, 1e300}, {-1e300, -1e300, -1e300}};
  for (int corner = 0; corner < 8; ++corner) {
    const Vec3 p = pose.to_world(
        {corner & 1 ? b.high.x : b.low.x, corner & 2 ? b.high.y : b.low.y, corner & 4 ? b.high.z : b.low.z});
    out.low = {std::min(out.low.x, p.x), std::min(out.low.y, p.y), std::min(out.low.z, p.z)};
    out.high = {std::max(out.high.x, p.x), std::max(out.high.y, p.y), std::max(out.high.z, p.z)};
  }
  return out;
}

class PlacedShape : public Shape {
 public:
  PlacedShape(std::shared_ptr<const Shape> shape, const Pose& pose) : shape_(std::move(shape)), pose_(pose) {}
  bool contains(Vec3 p) const override { return shape_->contains(pose_.to_local(p)); }
  Bounds bounds() const override { return placed_bounds(shape_->bounds(), pose_); }
  double volume() const override { return shape_->volume(); }
  /// Planes y = const stay such planes under moves and turns about y.
  double section_area(double y) const override {
    return pose_.turn.ey == Vec3{0, 1, 0} ? shape_->section_area(y - pose_.offset.y) : Shape::section_area(y);
  }

 private:
  std::shared_ptr<const Shape> shape_;
  Pose pose_;
};

class PlacedField : public DisplacementField {
 public:
  PlacedField(std::shared_ptr<const DisplacementField> field, const Pose& pose)
      : field_(std::move(field)), pose_(pose) {}
  Vec3 displacement(Vec3 p, double time) const override {
    return pose_.turn.to_world(field_->displacement(pose_.to_local(p), time));
  }
  bool moves(Vec3 p) const override { return field_->moves(pose_.to_local(p)); }
  Vec3 origin(Vec3 p, double time) const override { return pose_.to_world(field_->origin(pose_.to_local(p), time)); }
  Vec3 velocity(Vec3 p, double time) const override {
    return pose_.turn.to_world(field_->velocity(pose_.to_local(p), time));
  }

 private:
  std::shared_ptr<const DisplacementField> field_;
  Pose pose_;
};

class PlacedEcho : public EchoMap {
 public:
  PlacedEcho(std::shared_ptr<const EchoMap> map, const Pose& pose) : map_(std::move(map)), pose_(pose) {}
  double gain_db(Vec3 p) const override { return map_->gain_db(pose_.to_local(p)); }

 private:
  std::shared_ptr<const EchoMap> map_;
  Pose pose_;
};

}  // namespace

std::shared_ptr<const Shape> placed(std::shared_ptr<const Shape> shape, const Pose& pose) {
  return std::make_shared<PlacedShape>(std::move(shape), pose);
}

std::shared_ptr<const DisplacementField> placed(std::shared_ptr<const DisplacementField> field, const Pose& pose) {
  return std::make_shared<PlacedField>(std::move(field), pose);
}

Phantom placed(Phantom phantom, const Pose& pose) {
  for (Region& region : phantom.regions) region.shape = placed(std::move(region.shape), pose);
  for (PointTarget& target : phantom.targets) target.position = pose.to_world(target.position);
  Scatterers& all = phantom.scatterers;
  for (Vec3& p : all.positions) p = pose.to_world(p);
  for (Vec3& v : all.velocities) v = pose.turn.to_world(v);
  if (all.motion) all.motion = placed(std::move(all.motion), pose);
  if (phantom.echo_map) phantom.echo_map = std::make_shared<PlacedEcho>(phantom.echo_map, pose);
  phantom.extent = placed_bounds(phantom.extent, pose);
  return phantom;
}

void PlacedPhantom::fields(FieldVisitor& visit) {
  visit(offset,
        {.key = "offset", .doc = "How far the phantom is moved [x, y, z].", .unit = Unit::metre, .min = -1, .max = 1});
  visit(rotation, {.key = "rotation",
                   .doc = "Turn of the phantom about the probe's middle: about x, then y, then z, right-handed.",
                   .unit = Unit::radian,
                   .min = -7,
                   .max = 7});
  visit(extent, {.key = "extent", .doc = "Scatterers beyond this box are left out (default: none are)."});
  visit.typed(of, phantom_catalog(), {.key = "of", .doc = "What is placed, any phantom", .required = true});
}

Phantom PlacedPhantom::build(const RandomStream& random) const {
  Phantom own = of->build(random);
  const bool plane = own.extent.low.y == own.extent.high.y;
  if (plane && (rotation.x != 0 || rotation.z != 0))
    throw ConfigError("rotation",
                      "a phantom of one plane would be turned out of it (its scatterers would miss the image). Turn it "
                      "about y alone, or give it "
                      "an extent along y");
  Phantom phantom = placed(std::move(own), {offset, Turn(rotation)});
  if (plane) {
    // One plane to the bit, whatever the turn's rounding.
    const double y = offset.y + (phantom.extent.low.y - offset.y);
    for (Vec3& p : phantom.scatterers.positions) p.y = y;
    phantom.extent.low.y = phantom.extent.high.y = y;
  }
  if (!extent) return phantom;
  const Bounds box = extent->bounds();
  Scatterers& all = phantom.scatterers;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Vec3 p = all.positions[i];
    if (p.x < box.low.x || p.x > box.high.x || p.z < box.low.z || p.z > box.high.z) continue;
    if (!plane && (p.y < box.low.y || p.y > box.high.y)) continue;
    all.positions[kept] = p;
    all.amplitudes[kept] = all.amplitudes[i];
    if (!all.regions.empty()) all.regions[kept] = all.regions[i];
    if (!all.velocities.empty()) all.velocities[kept] = all.velocities[i];
    ++kept;
  }
  all.positions.resize(kept), all.amplitudes.resize(kept);
  if (!all.regions.empty()) all.regions.resize(kept);
  if (!all.velocities.empty()) all.velocities.resize(kept);
  phantom.extent.low.x = box.low.x, phantom.extent.high.x = box.high.x, phantom.extent.low.z = box.low.z,
  phantom.extent.high.z = box.high.z;
  return phantom;
}

}  // namespace sonoforge
