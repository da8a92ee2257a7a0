#include "phantoms/breast_lesion.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "phantoms/star_body.hpp"

namespace sonoforge {

namespace {

constexpr double pi = std::numbers::pi;

// A ligament: a thin bent sheet along y that rises from the glandular tissue to the skin.
class Sheet : public Shape {
 public:
  Sheet(std::shared_ptr<const UndulatingLayer> fat, double top, double x, double lean, double bend, double thickness)
      : fat_(std::move(fat)), top_(top), x_(x), lean_(lean), bend_(bend), half_(thickness / 2) {}
  bool contains(Vec3 p) const override {
    if (std::abs(p.x - x_) > half_ + std::abs(lean_) + std::abs(bend_) + 1e-12 || !fat_->contains(p)) return false;
    const double t = (p.z - top_) / std::max(fat_->bottom_at(p.x) - top_, 1e-6);
    return std::abs(p.x - x_ - lean_ * t - bend_ * std::sin(pi * t)) <= half_;
  }
  Bounds bounds() const override {
    Bounds b = fat_->bounds();
    const double reach = half_ + std::abs(lean_) + std::abs(bend_);
    b.low.x = x_ - reach, b.high.x = x_ + reach;
    return b;
  }

 private:
  std::shared_ptr<const UndulatingLayer> fat_;
  double top_, x_, lean_, bend_, half_;
};

// Slow changes of the echo level everywhere, and the soft margin of the lesion: within it the backscattered power goes
// linearly from that of the lesion to that of its surroundings.
class BreastEcho : public EchoMap {
 public:
  BreastEcho(std::shared_ptr<const StarBody> lesion, double soft_part, double contrast_db, double texture_db,
             RandomStream random)
      : lesion_(std::move(lesion)),
        soft_part_(soft_part),
        power_(std::pow(10.0, contrast_db / 10)),
        texture_(texture_db, random) {}
  double gain_db(Vec3 p) const override {
    double gain = texture_.gain_db(p);
    const double r = lesion_->relative_radius(p);
    if (r <= 1 && r > 1 - soft_part_) {
      const double outside = 1 - (1 - r) / soft_part_;
      gain += 10 * std::log10(1 - outside + outside * power_);
    }
    return gain;
  }

 private:
  std::shared_ptr<const StarBody> lesion_;
  double soft_part_, power_;
  Texture texture_;
};

std::shared_ptr<const StarBody> lesion_body(const BreastLesionPhantom& config, RandomStream random) {
  std::vector<StarContour::Harmonic> harmonics;
  // Falling amplitudes: their sum stays below 1.45 times the irregularity, so that the middle lies inside.
  for (int order = 2; order <= 6; ++order) {
    const double size = config.irregularity * random.uniform(0.4, 1) / order;
    harmonics.push_back({order, size, random.uniform(0, 2 * pi)});
  }
  std::vector<StarContour::Spicule> spicules;
  for (std::int64_t i = 0; i < config.spicules; ++i) {
    const double angle =
        2 * pi * (static_cast<double>(i) + random.uniform(-0.35, 0.35)) / static_cast<double>(config.spicules);
    const double length = config.spicule_length * random.uniform(0.5, 1);
    spicules.push_back({length, angle, random.uniform(0.06, 0.12)});
  }
  return std::make_shared<StarBody>(config.centre, config.radii, config.tilt,
                                    StarContour(std::move(harmonics), std::move(spicules)));
}

}  // namespace

BreastLesionPhantom::BreastLesionPhantom()
    : AnatomyPhantom("breast_glandular"), lesion(Typed<Tissue>::make(tissue_catalog(), "tumour")) {
  extent.z = {0.5e-3, 40e-3};
}

void BreastLesionPhantom::fields(FieldVisitor& visit) {
  common_fields(visit);
  visit(skin, {.key = "skin", .doc = "Thickness of the skin.", .unit = Unit::metre, .min = 0, .max = 10e-3});
  visit(
      fat,
      {.key = "fat", .doc = "Mean thickness of the fat under the skin.", .unit = Unit::metre, .min = 0, .max = 60e-3});
  visit(muscle_depth, {.key = "muscle_depth",
                       .doc = "Where the pectoral muscle begins.",
                       .unit = Unit::metre,
                       .min = 5e-3,
                       .max = 0.2});
  visit(ligaments,
        {.key = "ligaments", .doc = "Number of Cooper's ligaments across the extent.", .min = 0, .max = 100});
  visit(lobules, {.key = "lobules", .doc = "Number of fat lobules in the glandular tissue.", .min = 0, .max = 200});
  visit(centre,
        {.key = "centre", .doc = "Middle of the lesion [x, y, z].", .unit = Unit::metre, .min = -0.2, .max = 0.2});
  visit(radii, {.key = "radii",
                .doc = "Its half axes [x, y, z] before tilt and irregularity.",
                .unit = Unit::metre,
                .min = 0.2e-3,
                .max = 50e-3});
  visit(tilt, {.key = "tilt",
               .doc = "Its long axis, from x towards z; 90 deg is taller than wide where radii are wide.",
               .unit = Unit::radian,
               .min = -7,
               .max = 7});
  visit(irregularity,
        {.key = "irregularity", .doc = "0: an ellipse; 0.15: gently lobed; 0.5: irregular.", .min = 0, .max = 0.6});
  visit(spicules, {.key = "spicules", .doc = "Number of spicules.", .min = 0, .max = 40});
  visit(spicule_length, {.key = "spicule_length", .doc = "Longest spicule over the radius there.", .min = 0, .max = 2});
  visit(margin,
        {.key = "margin",
         .doc =
             "Depth over which a solid lesion's echoes fade into those around it: 0 is circumscribed, 2 mm indistinct.",
         .unit = Unit::metre,
         .min = 0,
         .max = 20e-3});
  visit(texture, {.key = "texture",
                  .doc = "Root mean square of slow changes of the echo level.",
                  .unit = Unit::decibel,
                  .min = 0,
                  .max = 10});
  visit.typed(lesion, tissue_catalog(),
              {.key = "lesion", .doc = "Its tissue; much attenuation casts a shadow, little enhances what is behind."});
  visit(label, {.key = "label", .doc = "Class of the lesion in the segmentation."});
}

void BreastLesionPhantom::check() const {
  if (skin + fat >= muscle_depth)
    throw ConfigError("muscle_depth",
                      "the muscle begins within skin and fat (they reach " + format_quantity(skin + fat, Unit::metre) +
                          "). Write for example 'muscle_depth: " + format_quantity(skin + fat + 20e-3, Unit::metre) +
                          "'");
}

void BreastLesionPhantom::lay_out(Phantom& phantom, const RandomStream& random) const {
  RandomStream surface = random.child("surface"), strands = random.child("ligaments"),
               fat_lobules = random.child("lobules");
  const double room = std::min(fat, muscle_depth - skin - fat);
  const auto waves = [&](double size) {
    std::vector<UndulatingLayer::Wave> out;
    for (double wavelength : {23e-3, 11e-3, 6e-3})
      out.push_back({size * wavelength / 23e-3, wavelength * surface.uniform(0.8, 1.25), surface.uniform(0, 2 * pi)});
    return out;
  };
  const auto fat_layer = std::make_shared<UndulatingLayer>(skin, skin + fat, waves(std::min(1.4e-3, 0.2 * room)));
  const double x0 = extent.x[0], span = extent.x[1] - extent.x[0];

  for (std::int64_t i = 0; i < lobules; ++i) {
    const double z = fat_lobules.uniform(skin + fat, muscle_depth), x = fat_lobules.uniform(x0, x0 + span);
    const double wide = fat_lobules.uniform(1.5e-3, 4e-3), tall = wide * fat_lobules.uniform(0.3, 0.6),
                 lean = fat_lobules.uniform(-0.4, 0.4);
    add_region(phantom, ellipsoid({x, fat_lobules.uniform(-1e-3, 1e-3), z}, {wide, 3e-3, tall}, {0, lean, 0}),
               known_tissue("fat"), "");
  }
  add_region(phantom,
             std::make_shared<UndulatingLayer>(muscle_depth + 0.6e-3, 10, std::vector<UndulatingLayer::Wave>{}),
             known_tissue("muscle"), "muscle");
  add_region(phantom, layer(muscle_depth, muscle_depth + 0.6e-3), known_tissue("connective_tissue"), "");
  add_region(phantom, fat_layer, known_tissue("fat"), "fat");
  for (std::int64_t i = 0; i < ligaments; ++i) {
    const double x = x0 + span * (static_cast<double>(i) + strands.uniform(0.1, 0.9)) / static_cast<double>(ligaments);
    const double lean = strands.uniform(-4e-3, 4e-3), bend = strands.uniform(-1e-3, 1e-3),
                 thickness = strands.uniform(0.25e-3, 0.5e-3);
    add_region(phantom, std::make_shared<Sheet>(fat_layer, skin, x, lean, bend, thickness),
               known_tissue("connective_tissue"), "");
  }
  add_region(phantom, layer(-1, skin), known_tissue("skin"), "skin");

  const auto body = lesion_body(*this, random.child("lesion"));
  add_region(phantom, body, *lesion, label);
  const double level = lesion->echogenicity(), contrast = std::isfinite(level) ? background->echogenicity() - level : 0;
  const double soft_part = std::isfinite(contrast) ? std::min(0.9, margin / std::min(radii.x, radii.z)) : 0;
  phantom.echo_map = std::make_shared<BreastEcho>(body, soft_part, std::isfinite(contrast) ? contrast : 0, texture,
                                                  random.child("texture"));
  phantom.measurements = {{label + ".perimeter", body->perimeter(), "m"},
                          {label + ".longest_diameter", body->longest_diameter(), "m"},
                          {label + ".width", body->width(), "m"},
                          {label + ".height", body->height(), "m"}};
}

}  // namespace sonoforge
