#include "phantoms/compression.hpp"

#include <algorithm>
#include <cmath>

#include "phantoms/shapes.hpp"
#include "phantoms/speckle.hpp"

namespace sonoforge {

Vec3 Compression::displacement(Vec3 position, double time) const {
  const double strain = strain_ * std::clamp(time / duration_, 0.0, 1.0);
  const Vec3 far{strain * position.x, 0, -strain * position.z};
  if (!inclusion_) return far;
  const Vec3 d{position.x - inclusion_->x, 0, position.z - inclusion_->z};
  const Vec3 stretched{strain * d.x, 0, -strain * d.z};  // E d
  const double excess = 2 / (1 + inclusion_->stiffness) - 1,
               ratio = dot(d, d) / (inclusion_->radius * inclusion_->radius);
  if (ratio <= 1) return far + excess * stretched;
  const double along = dot(d, stretched) / dot(d, d);
  return far + excess * (2 * along / ratio * d + (stretched - 2 * along * d) / (ratio * ratio));
}

InclusionConfig::InclusionConfig() : tissue(Typed<Tissue>::make(tissue_catalog(), "tumour")) {}

void InclusionConfig::fields(FieldVisitor& visit) {
  visit(centre, {.key = "centre", .doc = "Of a cylinder along y.", .unit = Unit::metre, .min = -1, .max = 1});
  visit(radius, {.key = "radius", .doc = "Of the cylinder.", .unit = Unit::metre, .min = 1e-5, .max = 1});
  visit(stiffness, {.key = "stiffness", .doc = "Shear modulus over that of the background.", .min = 0, .max = 1e6});
  visit.typed(tissue, tissue_catalog(), {.key = "tissue", .doc = "What it is made of."});
  visit(label, {.key = "label", .doc = "Class in the segmentation."});
}

CompressionPhantom::CompressionPhantom() : background(Typed<Tissue>::make(tissue_catalog(), "soft_tissue")) {}

void CompressionPhantom::fields(FieldVisitor& visit) {
  visit.typed(background, tissue_catalog(),
              {.key = "background", .doc = "Tissue that is compressed; its speed and loss are those of the waves."});
  visit(strain, {.key = "strain",
                 .doc = "Shortening along z far from an inclusion, reached after duration.",
                 .unit = Unit::fraction,
                 .min = -0.5,
                 .max = 0.5});
  visit(duration,
        {.key = "duration", .doc = "Time over which strain grows.", .unit = Unit::second, .min = 1e-6, .max = 1e4});
  visit(inclusion, {.key = "inclusion", .doc = "A cylinder of another stiffness."});
  visit.object(extent, {.key = "extent", .doc = "The box that scatterers fill."});
  visit(scatterer_density, {.key = "scatterer_density",
                            .doc = "Scatterers a volume in all tissues, at equal echo levels (default: their own).",
                            .unit = Unit::per_cubic_metre,
                            .min = 1,
                            .max = 1e15});
}

Phantom CompressionPhantom::build(const RandomStream& random) const {
  Phantom phantom;
  phantom.background = *background;
  phantom.extent = extent.bounds();
  if (scatterer_density) set_density(phantom.background, *scatterer_density);
  std::optional<Compression::Inclusion> cylinder;
  if (inclusion) {
    cylinder = {inclusion->centre.x, inclusion->centre.z, inclusion->radius, inclusion->stiffness};
    CylinderConfig shape;
    shape.centre = inclusion->centre;
    shape.radius = inclusion->radius;
    Region region;
    region.shape = shape.build();
    region.tissue = *inclusion->tissue;
    region.label = inclusion->label;
    if (scatterer_density) set_density(region.tissue, *scatterer_density);
    phantom.regions.push_back(std::move(region));
  }
  add_speckle(phantom, random.child("speckle"));
  phantom.scatterers.motion = std::make_shared<Compression>(strain, duration, cylinder);
  return phantom;
}

}  // namespace sonoforge
