#include "phantoms/anatomy.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "phantoms/shapes.hpp"
#include "phantoms/speckle.hpp"

namespace sonoforge {

AnatomyPhantom::AnatomyPhantom(const char* background_tissue)
    : background(Typed<Tissue>::make(tissue_catalog(), background_tissue)) {}

void scatterer_density_field(FieldVisitor& visit, std::optional<double>& scatterer_density) {
  visit(scatterer_density,
        {.key = "scatterer_density",
         .doc = "Scatterers a volume in all tissues that have any, at equal echo levels (default: each tissue's own).",
         .unit = Unit::per_cubic_metre,
         .min = 1,
         .max = 1e15});
}

void AnatomyPhantom::common_fields(FieldVisitor& visit) {
  visit.typed(background, tissue_catalog(),
              {.key = "background", .doc = "Tissue where no region is; its speed and loss are those of the waves."});
  visit.object(extent, {.key = "extent", .doc = "The box that scatterers fill."});
  scatterer_density_field(visit, scatterer_density);
}

Phantom AnatomyPhantom::build(const RandomStream& random) const {
  Phantom phantom;
  phantom.background = *background;
  phantom.extent = extent.bounds();
  lay_out(phantom, random.child("layout"));
  if (scatterer_density) {
    set_density(phantom.background, *scatterer_density);
    for (auto& region : phantom.regions) set_density(region.tissue, *scatterer_density);
  }
  add_speckle(phantom, random.child("speckle"));
  return phantom;
}

UndulatingLayer::UndulatingLayer(double top, double bottom, std::vector<Wave> waves)
    : top_(top), bottom_(bottom), waves_(std::move(waves)) {
  for (const auto& wave : waves_) reach_ += std::abs(wave.amplitude);
}

bool UndulatingLayer::contains(Vec3 p) const {
  // Most places are far from the surface: only those near it ask where it is.
  constexpr double rounding = 1e-12;
  if (p.z < top_ || p.z > bottom_ + reach_ + rounding) return false;
  return p.z < bottom_ - reach_ - rounding || p.z <= bottom_at(p.x);
}

double UndulatingLayer::bottom_at(double x) const {
  double z = bottom_;
  for (const auto& wave : waves_)
    z += wave.amplitude * std::sin(2 * std::numbers::pi * x / wave.wavelength + wave.phase);
  return z;
}

Bounds UndulatingLayer::bounds() const {
  Bounds b;
  b.low.z = top_;
  b.high.z = bottom_ + reach_;
  return b;
}

Texture::Texture(double rms, RandomStream random, double shortest, double longest) {
  constexpr double pi = std::numbers::pi;
  for (auto& wave : waves_) {
    const double azimuth = random.uniform(0, 2 * pi), rise = random.uniform(-1, 1), flat = std::sqrt(1 - rise * rise);
    const double number = 2 * pi / random.uniform(shortest, longest);
    wave.number = number * Vec3{flat * std::cos(azimuth), rise, flat * std::sin(azimuth)};
    wave.phase = random.uniform(0, 2 * pi);
    // A cosine of amplitude A has rms A / sqrt(2).
    wave.amplitude = rms * std::sqrt(2.0 / static_cast<double>(waves_.size()));
  }
}

double Texture::gain_db(Vec3 point) const {
  double gain = 0;
  for (const auto& wave : waves_) gain += wave.amplitude * std::cos(dot(wave.number, point) + wave.phase);
  return gain;
}

int add_region(Phantom& phantom, std::shared_ptr<const Shape> shape, const Tissue& tissue, std::string label,
               double gain_db) {
  phantom.regions.push_back({std::move(shape), tissue, std::move(label), gain_db});
  return static_cast<int>(phantom.regions.size()) - 1;
}

Tissue known_tissue(const char* name) {
  return *Typed<Tissue>::make(tissue_catalog(), name);
}

std::shared_ptr<const Shape> layer(double from_z, double to_z) {
  SlabConfig config;
  config.z = {from_z, to_z};
  return config.build();
}

std::shared_ptr<const Shape> ellipsoid(Vec3 centre, Vec3 radii, Vec3 rotation) {
  EllipsoidConfig config;
  config.centre = centre, config.radii = radii, config.rotation = rotation;
  return config.build();
}

std::shared_ptr<const Shape> rod(Vec3 centre, Vec3 axis, double radius) {
  CylinderConfig config;
  config.centre = centre, config.axis = axis, config.radius = radius;
  return config.build();
}

std::shared_ptr<const Shape> tube(std::vector<Vec3> points, double radius) {
  TubeConfig config;
  config.points = std::move(points), config.radius = radius;
  return config.build();
}

namespace {
class CommonPart : public Shape {
 public:
  CommonPart(std::shared_ptr<const Shape> one, std::shared_ptr<const Shape> other)
      : one_(std::move(one)), other_(std::move(other)) {}
  bool contains(Vec3 p) const override { return one_->contains(p) && other_->contains(p); }
  Bounds bounds() const override {
    const Bounds a = one_->bounds(), b = other_->bounds();
    return {{std::max(a.low.x, b.low.x), std::max(a.low.y, b.low.y), std::max(a.low.z, b.low.z)},
            {std::min(a.high.x, b.high.x), std::min(a.high.y, b.high.y), std::min(a.high.z, b.high.z)}};
  }

 private:
  std::shared_ptr<const Shape> one_, other_;
};
}  // namespace

std::shared_ptr<const Shape> common_part(std::shared_ptr<const Shape> one, std::shared_ptr<const Shape> other) {
  return std::make_shared<CommonPart>(std::move(one), std::move(other));
}

std::shared_ptr<const Shape> box(Vec3 centre, Vec3 size, Vec3 rotation) {
  BoxConfig config;
  config.centre = centre, config.size = size, config.rotation = rotation;
  return config.build();
}

}  // namespace sonoforge
