#include "phantoms/left_ventricle.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "phantoms/fetal_head.hpp"

namespace sonoforge {

namespace {

constexpr double pi = std::numbers::pi;
constexpr double reach = 2.5;  // radii of the wall's outside at which motion has faded out

/// 1 at 0, 0 at 1, flat at both.
double smooth_fall(double t) {
  const double s = std::clamp(t, 0.0, 1.0);
  return 1 - s * s * (3 - 2 * s);
}

/// Half a spheroid about an axis: base at `base`, towards the apex.
class HalfSpheroid : public Shape {
 public:
  HalfSpheroid(Vec3 base, Vec3 axis, double radius, double length)
      : base_(base), axis_(axis), radius_(radius), length_(length) {}
  bool contains(Vec3 p) const override {
    const Vec3 d = p - base_;
    const double along = dot(d, axis_);
    if (along < 0) return false;
    const Vec3 across = d - along * axis_;
    return dot(across, across) / (radius_ * radius_) + along * along / (length_ * length_) <= 1;
  }
  Bounds bounds() const override {
    const double r = std::max(radius_, length_);
    return {base_ - Vec3{r, r, r}, base_ + Vec3{r, r, r}};
  }
  double volume() const override { return 2 * pi / 3 * radius_ * radius_ * length_; }
  /// Half of the ellipse that a plane along the axis cuts out.
  double section_area(double y) const override {
    const double t = (y - base_.y) / radius_;
    return axis_.y == 0 && std::abs(t) <= 1 ? pi / 2 * radius_ * length_ * (1 - t * t) : Shape::section_area(y);
  }

 private:
  Vec3 base_, axis_;
  double radius_, length_;
};

/// What is left of a shape without another.
class Without : public Shape {
 public:
  Without(std::shared_ptr<const Shape> whole, std::shared_ptr<const Shape> hole)
      : whole_(std::move(whole)), hole_(std::move(hole)) {}
  bool contains(Vec3 p) const override { return whole_->contains(p) && !hole_->contains(p); }
  Bounds bounds() const override { return whole_->bounds(); }
  /// The hole lies within.
  double volume() const override { return whole_->volume() - hole_->volume(); }
  double section_area(double y) const override { return whole_->section_area(y) - hole_->section_area(y); }

 private:
  std::shared_ptr<const Shape> whole_, hole_;
};

}  // namespace

Heartbeat::Heartbeat(const Geometry& geometry, const Beat& beat) : g_(geometry), beat_(beat) {
  // Between a cavity as wide as long and one of twice the stretch the outline grows with the stretch: bisection.
  const double target = (1 + beat.strain) * outline_of(0, 1), q = -beat.ejection_fraction;
  double low = std::pow(g_.radius / g_.length, 2.0 / 3), high = 2;
  if (!(outline_of(q, low) <= target && target <= outline_of(q, high)))
    throw std::invalid_argument("no heart of this ejection fraction has this strain");
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (outline_of(q, middle) < target ? low : high) = middle;
  }
  end_stretch_ = 0.5 * (low + high);
}

double Heartbeat::outline_of(double q, double stretch) const {
  const double scale = std::cbrt(1 + q);
  return 0.5 * ellipse_circumference(2 * g_.radius * scale / std::sqrt(stretch), 2 * g_.length * scale * stretch);
}

double Heartbeat::contraction(double time) const {
  const double period = 1 / beat_.rate, end = beat_.systole * period;
  const double t = time - period * std::floor(time / period);
  return t < end ? 0.5 * (1 - std::cos(pi * t / end)) : 0.5 * (1 + std::cos(pi * (t - end) / (period - end)));
}

Heartbeat::State Heartbeat::state(double time) const {
  const double w = contraction(time);
  State s{-beat_.ejection_fraction * w, std::pow(end_stretch_, w), 0};
  const double outside = g_.length + g_.apex, rho = outside / g_.length;
  s.shift = outside - g_.length * std::cbrt(rho * rho * rho + s.q) * s.stretch;
  return s;
}

double Heartbeat::volume(double time) const {
  return 2 * pi / 3 * g_.radius * g_.radius * g_.length * (1 + state(time).q);
}

double Heartbeat::outline(double time) const {
  const State s = state(time);
  return outline_of(s.q, s.stretch);
}

double Heartbeat::wall_thickness(double time) const {
  const State s = state(time);
  const double rho = (g_.radius + g_.wall) / g_.radius;
  return g_.radius / std::sqrt(s.stretch) * (std::cbrt(rho * rho * rho + s.q) - std::cbrt(1 + s.q));
}

double Heartbeat::wall_volume() const {
  const double outer = g_.radius + g_.wall;
  return 2 * pi / 3 * (outer * outer * (g_.length + g_.apex) - g_.radius * g_.radius * g_.length);
}

double Heartbeat::outer_radius(double across, double along) const {
  return std::hypot(across / (g_.radius + g_.wall), along / (g_.length + g_.apex));
}

double Heartbeat::fading(double outer, double along) const {
  const double side = smooth_fall((outer - 1) / (reach - 1));
  return along >= 0 ? side : side * smooth_fall(-along / g_.atrium);
}

bool Heartbeat::moves(Vec3 position) const {
  const Vec3 d = position - g_.base;
  const double along = dot(d, g_.axis);
  return fading(outer_radius(norm(d - along * g_.axis), along), along) > 0;
}

Vec3 Heartbeat::displacement(Vec3 position, double time) const {
  const Vec3 d = position - g_.base;
  const double along = dot(d, g_.axis);
  const Vec3 across = d - along * g_.axis;
  const double weight = fading(outer_radius(norm(across), along), along);
  if (weight == 0) return {};
  const State s = state(time);
  const double rho = std::hypot(norm(across) / g_.radius, along / g_.length);
  const double scale = rho <= 1 ? std::cbrt(1 + s.q) : std::cbrt(1 + s.q / (rho * rho * rho));
  const double along_now = along * scale * s.stretch + s.shift, across_scale = scale / std::sqrt(s.stretch);
  return weight * ((along_now - along) * g_.axis + (across_scale - 1) * across);
}

Vec3 Heartbeat::origin(Vec3 place, double time) const {
  const State s = state(time);
  const Vec3 d = place - g_.base;
  const double along_now = dot(d, g_.axis);
  const double root = std::sqrt(s.stretch), along = (along_now - s.shift) / s.stretch;
  const Vec3 across = root * (d - along_now * g_.axis);
  const double rho = std::hypot(norm(across) / g_.radius, along / g_.length), cube = rho * rho * rho;
  const double back = cube <= 1 + s.q ? 1 / std::cbrt(1 + s.q) : std::cbrt(1 - s.q / cube);
  // Exact in wall and cavity, where motion has not begun to fade.
  if (along >= 0 && outer_radius(back * norm(across), back * along) <= 1)
    return g_.base + back * along * g_.axis + back * across;
  return DisplacementField::origin(place, time);
}

LeftVentriclePhantom::LeftVentriclePhantom() : AnatomyPhantom("soft_tissue") {
  extent.x = {-60e-3, 60e-3}, extent.z = {1e-3, 150e-3};
  scatterer_density = 2e9;
}

void LeftVentriclePhantom::fields(FieldVisitor& visit) {
  common_fields(visit);
  visit(apex_depth, {.key = "apex_depth", .doc = "Of the outer apex.", .unit = Unit::metre, .min = 5e-3, .max = 0.1});
  visit(diameter, {.key = "diameter",
                   .doc = "Of the cavity at the base, end diastole.",
                   .unit = Unit::metre,
                   .min = 10e-3,
                   .max = 0.1});
  visit(length, {.key = "length",
                 .doc = "Of the cavity from base to apex, end diastole.",
                 .unit = Unit::metre,
                 .min = 15e-3,
                 .max = 0.15});
  visit(wall, {.key = "wall",
               .doc = "Thickness of the wall at the base, end diastole; the apex has 3/4 of it.",
               .unit = Unit::metre,
               .min = 2e-3,
               .max = 30e-3});
  visit(tilt, {.key = "tilt", .doc = "Of the axis, from z towards x.", .unit = Unit::radian, .min = -1, .max = 1});
  visit(ejection_fraction, {.key = "ejection_fraction",
                            .doc = "Part of the volume that a beat ejects.",
                            .unit = Unit::fraction,
                            .min = 0.01,
                            .max = 0.85});
  visit(strain, {.key = "strain",
                 .doc = "Longitudinal: change of the cavity's outline from end diastole to end systole.",
                 .unit = Unit::fraction,
                 .min = -0.4,
                 .max = 0});
  visit(rate, {.key = "rate", .doc = "Heartbeats per second.", .unit = Unit::hertz, .min = 0.1, .max = 10});
  visit(systole, {.key = "systole",
                  .doc = "Part of the period in which the heart contracts.",
                  .unit = Unit::fraction,
                  .min = 0.1,
                  .max = 0.9});
  visit(texture, {.key = "texture",
                  .doc = "Root mean square of slow changes of the echo level.",
                  .unit = Unit::decibel,
                  .min = 0,
                  .max = 10});
}

Heartbeat LeftVentriclePhantom::beat() const {
  Heartbeat::Geometry g;
  g.radius = diameter / 2, g.length = length, g.wall = wall, g.apex = 0.75 * wall;
  g.axis = {-std::sin(tilt), 0, -std::cos(tilt)};
  const double x = 0.5 * (extent.x[0] + extent.x[1]), y = 0.5 * (extent.y[0] + extent.y[1]);
  g.base = Vec3{x, y, apex_depth} - (length + g.apex) * g.axis;
  return Heartbeat(g, {ejection_fraction, strain, rate, systole});
}

void LeftVentriclePhantom::check() const {
  if (diameter > length)
    throw ConfigError("length",
                      "the cavity is wider than long (" + format_quantity(diameter, Unit::metre) +
                          " across). Write for example 'length: " + format_quantity(1.7 * diameter, Unit::metre) + "'");
  try {
    static_cast<void>(beat());
  } catch (const std::invalid_argument&) {
    throw ConfigError("strain",
                      "no heart of this ejection fraction has this strain (its outline would be shorter than that of "
                      "a ball, or the cavity longer than twice itself). Write for example 'strain: " +
                          format_quantity(-ejection_fraction / 3, Unit::fraction) + "'");
  }
}

void LeftVentriclePhantom::lay_out(Phantom& phantom, const RandomStream& random) const {
  const auto heart = std::make_shared<Heartbeat>(beat());
  const double a = diameter / 2, apex = 0.75 * wall;
  const Vec3 axis{-std::sin(tilt), 0, -std::cos(tilt)}, side{std::cos(tilt), 0, -std::sin(tilt)};
  const double x = 0.5 * (extent.x[0] + extent.x[1]), y = 0.5 * (extent.y[0] + extent.y[1]);
  const Vec3 base = Vec3{x, y, apex_depth} - (length + apex) * axis;
  const auto at = [&](double along, double across) { return base + along * axis + across * side; };
  const Vec3 turn{0, tilt, 0};
  const Tissue muscle = known_tissue("heart_muscle"), blood = known_tissue("blood");

  // Right heart at the left of the image, atria below; each chamber a wall about blood.
  const auto chamber = [&](Vec3 centre, Vec3 radii, double thickness, const char* label) {
    add_region(phantom, ellipsoid(centre, {radii.x + thickness, radii.y + thickness, radii.z + thickness}, turn),
               muscle, "");
    add_region(phantom, ellipsoid(centre, radii, turn), blood, label);
  };
  const double outer = a + wall;
  // Pericardium: a bright line about the left ventricle.
  add_region(phantom, std::make_shared<HalfSpheroid>(at(-4e-3, 0), axis, outer + 1.5e-3, length + apex + 5.5e-3),
             known_tissue("connective_tissue"), "", 2);
  chamber(at(0.26 * length, -0.95 * outer), {0.75 * a, a, 0.5 * length}, 3.5e-3, "right_ventricle");
  chamber(at(-0.26 * length, -1.05 * outer), {0.78 * a, a, 0.26 * length}, 2.5e-3, "right_atrium");
  chamber(at(-0.27 * length, 0.02 * a), {0.85 * a, a, 0.28 * length}, 2.5e-3, "left_atrium");
  // The septum between the atria, and the ring of the tricuspid valve.
  add_region(phantom, box(at(-0.2 * length, -0.95 * a), {2.5e-3, 2 * a, 0.4 * length}, turn), muscle, "");
  add_region(phantom, box(at(0.01 * length, -1.05 * outer), {1.4 * a, 2 * a, 1.6e-3}, turn),
             known_tissue("connective_tissue"), "", -4);

  const auto cavity = std::make_shared<HalfSpheroid>(base, axis, a, length);
  const auto whole = std::make_shared<HalfSpheroid>(base, axis, outer, length + apex);
  add_region(phantom, std::make_shared<Without>(whole, cavity), muscle, "wall");
  add_region(phantom, cavity, blood, "cavity");
  // Mitral leaflets: from the ring to where they meet, a little towards the apex.
  for (double sign : {-1.0, 1.0}) {
    const double tent = 6e-3, half = 0.5 * (a - 0.5e-3);
    const double lean = -sign * std::atan2(tent, a);
    add_region(
        phantom,
        box(at(0.5 * tent - 1e-3, sign * half), {std::hypot(2 * half, tent), 2 * a, 1.4e-3}, {0, tilt + lean, 0}),
        known_tissue("connective_tissue"), "mitral_valve", -2);
  }

  // Chest wall, flat: intercostal muscle, fat, skin.
  const double chest = std::min(16e-3, apex_depth - 3e-3);
  add_region(phantom, layer(-1, chest), known_tissue("muscle"), "", -2);
  add_region(phantom, layer(-1, 0.45 * chest), known_tissue("fat"), "");
  add_region(phantom, layer(-1, std::min(2e-3, 0.2 * chest)), known_tissue("skin"), "");

  phantom.echo_map = std::make_shared<TextureEcho>(Texture(texture, random.child("texture"), 5e-3, 15e-3));
  phantom.scatterers.motion = heart;
  const double end = systole / rate;
  phantom.measurements = {{"left_ventricle.end_diastolic_volume", heart->volume(0), "m^3"},
                          {"left_ventricle.end_systolic_volume", heart->volume(end), "m^3"},
                          {"left_ventricle.stroke_volume", heart->volume(0) - heart->volume(end), "m^3"},
                          {"left_ventricle.ejection_fraction", 1 - heart->volume(end) / heart->volume(0), ""},
                          {"left_ventricle.longitudinal_strain", heart->outline(end) / heart->outline(0) - 1, ""},
                          {"left_ventricle.wall_volume", heart->wall_volume(), "m^3"},
                          {"left_ventricle.wall_thickness", heart->wall_thickness(0), "m"},
                          {"left_ventricle.end_systolic_wall_thickness", heart->wall_thickness(end), "m"},
                          {"left_ventricle.period", 1 / rate, "s"},
                          {"left_ventricle.end_systole", end, "s"}};
}

}  // namespace sonoforge
