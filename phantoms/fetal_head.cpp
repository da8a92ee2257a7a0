#include "phantoms/fetal_head.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {

FetalHeadSize mean_fetal_head(double ga) {
  // [papageorghiou2014] millimetres from weeks.
  const double ga2 = ga * ga, log_ga = std::log(ga);
  return {1e-3 * (5.60878 + 0.158369 * ga2 - 0.00256379 * ga2 * ga),
          1e-3 * (-12.4097 + 0.626342 * ga2 - 0.148075 * ga2 * log_ga),
          1e-3 * (-28.2849 + 1.69267 * ga2 - 0.397485 * ga2 * log_ga)};
}

double ellipse_circumference(double diameter_1, double diameter_2) {
  const double a = std::max(diameter_1, diameter_2) / 2, b = std::min(diameter_1, diameter_2) / 2;
  return 4 * a * std::comp_ellint_2(std::sqrt(1 - b * b / (a * a)));
}

FetalHeadPhantom::FetalHeadPhantom() : AnatomyPhantom("soft_tissue") {
  extent.x = {-45e-3, 45e-3}, extent.z = {1e-3, 105e-3};
  scatterer_density = 3e9;
}

void FetalHeadPhantom::fields(FieldVisitor& visit) {
  common_fields(visit);
  visit(gestational_age, {.key = "gestational_age",
                          .doc = "In weeks; decides the size where no diameter is given.",
                          .min = 14,
                          .max = 40});
  visit(biparietal_diameter, {.key = "biparietal_diameter",
                              .doc = "BPD, outer to outer (default: the mean of the age).",
                              .unit = Unit::metre,
                              .min = 15e-3,
                              .max = 0.13});
  visit(occipitofrontal_diameter, {.key = "occipitofrontal_diameter",
                                   .doc = "OFD, outer to outer (default: the mean of the age).",
                                   .unit = Unit::metre,
                                   .min = 15e-3,
                                   .max = 0.16});
  visit(centre,
        {.key = "centre", .doc = "Middle of the head [x, y, z].", .unit = Unit::metre, .min = -0.3, .max = 0.3});
  visit(tilt, {.key = "tilt", .doc = "Of the midline, from x towards z.", .unit = Unit::radian, .min = -7, .max = 7});
  visit(skull, {.key = "skull", .doc = "Thickness of the skull.", .unit = Unit::metre, .min = 0.2e-3, .max = 5e-3});
  visit(maternal_wall, {.key = "maternal_wall",
                        .doc = "Skin, fat and muscle of the mother.",
                        .unit = Unit::metre,
                        .min = 2e-3,
                        .max = 0.1});
}

void FetalHeadPhantom::check() const {
  if (skull * 4 >= std::min(bpd(), ofd()))
    throw ConfigError(
        "skull",
        "the skull leaves no room for a brain (it is a quarter of the head or more). Write for example '1 mm'");
}

void FetalHeadPhantom::lay_out(Phantom& phantom, const RandomStream& random) const {
  RandomStream waves_random = random.child("wall");
  const double a = ofd() / 2, b = bpd() / 2;
  // x towards z about y is a left turn of the right-handed rotation.
  const Vec3 turn{0, -tilt, 0};
  const auto at = [&](double along, double across) {
    return centre + Vec3{along * a * std::cos(tilt) - across * b * std::sin(tilt), 0,
                         along * a * std::sin(tilt) + across * b * std::cos(tilt)};
  };

  std::vector<UndulatingLayer::Wave> waves;
  for (double wavelength : {70e-3, 31e-3})
    waves.push_back({0.02 * maternal_wall, wavelength, waves_random.uniform(0, 6.283185307179586)});
  // Amniotic fluid, uterus, muscle, fat, skin; each covers the one before.
  add_region(phantom, layer(0, 1), known_tissue("water"), "");
  const double uterus = maternal_wall + 6e-3;
  add_region(phantom, std::make_shared<UndulatingLayer>(-1, uterus, waves), known_tissue("muscle"), "uterus", 3);
  add_region(phantom, std::make_shared<UndulatingLayer>(-1, maternal_wall, waves), known_tissue("muscle"), "", -3);
  add_region(phantom, std::make_shared<UndulatingLayer>(-1, 0.6 * maternal_wall, waves), known_tissue("fat"), "");
  add_region(phantom, layer(-1, std::min(2e-3, 0.3 * maternal_wall)), known_tissue("skin"), "");

  // Speed and density of brain [itis2018]; its loss and its echoes, faint before birth, are ours.
  Tissue brain = known_tissue("soft_tissue");
  brain.name = "fetal_brain", brain.sound_speed = 1546, brain.density = 1046, brain.attenuation = {0.3, 1.0};
  // Bone of a fetus is soft and thin: it weakens the beam but lets it through. Speed, loss: ours, between cartilage and
  // adult bone.
  Tissue bone = known_tissue("skull_bone");
  bone.name = "fetal_skull", bone.sound_speed = 1900, bone.density = 1300, bone.attenuation = {3.0, 1.0};
  const double inner_a = a - skull, inner_b = b - skull;
  add_region(phantom, ellipsoid(centre, {a, b, b}, turn), bone, "skull", 6);
  add_region(phantom, ellipsoid(centre, {inner_a, inner_b, inner_b}, turn), brain, "brain", -14);
  for (double side : {-1.0, 1.0}) {
    add_region(phantom, ellipsoid(at(0.02, 0.24 * side), {0.22 * a, 0.2 * b, 0.17 * b}, turn), brain, "thalamus", -20);
    add_region(phantom, ellipsoid(at(-0.42, 0.36 * side), {0.24 * a, 0.1 * b, 0.1 * b}, {0, -tilt + 0.2 * side, 0}),
               brain, "choroid_plexus", -3);
  }
  // The falx is interrupted by the cavum septi pellucidi.
  const double line = 0.9e-3;
  for (auto [from, to] : {std::pair{-0.92, -0.28}, std::pair{0.52, 0.92}})
    add_region(phantom, box(at(0.5 * (from + to), 0), {(to - from) * a, b, line}, turn),
               known_tissue("connective_tissue"), "midline");
  add_region(phantom, box(at(0.36, 0), {0.26 * a, 0.3 * b, 0.16 * b}, turn), known_tissue("connective_tissue"), "", -2);
  add_region(phantom, box(at(0.36, 0), {0.26 * a - line, 0.3 * b, 0.16 * b - 2 * line / 2}, turn),
             known_tissue("water"), "cavum");

  phantom.measurements = {{"head.biparietal_diameter", 2 * b, "m"},
                          {"head.occipitofrontal_diameter", 2 * a, "m"},
                          {"head.circumference", ellipse_circumference(2 * a, 2 * b), "m"},
                          {"head.cephalic_index", b / a, ""},
                          {"head.gestational_age", gestational_age * 7 * 86400, "s"}};
}

}  // namespace sonoforge
