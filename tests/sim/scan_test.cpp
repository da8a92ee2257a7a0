#include "sim/scan.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.hpp"
#include "phantoms/shapes.hpp"
#include "sim/exact.hpp"
#include "sim/record.hpp"
#include "tests/sim/physical_scene.hpp"

namespace sonoforge {
namespace {

using namespace physical_test;
constexpr double f0 = 5e6;

/// Eight elements; two scatterers at rest, two that move.
struct MovingScene : Scene {
  GaussianPulse pulse{f0, 1 / f0};
  Exact engine;
  MovingScene() {
    probe = row_of_elements(8, 0.3e-3, 0.27e-3, 5e-3, f0);
    add_target({1e-3, 0, 9e-3}), add_target({-1e-3, 0, 12e-3}, 0.7), add_target({0, 0, 10e-3}),
        add_target({0.5e-3, 0, 14e-3});
    phantom.scatterers.regions = {-1, 0, 0, 1};
    phantom.scatterers.velocities = {{}, {}, {0, 0, 0.3}, {0.1, 0, -0.2}};
    phantom.background.name = "gel";
    for (const char* label : {"plaque", "lumen"}) {
      SlabConfig slab;
      slab.z = {1, 2};
      phantom.regions.push_back({slab.build(), {}, label, 0});
    }
    add_transmit(std::vector<double>(8, 0.0));
    add_transmit(std::vector<double>(8, 0.0));
    sequence.frames = 3;
    sequence.frame_rate = 1000;
    receive.sampling_rate = 30e6;
    receive.depth = 16e-3;
  }
  SimulationInput input() const { return {phantom, probe, pulse, sequence, receive}; }
  Acquisition run(const std::vector<std::string>& components = {}, std::uint64_t seed = 1) const {
    return scan(engine, input(), components, RandomStream(seed, 0, "noise"));
  }
};

double largest(const NdArray<float, 4>& samples) {
  double top = 0;
  for (float v : samples.flat()) top = std::max(top, static_cast<double>(std::abs(v)));
  return top;
}

double largest_difference(const NdArray<float, 4>& a, const NdArray<float, 4>& b) {
  double top = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    top = std::max(top, std::abs(static_cast<double>(a.flat()[i]) - b.flat()[i]));
  return top;
}

TEST(Scan, StillAndMovingScatterersSumToTheWhole) {
  const MovingScene scene;
  const Acquisition whole = scene.engine.simulate(scene.input()), split = simulate_echoes(scene.engine, scene.input());
  // Each part is rounded to float by itself.
  EXPECT_LT(largest_difference(whole.samples, split.samples), 1e-6 * largest(whole.samples));
  EXPECT_EQ(split.frames(), 3u);
}

TEST(Scan, StillScatterersGiveTheSameBitsInEveryFrame) {
  MovingScene scene;
  scene.phantom.scatterers.velocities = {{}, {}, {0, 0, 0.3}, {0.1, 0, -0.2}};
  const Acquisition all = simulate_echoes(scene.engine, scene.input());
  scene.phantom.scatterers.amplitudes[2] = scene.phantom.scatterers.amplitudes[3] = 0;
  const Acquisition still = simulate_echoes(scene.engine, scene.input());
  MovingScene moving;
  moving.phantom.scatterers.amplitudes[0] = moving.phantom.scatterers.amplitudes[1] = 0;
  const Acquisition rest = simulate_echoes(moving.engine, moving.input());
  for (std::size_t f = 0; f < 3; ++f)
    for (std::size_t t = 0; t < 2; ++t)
      for (std::size_t m = 0; m < 8; ++m)
        for (std::size_t i = 0; i < all.samples_per_channel(); ++i) {
          ASSERT_EQ(still.samples(f, t, m, i), still.samples(0ul, t, m, i));
          ASSERT_EQ(all.samples(f, t, m, i), rest.samples(f, t, m, i) + still.samples(f, t, m, i));
        }
}

/// Everything moves with one velocity.
class Drift : public DisplacementField {
 public:
  explicit Drift(Vec3 velocity) : velocity_(velocity) {}
  Vec3 displacement(Vec3, double time) const override { return time * velocity_; }

 private:
  Vec3 velocity_;
};

TEST(Scan, DisplacementFieldsMoveScatterersLikeVelocitiesDo) {
  MovingScene by_velocity, by_field;
  by_velocity.phantom.scatterers.velocities.assign(4, {0.1, 0, 0.3});
  by_field.phantom.scatterers.velocities.clear();
  by_field.phantom.scatterers.motion = std::make_shared<Drift>(Vec3{0.1, 0, 0.3});
  const Acquisition a = by_velocity.run(), b = by_field.run();
  EXPECT_EQ(a.samples, b.samples);
  // 0.3 m/s for 1 ms: 0.3 mm, two wavelengths of the echo.
  double change = 0;
  for (std::size_t i = 0; i < a.samples_per_channel(); ++i)
    change = std::max(change, std::abs(static_cast<double>(a.samples(0ul, 0ul, 3ul, i)) - a.samples(1ul, 0ul, 3ul, i)));
  EXPECT_GT(change, 0.5 * largest(a.samples));
}

TEST(Scan, DuringATransmitScatterersAreWhereThePulseReachesThem) {
  MovingScene scene;
  scene.probe = row_of_elements(1, 0.3e-3, 0.27e-3, 5e-3, f0);
  for (auto& transmit : scene.sequence.transmits) transmit.laws = {{{0.0}, {1.0}}};
  scene.phantom.scatterers = {};
  scene.add_target({0, 0, 10e-3});
  scene.phantom.scatterers.velocities = {{0, 0, 2}};
  // Below the element z = z0 + v t and t = fired + z / c: z = (z0 + v fired) / (1 - v / c).
  for (std::size_t frame : {0u, 2u}) {
    const double fired = firing_time(scene.sequence, frame, 1);
    const double expected = (10e-3 + 2 * fired) / (1 - 2 / 1540.0);
    EXPECT_NEAR(positions_when_hit(scene.input(), frame, 1)[0].z, expected, 1e-12);
  }
  const Acquisition between = scene.run();
  scene.receive.motion = ReceiveConfig::Motion::during;
  const Acquisition during = scene.run();
  // The same as a scatterer that stands at that place.
  Scene still = scene;
  still.phantom.scatterers.velocities.clear();
  still.phantom.scatterers.positions = positions_when_hit(scene.input(), 2, 1);
  const Acquisition expected =
      scene.engine.simulate({still.phantom, scene.probe, scene.pulse, scene.sequence, scene.receive});
  for (std::size_t i = 0; i < during.samples_per_channel(); ++i) {
    ASSERT_EQ(during.samples(2ul, 1ul, 0ul, i), expected.samples(2ul, 1ul, 0ul, i));
  }
  EXPECT_GT(largest_difference(between.samples, during.samples), 0.1 * largest(between.samples));
}

TEST(Scan, ComponentsSumToTheWhole) {
  MovingScene scene;
  scene.receive.elements.gain_spread = 1;
  scene.receive.elements.phase_spread = 0.2;
  scene.receive.cross_talk.emplace();
  scene.receive.anti_alias.emplace().cutoff = 9e6;
  scene.receive.tgc.emplace().slope = 100;
  const Acquisition whole = scene.run();
  const Acquisition split = scene.run({"lumen", "plaque"});
  ASSERT_EQ(split.components.size(), 3u);
  EXPECT_EQ(split.components[0].name, "lumen");
  EXPECT_EQ(split.components[1].name, "plaque");
  EXPECT_EQ(split.components[2].name, "other");
  NdArray<float, 4> sum(whole.samples.shape());
  for (const auto& component : split.components)
    for (std::size_t i = 0; i < sum.size(); ++i) sum.flat()[i] += component.samples.flat()[i];
  EXPECT_LT(largest_difference(sum, whole.samples), 1e-6 * largest(whole.samples));
  EXPECT_LT(largest_difference(split.samples, whole.samples), 1e-6 * largest(whole.samples));
  // The lumen alone: its one scatterer through the same receiver.
  MovingScene alone = scene;
  alone.phantom.scatterers.amplitudes = {0, 0, 0, 1};
  EXPECT_LT(largest_difference(alone.run().samples, split.components[0].samples), 1e-6 * largest(whole.samples));
}

TEST(Scan, NoiseComponentHoldsTheNoise) {
  MovingScene scene;
  const Acquisition clean = scene.run();
  scene.receive.noise.snr = 20;
  const Acquisition split = scene.run({"background", "noise"});
  ASSERT_EQ(split.components.size(), 3u);
  EXPECT_EQ(split.components[2].name, "noise");
  double signal = 0, noise = 0;
  for (float v : clean.samples.flat()) signal += static_cast<double>(v) * v;
  for (float v : split.components[2].samples.flat()) noise += static_cast<double>(v) * v;
  // Power of n normals: relative deviation sqrt(2 / n), n = 3 x 2 x 8 x 660: 0.8 %; five of those.
  EXPECT_NEAR(noise / signal, 0.01, 0.0004);
  NdArray<float, 4> sum(split.samples.shape());
  for (const auto& component : split.components)
    for (std::size_t i = 0; i < sum.size(); ++i) sum.flat()[i] += component.samples.flat()[i];
  EXPECT_LT(largest_difference(sum, split.samples), 1e-6 * largest(split.samples));
}

TEST(Scan, RefusesComponentsThatDoNotExist) {
  const MovingScene scene;
  EXPECT_THROW(scene.run({"lesion"}), ConfigError);
  EXPECT_NO_THROW(scene.run({"gel"}));
}

TEST(Scan, GivesTheSameBitsForAnyNumberOfThreads) {
  MovingScene scene;
  scene.receive.elements.gain_spread = 1;
  scene.receive.elements.dead_count = 1;
  scene.receive.cross_talk.emplace();
  scene.receive.sensitivity = 1e-5;
  scene.receive.noise.figure = 3;
  scene.receive.anti_alias.emplace().cutoff = 9e6;
  scene.receive.tgc.emplace().slope = 100;
  scene.receive.adc.emplace();
  scene.receive.motion = ReceiveConfig::Motion::during;
  set_thread_count(1);
  const Acquisition one = scene.run({"lumen", "noise"});
  set_thread_count(3);
  const Acquisition three = scene.run({"lumen", "noise"});
  set_thread_count(0);
  EXPECT_EQ(one.samples, three.samples);
  for (std::size_t i = 0; i < one.components.size(); ++i)
    EXPECT_EQ(one.components[i].samples, three.components[i].samples);
  EXPECT_NE(one.samples, scene.run({"lumen", "noise"}, 2).samples);
}

}  // namespace
}  // namespace sonoforge
