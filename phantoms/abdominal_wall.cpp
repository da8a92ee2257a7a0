#include "phantoms/abdominal_wall.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "phantoms/anatomy.hpp"
#include "phantoms/placed.hpp"
#include "phantoms/speckle.hpp"

namespace sonoforge {

namespace {

constexpr double pi = std::numbers::pi;

/// What lies below the wall moves, the wall does not.
class MotionBelow : public DisplacementField {
 public:
  MotionBelow(std::shared_ptr<const DisplacementField> field, double top) : field_(std::move(field)), top_(top) {}
  Vec3 displacement(Vec3 p, double time) const override { return p.z < top_ ? Vec3{} : field_->displacement(p, time); }
  bool moves(Vec3 p) const override { return p.z >= top_ && field_->moves(p); }
  Vec3 origin(Vec3 p, double time) const override { return p.z < top_ ? p : field_->origin(p, time); }
  Vec3 velocity(Vec3 p, double time) const override { return p.z < top_ ? Vec3{} : field_->velocity(p, time); }

 private:
  std::shared_ptr<const DisplacementField> field_;
  double top_;
};

class WallEcho : public EchoMap {
 public:
  WallEcho(std::shared_ptr<const EchoMap> below, double down, Texture texture)
      : below_(std::move(below)), down_(down), texture_(texture) {}
  double gain_db(Vec3 p) const override {
    if (p.z < down_) return texture_.gain_db(p);
    return below_ ? below_->gain_db(p) : 0;
  }

 private:
  std::shared_ptr<const EchoMap> below_;
  double down_;
  Texture texture_;
};

/// A slanted strand of connective tissue across a layer.
class Strand : public Shape {
 public:
  Strand(std::shared_ptr<const UndulatingLayer> layer, double x, double slope, double depth, double thickness)
      : layer_(std::move(layer)), x_(x), slope_(slope), depth_(depth), half_(thickness / 2) {}
  bool contains(Vec3 p) const override {
    return std::abs(p.z - depth_ - slope_ * (p.x - x_)) <= half_ && std::abs(p.x - x_) <= 14e-3 && layer_->contains(p);
  }
  Bounds bounds() const override {
    Bounds b = layer_->bounds();
    b.low.x = x_ - 14e-3, b.high.x = x_ + 14e-3;
    return b;
  }

 private:
  std::shared_ptr<const UndulatingLayer> layer_;
  double x_, slope_, depth_, half_;
};

}  // namespace

void AbdominalWallPhantom::fields(FieldVisitor& visit) {
  const auto layer_field = [&](double& value, const char* key, const char* doc, double most) {
    visit(value, {.key = key, .doc = doc, .unit = Unit::metre, .min = 0, .max = most});
  };
  layer_field(skin, "skin", "Thickness of the skin.", 10e-3);
  layer_field(fat, "fat", "Mean thickness of the fat under the skin.", 0.15);
  layer_field(muscle, "muscle", "Mean thickness of the muscle.", 60e-3);
  layer_field(deep_fat, "deep_fat", "Mean thickness of the fat behind the muscle.", 40e-3);
  layer_field(roughness, "roughness", "Root mean square undulation of the boundaries.", 5e-3);
  visit(septa, {.key = "septa", .doc = "Number of strands of connective tissue in the fat.", .min = 0, .max = 200});
  visit(texture, {.key = "texture",
                  .doc = "Root mean square of slow changes of the wall's echo level.",
                  .unit = Unit::decibel,
                  .min = 0,
                  .max = 10});
  visit.typed(over, phantom_catalog(),
              {.key = "over", .doc = "What lies below the wall, any phantom", .required = true});
}

void AbdominalWallPhantom::check() const {
  if (!(thickness() > 0))
    throw ConfigError("fat", "the wall has no thickness (all its layers are 0). Write for example 'fat: 15 mm'");
}

Phantom AbdominalWallPhantom::build(const RandomStream& random) const {
  check();
  const double down = thickness();
  // The same stream: the same patient with and without a wall.
  Phantom below = placed(over->build(random), Pose{{0, 0, down}});
  Phantom phantom = below.with({});
  phantom.extent.low.z = 0.2e-3;
  const int first = static_cast<int>(phantom.regions.size());

  RandomStream waves = random.child("abdominal wall"), strands = random.child("septa");
  const auto undulation = [&](double above, double next) {
    // Two waves of equal power; neither boundary reaches a third of the way to its neighbours.
    const double amplitude = std::min(roughness, std::min(above, next) / 6);
    std::vector<UndulatingLayer::Wave> out;
    for (double wavelength : {45e-3, 17e-3})
      out.push_back({amplitude, wavelength * waves.uniform(0.8, 1.25), waves.uniform(0, 2 * pi)});
    return out;
  };
  const double top = -1;
  add_region(phantom, layer(top, down), known_tissue("fat"), "wall_fat");
  add_region(phantom, std::make_shared<UndulatingLayer>(top, down - deep_fat, undulation(muscle, deep_fat)),
             known_tissue("muscle"), "wall_muscle");
  const auto fat_layer = std::make_shared<UndulatingLayer>(top, skin + fat, undulation(fat, muscle));
  add_region(phantom, fat_layer, known_tissue("fat"), "wall_fat");
  const double left = phantom.extent.low.x, width = phantom.extent.high.x - left;
  for (std::int64_t i = 0; i < septa; ++i) {
    const double x = left + width * (static_cast<double>(i) + strands.uniform()) / static_cast<double>(septa);
    const double slope = strands.uniform(-0.25, 0.25), depth = skin + fat * strands.uniform(0.1, 0.95);
    add_region(phantom, std::make_shared<Strand>(fat_layer, x, slope, depth, strands.uniform(0.2e-3, 0.5e-3)),
               known_tissue("connective_tissue"), "");
  }
  add_region(phantom, layer(top, skin), known_tissue("skin"), "skin");
  phantom.echo_map = std::make_shared<WallEcho>(below.echo_map, down, Texture(texture, random.child("wall texture")));

  // Speckle of the wall alone, as dense as that below it.
  double densest = below.background.scatterer_density;
  for (const auto& region : below.regions) densest = std::max(densest, region.tissue.scatterer_density);
  if (densest > 0)
    for (auto region = phantom.regions.begin() + first; region != phantom.regions.end(); ++region)
      set_density(region->tissue, densest);
  Phantom wall = phantom;
  wall.extent.high.z = down;
  add_speckle(wall, random.child("wall speckle"));
  Scatterers& all = phantom.scatterers;
  all = std::move(wall.scatterers);
  for (std::size_t i = 0; i < below.scatterers.size(); ++i) {
    all.positions.push_back(below.scatterers.positions[i]);
    all.amplitudes.push_back(below.scatterers.amplitudes[i]);
    all.regions.push_back(below.scatterers.regions.empty() ? -1 : below.scatterers.regions[i]);
  }
  if (!below.scatterers.velocities.empty()) {
    all.velocities.assign(all.size() - below.scatterers.size(), Vec3{});
    all.velocities.insert(all.velocities.end(), below.scatterers.velocities.begin(), below.scatterers.velocities.end());
  }
  if (below.scatterers.motion) all.motion = std::make_shared<MotionBelow>(below.scatterers.motion, down);
  for (const auto& [name, value] :
       {std::pair{"wall.skin", skin}, std::pair{"wall.fat", fat}, std::pair{"wall.muscle", muscle},
        std::pair{"wall.deep_fat", deep_fat}, std::pair{"wall.thickness", down}})
    phantom.measurements.push_back({name, value, "m"});
  return phantom;
}

}  // namespace sonoforge
