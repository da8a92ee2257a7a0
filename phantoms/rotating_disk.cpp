#include "phantoms/rotating_disk.hpp"

#include <cmath>
#include <numbers>

#include "phantoms/shapes.hpp"
#include "phantoms/speckle.hpp"

namespace sonoforge {

bool Rotation::moves(Vec3 position) const {
  const Vec3 d = position - centre_;
  return std::hypot(d.x, d.z) <= radius_;
}

Vec3 Rotation::displacement(Vec3 position, double time) const {
  if (!moves(position)) return {};
  const Vec3 d = position - centre_;
  const double c = std::cos(angular_speed_ * time), s = std::sin(angular_speed_ * time);
  return {c * d.x + s * d.z - d.x, 0, -s * d.x + c * d.z - d.z};
}

Vec3 Rotation::origin(Vec3 place, double time) const {
  return place + displacement(place, -time);
}

Vec3 Rotation::velocity(Vec3 position, double) const {
  if (!moves(position)) return {};
  return cross(Vec3{0, angular_speed_, 0}, position - centre_);
}

RotatingDisk::RotatingDisk()
    : background(Typed<Tissue>::make(tissue_catalog(), "water")),
      disk(Typed<Tissue>::make(tissue_catalog(), "soft_tissue")) {}

void RotatingDisk::fields(FieldVisitor& visit) {
  visit.typed(background, tissue_catalog(),
              {.key = "background", .doc = "Liquid around the disk; its speed and loss are those of the waves."});
  visit.typed(disk, tissue_catalog(), {.key = "disk", .doc = "What the disk is made of."});
  visit(centre, {.key = "centre", .doc = "Of the disk.", .unit = Unit::metre, .min = -1, .max = 1});
  visit(radius, {.key = "radius", .doc = "Of the disk.", .unit = Unit::metre, .min = 1e-4, .max = 0.5});
  visit(thickness, {.key = "thickness",
                    .doc = "Along y; 0 mm puts all scatterers in one plane.",
                    .unit = Unit::metre,
                    .min = 0,
                    .max = 0.5});
  visit(rate, {.key = "rate",
               .doc = "Revolutions per second, from +z towards +x.",
               .unit = Unit::hertz,
               .min = -1000,
               .max = 1000});
  visit(scatterer_density, {.key = "scatterer_density",
                            .doc = "Scatterers a volume, at an equal echo level (default: the tissue's own).",
                            .unit = Unit::per_cubic_metre,
                            .min = 1,
                            .max = 1e15});
}

Phantom RotatingDisk::build(const RandomStream& random) const {
  CylinderConfig cylinder;
  cylinder.centre = centre;
  cylinder.radius = radius;
  if (thickness > 0) cylinder.length = thickness;
  Phantom phantom;
  phantom.background = *background;
  phantom.background.scatterer_density = 0;
  const Vec3 half{radius, thickness / 2, radius};
  phantom.extent = {centre - half, centre + half};
  Region region;
  region.shape = cylinder.build();
  region.tissue = *disk;
  region.label = "disk";
  if (scatterer_density) set_density(region.tissue, *scatterer_density);
  phantom.regions.push_back(std::move(region));
  add_speckle(phantom, random.child("speckle"));
  phantom.scatterers.motion = std::make_shared<Rotation>(centre, radius, 2 * std::numbers::pi * rate);
  return phantom;
}

}  // namespace sonoforge
