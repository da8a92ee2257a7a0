#include "phantoms/liver.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace sonoforge {

namespace {
constexpr double pi = std::numbers::pi;

struct Branch {
  Vec3 from, to;
  double radius = 0;
};

/// A tree in the plane of the image: each vessel splits into two, turned to either side.
void grow(std::vector<Branch>& tree, Vec3 from, double direction, double length, double radius,
          std::int64_t generations, RandomStream& random) {
  const Vec3 to = from + length * Vec3{std::cos(direction), random.uniform(-0.03, 0.03), std::sin(direction)};
  tree.push_back({from, to, radius});
  if (generations <= 1) return;
  const double daughter = radius * std::cbrt(0.5);  // r^3 of the mother is that of both daughters [murray1926]
  for (double side : {-1.0, 1.0})
    grow(tree, to, direction + side * random.uniform(0.2, 0.6), length * random.uniform(0.62, 0.85), daughter,
         generations - 1, random);
}

/// Two spheres' difference: the part of a ball beyond another surface.
class BallShell : public Shape {
 public:
  BallShell(Vec3 centre, double inner, double outer, double side)
      : centre_(centre), inner_(inner), outer_(outer), side_(side) {}
  bool contains(Vec3 p) const override {
    const double dx = p.x - centre_.x, dz = p.z - centre_.z, r = std::hypot(dx, dz);
    return r >= inner_ && r <= outer_ && dz * side_ >= 0;
  }
  Bounds bounds() const override {
    Bounds b;
    b.low.x = centre_.x - outer_, b.high.x = centre_.x + outer_;
    b.low.z = side_ > 0 ? centre_.z : centre_.z - outer_, b.high.z = side_ > 0 ? centre_.z + outer_ : centre_.z;
    return b;
  }

 private:
  Vec3 centre_;
  double inner_, outer_, side_;
};
}  // namespace

FattyLiver fatty_liver(const Tissue& lean, double f, double attenuation_slope, double backscatter_slope) {
  const Tissue fat = known_tissue("fat");
  FattyLiver out;
  out.sound_speed = 1 / ((1 - f) / lean.sound_speed + f / fat.sound_speed);
  out.density = (1 - f) * lean.density + f * fat.density;
  out.attenuation = {lean.attenuation.db_per_cm + attenuation_slope * f, lean.attenuation.exponent};
  out.gain_db = backscatter_slope * f;
  return out;
}

int steatosis_grade(double fat_fraction) {
  int grade = 0;
  for (double limit : {0.064, 0.174, 0.221}) grade += fat_fraction >= limit;
  return grade;
}

LiverPhantom::LiverPhantom() : AnatomyPhantom("liver") {
  extent.x = {-50e-3, 50e-3}, extent.z = {1e-3, 115e-3};
  scatterer_density = 6e9;
}

void LiverPhantom::fields(FieldVisitor& visit) {
  common_fields(visit);
  visit(fat_fraction, {.key = "fat_fraction",
                       .doc = "Of the liver's volume; decides its speed, loss and echo level.",
                       .unit = Unit::fraction,
                       .min = 0,
                       .max = 0.6});
  visit(attenuation_slope, {.key = "attenuation_slope",
                            .doc = "Rise of the attenuation at 1 MHz in dB/cm, a unit of fat fraction.",
                            .min = 0,
                            .max = 5});
  visit(backscatter_slope, {.key = "backscatter_slope",
                            .doc = "Rise of the echo level, a unit of fat fraction.",
                            .unit = Unit::decibel,
                            .min = 0,
                            .max = 100});
  visit(depth, {.key = "depth",
                .doc = "Of the liver's capsule; skin, fat and muscle lie before it.",
                .unit = Unit::metre,
                .min = 4e-3,
                .max = 0.1});
  visit(thickness,
        {.key = "thickness", .doc = "From capsule to diaphragm.", .unit = Unit::metre, .min = 20e-3, .max = 0.25});
  visit(portal_radius, {.key = "portal_radius",
                        .doc = "Radius of the portal trunk's first branch.",
                        .unit = Unit::metre,
                        .min = 0.5e-3,
                        .max = 15e-3});
  visit(generations, {.key = "generations", .doc = "Of branches of portal and hepatic veins.", .min = 0, .max = 5});
  visit(kidney_depth, {.key = "kidney_depth", .doc = "Of its middle.", .unit = Unit::metre, .min = 20e-3, .max = 0.3});
  visit(texture, {.key = "texture",
                  .doc = "Root mean square of slow changes of the echo level.",
                  .unit = Unit::decibel,
                  .min = 0,
                  .max = 10});
}

void LiverPhantom::check() const {
  if (kidney_depth < depth + 15e-3)
    throw ConfigError("kidney_depth", "the kidney would reach out of the liver (its middle lies " +
                                          format_quantity(kidney_depth - depth, Unit::metre) +
                                          " under the capsule). Write for example 'kidney_depth: " +
                                          format_quantity(depth + 50e-3, Unit::metre) + "'");
}

void LiverPhantom::lay_out(Phantom& phantom, const RandomStream& random) const {
  RandomStream walls = random.child("wall"), portal = random.child("portal"), hepatic = random.child("hepatic");
  const double y = 0.5 * (extent.y[0] + extent.y[1]);
  const FattyLiver fatty = fatty_liver(*background, fat_fraction, attenuation_slope, backscatter_slope);
  Tissue& liver = phantom.background;
  liver.sound_speed = fatty.sound_speed, liver.density = fatty.density, liver.attenuation = fatty.attenuation;
  const double kidney_level = known_tissue("kidney").echogenicity() - background->echogenicity();
  // The level as a strength: the background has no gain of its own.
  const double factor = std::pow(10.0, fatty.gain_db / 20);
  liver.scatterer_strength = background->strength() * factor;
  liver.backscatter.reset();

  // The diaphragm, and behind it lung without echoes of its own.
  const double far = depth + thickness, radius = 0.13;
  const Vec3 dome{-0.25 * radius, y, far - radius};
  Tissue lung = known_tissue("soft_tissue");
  lung.name = "lung", lung.density = 300, lung.attenuation = {10, 1.0}, lung.scatterer_density = 0;
  add_region(phantom, std::make_shared<BallShell>(dome, radius, radius + 1, 1), lung, "");
  add_region(phantom, std::make_shared<BallShell>(dome, radius, radius + 1.8e-3, 1), known_tissue("connective_tissue"),
             "diaphragm", 6);

  // Each tree within the liver: veins rise towards the cava, portal branches spread from the hilum.
  const auto within = std::make_shared<BallShell>(dome, 0, radius - 1e-3, 1);
  std::vector<Branch> branches;
  if (generations > 0)
    grow(branches, {16e-3, y, depth + 0.66 * thickness}, pi + portal.uniform(0.15, 0.6), 0.3 * thickness, portal_radius,
         generations, portal);
  for (const Branch& b : branches)
    add_region(phantom, common_part(within, tube({b.from, b.to}, b.radius + 0.25e-3 + 0.18 * b.radius)),
               known_tissue("wall"), "", 5);
  for (const Branch& b : branches)
    add_region(phantom, common_part(within, tube({b.from, b.to}, b.radius)), known_tissue("blood"), "portal_vein");
  std::vector<Branch> veins;
  if (generations > 0)
    grow(veins, {-8e-3, y, depth + 0.97 * thickness}, -pi / 2 + hepatic.uniform(-0.9, -0.3), 0.34 * thickness,
         0.9 * portal_radius, generations, hepatic);
  for (const Branch& b : veins)
    add_region(phantom, common_part(within, tube({b.from, b.to}, b.radius)), known_tissue("blood"), "hepatic_vein");

  // The kidney: fat about it, cortex, and the bright sinus with dark pyramids between.
  const Vec3 kidney{26e-3, y, kidney_depth};
  const Vec3 turn{0, 0.35, 0};
  add_region(phantom, ellipsoid(kidney, {27e-3, 27e-3, 14e-3}, turn), known_tissue("fat"), "", 12);
  add_region(phantom, ellipsoid(kidney, {25.5e-3, 25e-3, 12.5e-3}, turn), known_tissue("kidney"), "kidney");
  for (int i = 0; i < 7; ++i) {
    const double angle = 2 * pi * (i + 0.3) / 7, c = std::cos(0.35), s = std::sin(0.35);
    const double a = 16.5e-3 * std::cos(angle), b = 7.6e-3 * std::sin(angle);
    add_region(phantom, ellipsoid(kidney + Vec3{c * a + s * b, 0, -s * a + c * b}, {3.2e-3, 3e-3, 2.4e-3}, turn),
               known_tissue("kidney"), "kidney", -5);
  }
  add_region(phantom, ellipsoid(kidney, {13e-3, 12e-3, 4.5e-3}, turn), known_tissue("fat"), "renal_sinus", 11);

  const std::vector<UndulatingLayer::Wave> waves{{0.02 * depth, 60e-3, walls.uniform(0, 2 * pi)},
                                                 {0.012 * depth, 23e-3, walls.uniform(0, 2 * pi)}};
  add_region(phantom, std::make_shared<UndulatingLayer>(-1, depth, waves), known_tissue("connective_tissue"),
             "capsule");
  add_region(phantom, std::make_shared<UndulatingLayer>(-1, depth - 0.8e-3, waves), known_tissue("muscle"), "muscle");
  add_region(phantom, std::make_shared<UndulatingLayer>(-1, 0.62 * depth, waves), known_tissue("fat"), "fat");
  add_region(phantom, layer(-1, std::min(2e-3, 0.2 * depth)), known_tissue("skin"), "skin");

  phantom.echo_map = std::make_shared<TextureEcho>(Texture(texture, random.child("texture"), 6e-3, 20e-3));
  phantom.measurements = {{"liver.fat_fraction", fat_fraction, ""},
                          {"liver.steatosis_grade", static_cast<double>(steatosis_grade(fat_fraction)), ""},
                          {"liver.attenuation", liver.attenuation.db_per_cm, "dB/cm"},
                          {"liver.attenuation_exponent", liver.attenuation.exponent, ""},
                          {"liver.sound_speed", liver.sound_speed, "m/s"},
                          {"liver.backscatter_gain", fatty.gain_db, "dB"},
                          {"liver.over_kidney", fatty.gain_db - kidney_level, "dB"},
                          {"portal_vein.diameter", generations > 0 ? 2 * portal_radius : 0, "m"}};
}

}  // namespace sonoforge
