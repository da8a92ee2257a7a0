#include "phantoms/carotid.hpp"

#include <cmath>
#include <limits>
#include <numbers>

namespace sonoforge {

namespace {
constexpr double pi = std::numbers::pi;
}

Vec3 NarrowedLumen::local(Vec3 p) const {
  const Vec3 d = p - g_.centre;
  return g_.along_x ? d : Vec3{d.y, d.x, d.z};
}

double NarrowedLumen::radius_at(double u) const {
  if (std::abs(u) >= g_.length / 2) return g_.radius;
  return g_.radius * (1 - g_.narrowing * 0.5 * (1 + std::cos(2 * pi * u / g_.length)));
}

bool NarrowedLumen::contains(Vec3 p) const {
  const Vec3 q = local(p);
  const double r = radius_at(q.x), shift = g_.eccentricity * (g_.radius - r);
  return q.y * q.y + (q.z + shift) * (q.z + shift) <= r * r;
}

Bounds NarrowedLumen::bounds() const {
  Bounds b;
  (g_.along_x ? b.low.y : b.low.x) = (g_.along_x ? g_.centre.y : g_.centre.x) - g_.radius;
  (g_.along_x ? b.high.y : b.high.x) = (g_.along_x ? g_.centre.y : g_.centre.x) + g_.radius;
  b.low.z = g_.centre.z - g_.radius, b.high.z = g_.centre.z + g_.radius;
  return b;
}

double NarrowedLumen::section_area(double y) const {
  if (g_.along_x) return std::abs(y - g_.centre.y) <= g_.radius ? std::numeric_limits<double>::infinity() : 0;
  const double r = radius_at(y - g_.centre.y);
  return pi * r * r;
}

bool Plaque::contains(Vec3 p) const {
  const auto& g = lumen_->geometry();
  const Vec3 q = lumen_->local(p);
  return std::abs(q.x) <= g.length / 2 && q.y * q.y + q.z * q.z <= g.radius * g.radius && !lumen_->contains(p);
}

Bounds Plaque::bounds() const {
  Bounds b = lumen_->bounds();
  const auto& g = lumen_->geometry();
  (g.along_x ? b.low.x : b.low.y) = (g.along_x ? g.centre.x : g.centre.y) - g.length / 2;
  (g.along_x ? b.high.x : b.high.y) = (g.along_x ? g.centre.x : g.centre.y) + g.length / 2;
  return b;
}

/// With h = (1 + cos) / 2 the integral of pi R^2 (1 - (1 - s h)^2) over L: the means of h and h^2 are 1/2 and 3/8.
double Plaque::volume() const {
  const auto& g = lumen_->geometry();
  return pi * g.radius * g.radius * g.length * (g.narrowing - 0.375 * g.narrowing * g.narrowing);
}

/// Across: what is missing of the disc. Along, in the plane of the axis: the integral of 2 (R - r) over L.
double Plaque::section_area(double y) const {
  const auto& g = lumen_->geometry();
  const double d = y - g.centre.y;
  if (g.along_x) return d == 0 ? g.radius * g.narrowing * g.length : std::numeric_limits<double>::quiet_NaN();
  return std::abs(d) <= g.length / 2 ? pi * g.radius * g.radius - lumen_->section_area(y) : 0;
}

CarotidPhantom::CarotidPhantom()
    : AnatomyPhantom("soft_tissue"), plaque(Typed<Tissue>::make(tissue_catalog(), "muscle")) {
  extent.z = {0.5e-3, 32e-3};
}

void CarotidPhantom::fields(FieldVisitor& visit) {
  common_fields(visit);
  visit.choice(view, {"along", "across"},
               {.key = "view", .doc = "Whether the image plane holds the vessel's axis or cuts it."});
  visit(depth, {.key = "depth", .doc = "Of the axis.", .unit = Unit::metre, .min = 5e-3, .max = 0.1});
  visit(diameter,
        {.key = "diameter", .doc = "Of the lumen without plaque.", .unit = Unit::metre, .min = 1e-3, .max = 20e-3});
  visit(imt, {.key = "imt", .doc = "Thickness of intima and media.", .unit = Unit::metre, .min = 0.1e-3, .max = 4e-3});
  visit(stenosis, {.key = "stenosis",
                   .doc = "1 - least over normal diameter, as in NASCET.",
                   .unit = Unit::fraction,
                   .min = 0,
                   .max = 0.99});
  visit(plaque_length,
        {.key = "plaque_length", .doc = "Of the narrowed part.", .unit = Unit::metre, .min = 0.5e-3, .max = 0.1});
  visit(plaque_position, {.key = "plaque_position",
                          .doc = "Of the narrowest place, along the vessel.",
                          .unit = Unit::metre,
                          .min = -0.1,
                          .max = 0.1});
  visit(eccentricity, {.key = "eccentricity",
                       .doc = "0: plaque all round; 1: on the far wall; -1: on the near wall.",
                       .min = -1,
                       .max = 1});
  visit.typed(plaque, tissue_catalog(),
              {.key = "plaque", .doc = "Tissue of the plaque; much attenuation is calcified."});
}

void CarotidPhantom::check() const {
  if (diameter / 2 + imt >= depth)
    throw ConfigError(
        "depth",
        "the vessel would reach out of the skin (its near wall is " + format_quantity(diameter / 2 + imt, Unit::metre) +
            " above the axis). Write for example 'depth: " + format_quantity(diameter + imt + 8e-3, Unit::metre) + "'");
}

void CarotidPhantom::lay_out(Phantom& phantom, const RandomStream& random) const {
  RandomStream places = random.child("surroundings");
  const bool along = view == View::along;
  const double y = 0.5 * (extent.y[0] + extent.y[1]), radius = diameter / 2, top = depth - radius - imt;
  const Vec3 axis = along ? Vec3{1, 0, 0} : Vec3{0, 1, 0}, middle{0, y, depth};

  // Sternocleidomastoid muscle between fat and vessel, in proportion to the depth there is.
  const std::vector<UndulatingLayer::Wave> waves{{0.03 * top, 19e-3, places.uniform(0, 2 * pi)},
                                                 {0.015 * top, 8e-3, places.uniform(0, 2 * pi)}};
  add_region(phantom, std::make_shared<UndulatingLayer>(0, 0.85 * top, waves), known_tissue("muscle"), "muscle");
  add_region(phantom, std::make_shared<UndulatingLayer>(0, 0.4 * top, waves), known_tissue("fat"), "fat");
  add_region(phantom, layer(-1, 0.1 * top), known_tissue("skin"), "skin");

  add_region(phantom, rod(middle, axis, radius + imt + 0.5e-3), known_tissue("connective_tissue"), "adventitia", 3);
  add_region(phantom, rod(middle, axis, radius + imt), known_tissue("muscle"), "wall", -12);
  add_region(phantom, rod(middle, axis, radius + 0.25 * imt), known_tissue("wall"), "wall");
  const Vec3 narrowest = along ? Vec3{plaque_position, y, depth} : Vec3{0, y + plaque_position, depth};
  const auto lumen = std::make_shared<NarrowedLumen>(
      NarrowedLumen::Geometry{narrowest, along, radius, stenosis, plaque_length, eccentricity});
  if (stenosis > 0) add_region(phantom, std::make_shared<Plaque>(lumen), *plaque, "plaque");
  add_region(phantom, lumen, known_tissue("blood"), "lumen");

  const double left = 1 - stenosis;
  phantom.measurements = {{"lumen.diameter", diameter, "m"},
                          {"lumen.least_diameter", diameter * left, "m"},
                          {"wall.imt", imt, "m"},
                          {"plaque.diameter_stenosis", stenosis, ""},
                          {"plaque.area_stenosis", 1 - left * left, ""}};
}

}  // namespace sonoforge
