#include "sim/shadow.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/parallel.hpp"
#include "phantoms/shapes.hpp"
#include "physical_scene.hpp"
#include "sim/exact.hpp"
#include "sim/scatterer_engine.hpp"

namespace sonoforge {
namespace {

using physical_test::GaussianPulse;
using physical_test::row_of_elements;
using physical_test::Scene;

constexpr double frequency = 5e6;
constexpr double pi = std::numbers::pi;

/// 65 elements over 19.2 mm, one plane wave straight down.
Scene scene_of(std::vector<Vec3> targets) {
  Scene scene;
  scene.probe = row_of_elements(65, 0.3e-3, 0.25e-3, 4e-3, frequency);
  scene.phantom.background.sound_speed = 1540;
  scene.phantom.background.attenuation = {0.5, 1};
  scene.add_transmit(std::vector<double>(65, 0.0));
  scene.sequence.transmits[0].wave = Transmit::Wave::plane;
  scene.sequence.transmits[0].direction = {0, 0, 1};
  scene.sequence.frames = 1;
  scene.receive.sampling_rate = 20e6;
  scene.receive.depth = 45e-3;
  for (const Vec3& target : targets) scene.add_target(target);
  return scene;
}

Tissue lossy(double db_per_cm) {
  Tissue tissue;
  tissue.sound_speed = 1540;
  tissue.attenuation = {db_per_cm, 1};
  return tissue;
}

SimulationInput input_of(const Scene& scene, const Pulse& pulse) {
  return {scene.phantom, scene.probe, pulse, scene.sequence, scene.receive};
}

TEST(Shadow, BehindALayerTheFactorIsThatOfItsThickness) {
  Scene scene = scene_of({{0, 0, 5e-3}, {0, 0, 30e-3}, {4e-3, 1e-3, 40e-3}, {0, 0, 15e-3}});
  SlabConfig slab;
  slab.z = {10e-3, 20e-3};
  scene.phantom.regions.push_back({slab.build(), lossy(1.7), "", 0});
  const GaussianPulse pulse(frequency, 1e-6);
  const auto factors = shadow_factors(input_of(scene, pulse));
  const double rate = 1.2 * 100 * 5 / 8.685889638;  // Np/m beyond the background at 5 MHz
  // Steps of the map: half of one, 0.125 mm, at either side of the layer, on both ways.
  const double slack = rate * 2 * 0.25e-3;
  EXPECT_EQ(factors[0], 1);
  for (const auto& [index, thickness] : {std::pair{1, 10e-3}, std::pair{2, 10e-3}, std::pair{3, 5e-3}}) {
    // Slanted ways, up to 1 / cos 40 deg = 1.31 times as long at the sides of the aperture, less in the mean.
    EXPECT_LT(std::log(factors[static_cast<std::size_t>(index)]), -2 * rate * thickness + slack);
    EXPECT_GT(std::log(factors[static_cast<std::size_t>(index)]), -2.15 * rate * thickness - slack);
  }
  // A layer that takes less than the background enhances.
  scene.phantom.regions[0].tissue = lossy(0);
  EXPECT_NEAR(std::log(shadow_factors(input_of(scene, pulse))[1]), 2 * 0.5 * 100 * 5 / 8.685889638 * 10e-3, 0.06);
}

/// A strong attenuator of 6 mm in the middle: the echoes of targets behind it, at its edge and beside it, by the
/// integrals along every ray and by one factor.
TEST(Shadow, AgreesWithStraightRaysBehindALesion) {
  const std::vector<Vec3> targets{{0, 0, 24e-3}, {2.5e-3, 0, 30e-3}, {-3.5e-3, 0, 38e-3}, {8e-3, 0, 30e-3}};
  EllipsoidConfig ball;
  ball.centre = {0, 0, 14e-3};
  ball.radii = {5e-3, 100e-3, 3e-3};
  const GaussianPulse pulse(frequency, 0.4e-6);  // 1 dB of loss per cm and MHz moves its band by 2 % of its width
  for (const Vec3& target : targets) {
    Scene scene = scene_of({target});
    const auto level = [&](PropagationKind kind) {
      Exact engine;
      engine.dimensions = 2;
      engine.propagation = kind;
      const auto rf = engine.simulate(input_of(scene, pulse));
      // What delay and sum adds up: amplitudes of the elements within the 25 degrees that the factor counts.
      double sum = 0;
      for (std::size_t m = 0; m < 65; ++m) {
        if (std::abs(scene.probe.elements[m].position.x - target.x) > target.z * std::tan(25 * pi / 180)) continue;
        double energy = 0;
        for (float v : rf.samples.row(std::size_t{0}, std::size_t{0}, m)) energy += static_cast<double>(v) * v;
        sum += std::sqrt(energy);
      }
      return 20 * std::log10(sum);
    };
    const double plain = level(PropagationKind::uniform);
    scene.phantom.regions.push_back({ball.build(), lossy(1.5), "", 0});
    const double straight = level(PropagationKind::straight) - plain, shadow = level(PropagationKind::shadow) - plain;
    // Left: directions weigh by a power of their cosine here and by distance and directivity there, and edges of the
    // map: a tenth of the shadow's depth and half a decibel.
    EXPECT_NEAR(shadow, straight, 0.5 + 0.1 * std::abs(straight)) << target.x << " " << target.z;
    EXPECT_TRUE(target.x != 0 || straight < -4) << straight;
    EXPECT_TRUE(target.x != 8e-3 || straight > -2) << straight;
  }
}

TEST(Shadow, EnginesAgreeAndThreadsDoNotMatter) {
  Scene scene = scene_of({{0, 0, 24e-3}, {1e-3, 0, 26e-3}});
  EllipsoidConfig ball;
  ball.centre = {0, 0, 14e-3};
  ball.radii = {5e-3, 5e-3, 3e-3};
  scene.phantom.regions.push_back({ball.build(), lossy(1.5), "", 0});
  const GaussianPulse pulse(frequency, 0.3e-6);
  Exact exact;
  ScattererEngine fast;
  exact.dimensions = fast.dimensions = 2;
  exact.propagation = fast.propagation = PropagationKind::shadow;
  const auto a = exact.simulate(input_of(scene, pulse)), b = fast.simulate(input_of(scene, pulse));
  double error = 0, power = 0;
  for (std::size_t i = 0; i < a.samples.size(); ++i) {
    const double difference = static_cast<double>(a.samples.flat()[i]) - b.samples.flat()[i];
    error += difference * difference;
    power += static_cast<double>(a.samples.flat()[i]) * a.samples.flat()[i];
  }
  EXPECT_GT(power, 0);
  EXPECT_LT(std::sqrt(error / power), fast.accuracy);
  set_thread_count(1);
  const auto one = shadow_factors(input_of(scene, pulse));
  set_thread_count(3);
  EXPECT_EQ(shadow_factors(input_of(scene, pulse)), one);
  set_thread_count(0);
}

}  // namespace
}  // namespace sonoforge
