#include "phantoms/microbubbles.hpp"

#include <cmath>
#include <numbers>

#include "phantoms/speckle.hpp"

namespace sonoforge {

double bubble_scattering_length(double radius, double frequency, double resonance, double damping) {
  const double ratio = resonance / frequency;
  return radius / std::hypot(ratio * ratio - 1, damping);
}

double bubble_resonance(double radius) {
  return std::sqrt(3 * 1.07 * 101.3e3 / 1000) / (2 * std::numbers::pi * radius);
}

void MicrobubblesPhantom::fields(FieldVisitor& visit) {
  FlowPhantom::fields(visit);
  visit(concentration, {.key = "concentration",
                        .doc = "Bubbles a volume of blood.",
                        .unit = Unit::per_cubic_metre,
                        .min = 0,
                        .max = 1e13});
  visit(median_radius,
        {.key = "median_radius", .doc = "Of the bubbles.", .unit = Unit::metre, .min = 1e-7, .max = 1e-4});
  visit(radius_spread,
        {.key = "radius_spread", .doc = "Standard deviation of the logarithm of the radius.", .min = 0, .max = 2});
  visit(frequency, {.key = "frequency",
                    .doc = "At which bubbles scatter: that of the pulse.",
                    .unit = Unit::hertz,
                    .min = 1e4,
                    .max = 1e9});
  visit(stiffening, {.key = "stiffening", .doc = "Resonance over that of a free bubble.", .min = 0.1, .max = 20});
  visit(damping,
        {.key = "damping", .doc = "Total damping of the oscillation at its frequency.", .min = 0.001, .max = 10});
  visit(contrast, {.key = "contrast",
                   .doc = "Echo of the bubble of median radius above that of a scatterer of liver.",
                   .unit = Unit::decibel,
                   .min = -60,
                   .max = 120});
}

Phantom MicrobubblesPhantom::build(const RandomStream& random) const {
  Phantom phantom = FlowPhantom::build(random);
  // A Poisson process in space, cell by cell like speckle, in the vessel; one plane stands for a slice of 1 mm.
  Phantom cloud;
  cloud.background.scatterer_density = 0;
  Region blood_region = phantom.regions.front();
  blood_region.tissue.scatterer_density = concentration;
  blood_region.tissue.scatterer_strength = 1;
  blood_region.tissue.backscatter.reset();
  cloud.regions.push_back(blood_region);
  cloud.extent = phantom.extent;
  add_speckle(cloud, random.child("bubbles"));

  const RandomStream radii = random.child("radii");
  const auto length_of = [&](double r) {
    return bubble_scattering_length(r, frequency, stiffening * bubble_resonance(r), damping);
  };
  const double median = length_of(median_radius), level = std::pow(10.0, contrast / 20);
  double mean_radius = 0;
  const std::size_t count = cloud.scatterers.size();
  for (std::size_t i = 0; i < count; ++i) {
    const double radius_i = median_radius * std::exp(radius_spread * radii.normal_pair_at(i)[0]);
    mean_radius += radius_i / static_cast<double>(count);
    const Vec3 p = cloud.scatterers.positions[i];
    phantom.scatterers.positions.push_back(p);
    phantom.scatterers.amplitudes.push_back(level * length_of(radius_i) / median);
    phantom.scatterers.regions.push_back(0);
    phantom.targets.push_back({p, "bubble"});
  }
  phantom.measurements = {{"bubble.count", static_cast<double>(count), ""},
                          {"bubble.concentration", concentration, "1/m^3"},
                          {"bubble.mean_radius", mean_radius, "m"},
                          {"lumen.diameter", 2 * radius, "m"},
                          {"lumen.mean_velocity", mean_velocity, "m/s"},
                          {"lumen.flow", std::numbers::pi * radius * radius * mean_velocity, "m^3/s"}};
  return phantom;
}

}  // namespace sonoforge
