#include "phantoms/thyroid_nodule.hpp"

#include <cmath>
#include <numbers>

#include "phantoms/star_body.hpp"

namespace sonoforge {

namespace {
constexpr double pi = std::numbers::pi;

StarContour contour_of(const ThyroidNodulePhantom& config, RandomStream random) {
  std::vector<StarContour::Harmonic> harmonics;
  for (int order = 2; order <= 6; ++order) {
    const double size = config.irregularity * random.uniform(0.4, 1) / order;
    harmonics.push_back({order, size, random.uniform(0, 2 * pi)});
  }
  std::vector<StarContour::Spicule> lobes;
  for (std::int64_t i = 0; i < config.lobulations; ++i) {
    const double angle =
        2 * pi * (static_cast<double>(i) + random.uniform(-0.3, 0.3)) / static_cast<double>(config.lobulations);
    lobes.push_back({random.uniform(0.1, 0.25), angle, random.uniform(0.2, 0.35)});
  }
  return StarContour(std::move(harmonics), std::move(lobes));
}
}  // namespace

ThyroidNodulePhantom::ThyroidNodulePhantom()
    : AnatomyPhantom("muscle"), nodule(Typed<Tissue>::make(tissue_catalog(), "thyroid")) {
  extent.z = {0.5e-3, 40e-3};
  nodule->name = "nodule";
}

void ThyroidNodulePhantom::fields(FieldVisitor& visit) {
  common_fields(visit);
  visit(skin, {.key = "skin", .doc = "Thickness of the skin.", .unit = Unit::metre, .min = 0, .max = 10e-3});
  visit(fat, {.key = "fat", .doc = "Thickness of the fat under it.", .unit = Unit::metre, .min = 0, .max = 40e-3});
  visit(muscle,
        {.key = "muscle", .doc = "Thickness of the strap muscles.", .unit = Unit::metre, .min = 0, .max = 20e-3});
  visit(lobe, {.key = "lobe",
               .doc = "Half axes of the lobe: across, along the neck, in depth.",
               .unit = Unit::metre,
               .min = 2e-3,
               .max = 60e-3});
  visit(centre, {.key = "centre",
                 .doc = "Middle of the nodule from that of the lobe [x, y, z].",
                 .unit = Unit::metre,
                 .min = -50e-3,
                 .max = 50e-3});
  visit(radii, {.key = "radii",
                .doc = "Half axes of the nodule [x, y, z] before tilt and irregularity.",
                .unit = Unit::metre,
                .min = 0.5e-3,
                .max = 40e-3});
  visit(tilt, {.key = "tilt", .doc = "Of the nodule, from x towards z.", .unit = Unit::radian, .min = -7, .max = 7});
  visit(irregularity, {.key = "irregularity", .doc = "0: an ellipse; 0.5: irregular.", .min = 0, .max = 0.6});
  visit(lobulations, {.key = "lobulations", .doc = "Number of lobes of the margin.", .min = 0, .max = 20});
  visit(cystic_fraction, {.key = "cystic_fraction",
                          .doc = "Part of the nodule's volume that is fluid, in its middle.",
                          .unit = Unit::fraction,
                          .min = 0,
                          .max = 0.98});
  visit(halo, {.key = "halo", .doc = "Thickness of the dark rim.", .unit = Unit::metre, .min = 0, .max = 5e-3});
  visit(foci,
        {.key = "foci", .doc = "Number of punctate echogenic foci in its solid part, rounded.", .min = 0, .max = 200});
  visit(focus_amplitude,
        {.key = "focus_amplitude", .doc = "Strength of a focus; a scatterer of liver has 1.", .min = 0, .max = 1e6});
  visit(texture, {.key = "texture",
                  .doc = "Root mean square of slow changes of the echo level.",
                  .unit = Unit::decibel,
                  .min = 0,
                  .max = 10});
  visit.typed(nodule, tissue_catalog(), {.key = "nodule", .doc = "Tissue of the nodule's solid part."});
  visit(label, {.key = "label", .doc = "Class of the nodule in the segmentation."});
}

Vec3 ThyroidNodulePhantom::lobe_centre() const {
  return {0.5 * (extent.x[0] + extent.x[1]), 0.5 * (extent.y[0] + extent.y[1]), skin + fat + muscle + lobe.z};
}

void ThyroidNodulePhantom::check() const {
  const double x = (std::abs(centre.x) + radii.x) / lobe.x, z = (std::abs(centre.z) + radii.z) / lobe.z;
  if (std::min(x, z) > 1.6)
    throw ConfigError("centre", "the nodule lies outside the lobe (it reaches " + format_number(std::min(x, z)) +
                                    " half axes from its middle). Write for example '[0 mm, 0 mm, 0 mm]'");
}

void ThyroidNodulePhantom::lay_out(Phantom& phantom, const RandomStream& random) const {
  RandomStream layers = random.child("layers"), points = random.child("foci");
  const Vec3 middle = lobe_centre();
  const double top = skin + fat + muscle;
  const auto waves = [&](double size) {
    std::vector<UndulatingLayer::Wave> out;
    for (double wavelength : {31e-3, 12e-3})
      out.push_back({size * wavelength / 31e-3, wavelength * layers.uniform(0.8, 1.25), layers.uniform(0, 2 * pi)});
    return out;
  };
  // Longus colli and the front of the spine.
  add_region(phantom, layer(top + 2 * lobe.z + 6e-3, top + 2 * lobe.z + 6.5e-3), known_tissue("connective_tissue"), "");
  add_region(phantom, layer(top + 2 * lobe.z + 1e-3, top + 2 * lobe.z + 6e-3), known_tissue("muscle"), "", -3);

  // The trachea: cartilage about air. Air reflects all; nothing behind it echoes: no sound passes a loss this large.
  Tissue air = known_tissue("soft_tissue");
  air.name = "air", air.density = 1.2, air.attenuation = {60, 1.0}, air.scatterer_density = 0;
  const double trachea = 8.5e-3;
  const Vec3 airway{middle.x - lobe.x - trachea + 2e-3, middle.y, top + 1.2 * lobe.z};
  // The isthmus bridges the trachea in front of it.
  const double bridge = std::min(4e-3, 0.6 * lobe.z);
  add_region(phantom, box({middle.x - lobe.x, middle.y, top + bridge / 2 + 1e-3}, {2 * lobe.x, 12e-3, bridge}),
             known_tissue("thyroid"), "thyroid");
  add_region(phantom, ellipsoid(middle, {lobe.x + 0.4e-3, lobe.y + 0.4e-3, lobe.z + 0.4e-3}),
             known_tissue("connective_tissue"), "");
  add_region(phantom, ellipsoid(middle, lobe), known_tissue("thyroid"), "thyroid");
  add_region(phantom, rod(airway, {0, 1, 0}, trachea), known_tissue("connective_tissue"), "trachea", 3);
  add_region(phantom, rod(airway, {0, 1, 0}, trachea - 1.2e-3), air, "trachea");
  // The carotid artery and, before it, the jugular vein, flattened.
  const Vec3 artery{middle.x + lobe.x + 4.5e-3, middle.y, middle.z + 2e-3};
  add_region(phantom, rod(artery, {0, 1, 0}, 3.8e-3), known_tissue("wall"), "");
  add_region(phantom, rod(artery, {0, 1, 0}, 3.1e-3), known_tissue("blood"), "carotid");
  add_region(phantom, ellipsoid(artery + Vec3{3e-3, 0, -6e-3}, {4.5e-3, 60e-3, 2.2e-3}), known_tissue("blood"), "vein");

  add_region(phantom, std::make_shared<UndulatingLayer>(-1, top - 0.4e-3, waves(0.3e-3)), known_tissue("muscle"),
             "muscle");
  add_region(phantom, std::make_shared<UndulatingLayer>(-1, skin + fat, waves(std::min(0.5e-3, 0.15 * fat))),
             known_tissue("fat"), "fat");
  add_region(phantom, layer(-1, skin), known_tissue("skin"), "skin");

  const StarContour contour = contour_of(*this, random.child("nodule"));
  const auto body = std::make_shared<StarBody>(middle + centre, radii, tilt, contour);
  if (halo > 0) {
    const Vec3 wider{radii.x + halo, radii.y + halo, radii.z + halo};
    Tissue rim = known_tissue("thyroid");
    rim.name = "halo";
    add_region(phantom, std::make_shared<StarBody>(middle + centre, wider, tilt, contour), rim, "halo", -14);
  }
  add_region(phantom, body, *nodule, label);
  // The same contour on a smaller scale: its volume is the cube of that.
  const double inner = std::cbrt(cystic_fraction);
  if (cystic_fraction > 0)
    add_region(phantom, std::make_shared<StarBody>(middle + centre, inner * radii, tilt, contour), known_tissue("cyst"),
               label + "_fluid");
  phantom.echo_map = std::make_shared<TextureEcho>(Texture(texture, random.child("texture")));

  const auto count = static_cast<std::int64_t>(std::lround(foci));
  for (std::int64_t i = 0; i < count; ++i) {
    // Between the fluid and the rim, in a plane that echoes.
    const double angle = points.uniform(0, 2 * pi), share = points.uniform();
    const double low = std::min(inner, 0.85), r = std::sqrt(low * low + (0.81 - std::min(low * low, 0.8)) * share);
    const double along = r * contour.radius(angle) * std::cos(angle) * radii.x,
                 across = r * contour.radius(angle) * std::sin(angle) * radii.z;
    const Vec3 p =
        middle + centre +
        Vec3{along * std::cos(tilt) - across * std::sin(tilt), 0, along * std::sin(tilt) + across * std::cos(tilt)};
    phantom.scatterers.positions.push_back(p);
    phantom.scatterers.amplitudes.push_back(focus_amplitude);
    phantom.scatterers.regions.push_back(phantom.region_at(p));
    phantom.targets.push_back({p, "focus"});
  }
  phantom.measurements = {{label + ".perimeter", body->perimeter(), "m"},
                          {label + ".longest_diameter", body->longest_diameter(), "m"},
                          {label + ".width", body->width(), "m"},
                          {label + ".height", body->height(), "m"},
                          {label + ".height_over_width", body->height() / body->width(), ""},
                          {label + ".cystic_fraction", cystic_fraction, ""},
                          {label + ".foci", static_cast<double>(count), ""},
                          {"lobe.volume", 4 * pi / 3 * lobe.x * lobe.y * lobe.z, "m^3"},
                          {"lobe.depth", 2 * lobe.z, "m"},
                          {"lobe.width", 2 * lobe.x, "m"}};
}

}  // namespace sonoforge
