#include "sim/propagation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "phantoms/shapes.hpp"
#include "physical_scene.hpp"

namespace sonoforge {
namespace {

using physical_test::GaussianPulse;
using physical_test::row_of_elements;
using physical_test::Scene;

constexpr double frequency = 5e6;
const Bounds region{{-10e-3, -1e-3, 1e-3}, {10e-3, 1e-3, 40e-3}};

Tissue tissue(double sound_speed, Attenuation attenuation = {0, 1}) {
  Tissue t;
  t.sound_speed = sound_speed;
  t.attenuation = attenuation;
  return t;
}

Region slab(double low, double high, const Tissue& t) {
  SlabConfig config;
  config.z = {low, high};
  return {config.build(), t, "", 0};
}

/// Least time through a plane boundary at `depth`.
double snell_time(Vec3 from, Vec3 to, double depth, double above, double below) {
  const double across = std::hypot(to.x - from.x, to.y - from.y);
  double low = 0, high = across;
  const auto time = [&](double x) {
    return std::hypot(x, depth - from.z) / above + std::hypot(across - x, to.z - depth) / below;
  };
  for (int i = 0; i < 200; ++i) {
    const double a = low + (high - low) / 3, b = high - (high - low) / 3;
    if (time(a) < time(b))
      high = b;
    else
      low = a;
  }
  return time(low);
}

Scene layered_scene() {
  Scene scene;
  scene.probe = row_of_elements(9, 2e-3, 0.2e-3, 0.2e-3, frequency);
  scene.phantom.background = tissue(1540, {0.5, 1});
  scene.phantom.regions.push_back(slab(-1, 8.2e-3, tissue(1450, {0.8, 1.3})));
  return scene;
}

TEST(Propagation, NothingBeyondTheBackgroundIsExactlyUniform) {
  Scene scene = layered_scene();
  scene.phantom.regions[0].tissue = scene.phantom.background;
  for (const auto kind : {PropagationKind::uniform, PropagationKind::straight, PropagationKind::eikonal})
    EXPECT_EQ(make_propagation(kind, scene.phantom, scene.probe, region, 3), nullptr);

  // Another tissue where no ray comes: tables are made, and hold rounding alone.
  scene.phantom.regions[0] = slab(90e-3, 95e-3, tissue(1450, {0.8, 1.3}));
  const std::vector<std::size_t> elements{0, 4, 8};
  for (const auto kind : {PropagationKind::straight, PropagationKind::eikonal}) {
    const auto propagation = make_propagation(kind, scene.phantom, scene.probe, region, 3);
    ASSERT_NE(propagation, nullptr);
    std::vector<double> delay(3), loss(6);
    propagation->excess({3.3e-3, 0.4e-3, 27.7e-3}, elements, delay.data(), loss.data());
    for (double d : delay) EXPECT_LT(std::abs(d), 1e-17);  // of 2e-5 s
    for (double l : loss) EXPECT_LT(std::abs(l), 1e-11);
  }
}

TEST(Propagation, DelaysThroughALayerFollowSnell) {
  const Scene scene = layered_scene();
  const auto bent = make_propagation(PropagationKind::eikonal, scene.phantom, scene.probe, region, 3);
  const auto straight = make_propagation(PropagationKind::straight, scene.phantom, scene.probe, region, 3);
  std::vector<std::size_t> elements{0, 2, 4, 7};
  std::vector<double> delay(4), along(4), loss(8), loss_along(8);
  EXPECT_TRUE(bent->grid().plane());
  ASSERT_EQ(bent->exponents(), (std::vector<double>{1, 1.3}));
  const double law[] = {Attenuation{0.5, 1}.nepers_per_metre(1e6), Attenuation{0.8, 1.3}.nepers_per_metre(1e6)};
  for (double x = -9.1e-3; x < 10e-3; x += 2.3e-3)
    for (double z = 12.1e-3; z < 39e-3; z += 3.7e-3) {
      const Vec3 point{x, 0.5e-3, z};
      bent->excess(point, elements, delay.data(), loss.data());
      straight->excess(point, elements, along.data(), loss_along.data());
      for (std::size_t i = 0; i < elements.size(); ++i) {
        const Vec3 from = scene.probe.elements[elements[i]].position;
        const double r = norm(point - from), in_layer = r * 8.2e-3 / z;
        // Two hundredths of a period: twice the rms that the grid was chosen for.
        EXPECT_NEAR(delay[i], snell_time(from, point, 8.2e-3, 1450, 1540) - r / 1540, 0.02 / frequency);
        EXPECT_NEAR(along[i], in_layer * (1 / 1450.0 - 1 / 1540.0), 0.02 / frequency);
        // A tenth of a cell of 0.15 mm of the layer, 15 Np/m at 1 MHz at most.
        EXPECT_NEAR(loss_along[2 * i], -law[0] * in_layer, 1e-3);
        EXPECT_NEAR(loss_along[2 * i + 1], law[1] * in_layer, 1e-3);
        EXPECT_LE(delay[i], along[i] + 0.02 / frequency);  // no way is faster than the ray's
      }
    }
  EXPECT_LT(bent->delay_error(), 0.01 / frequency);
}

TEST(Propagation, SameTablesForAnyThreadCount) {
  const Scene scene = layered_scene();
  std::vector<std::vector<double>> found;
  for (const int threads : {1, 2}) {
    set_thread_count(threads);
    const auto propagation = make_propagation(PropagationKind::eikonal, scene.phantom, scene.probe, region, 3);
    std::vector<double> delay(2), loss(4);
    propagation->excess({1.1e-3, 0, 21.3e-3}, std::vector<std::size_t>{1, 6}, delay.data(), loss.data());
    delay.insert(delay.end(), loss.begin(), loss.end());
    found.push_back(delay);
  }
  set_thread_count(0);
  EXPECT_EQ(found[0], found[1]);
}

TEST(Propagation, MediumThatVariesAlongElevationIsSolvedInSpace) {
  Scene scene = layered_scene();
  EllipsoidConfig ball;
  ball.centre = {0, 3e-3, 15e-3};
  ball.radii = {4e-3, 4e-3, 4e-3};
  scene.phantom.regions = {{ball.build(), tissue(1500), "", 0}};
  const Bounds small{{-5e-3, -1e-3, 2e-3}, {5e-3, 6e-3, 30e-3}};
  Propagation::Options options;
  options.kind = PropagationKind::straight;
  options.delay_error = 20e-9;
  const Propagation propagation(scene.phantom, scene.probe, small, options);
  EXPECT_FALSE(propagation.grid().plane());
  double delay = 0, loss = 0;
  const Vec3 point{0, 5e-3, 25e-3};
  propagation.excess(point, std::vector<std::size_t>{4}, &delay, &loss);
  // The straight way from (0, 0, 0) passes the ball's centre at the distance of a chord.
  const Vec3 way = normalized(point);
  const double nearest = norm(ball.centre - dot(ball.centre, way) * way);
  const double chord = 2 * std::sqrt(16e-6 - nearest * nearest);
  EXPECT_NEAR(delay, chord * (1 / 1500.0 - 1 / 1540.0), 20e-9);
}

/// Instant of the largest sample, by the parabola through its neighbours [s].
double peak_time(std::span<const float> record, double start, double rate) {
  std::size_t top = 1;
  for (std::size_t i = 1; i + 1 < record.size(); ++i)
    if (std::abs(record[i]) > std::abs(record[top])) top = i;
  const double a = record[top - 1], b = record[top], c = record[top + 1];
  return start + (static_cast<double>(top) + (a - c) / (2 * (a - 2 * b + c))) / rate;
}

TEST(Propagation, EchoThroughALayerComesWhenSnellSays) {
  Scene scene = layered_scene();
  scene.phantom.background.attenuation = {0, 1};
  scene.phantom.regions[0].tissue.attenuation = {0, 1};
  scene.add_target({6e-3, 0, 24e-3});
  std::vector<double> delays(9, std::nan(""));
  delays[2] = 0;
  scene.add_transmit(delays);
  scene.receive.sampling_rate = 100e6;
  scene.receive.depth = 60e-3;
  const GaussianPulse pulse(frequency, 0.2e-6);
  PhysicalOptions options;
  const auto uniform = scene.simulate(pulse, options);
  options.propagation = PropagationKind::eikonal;
  const auto layered = scene.simulate(pulse, options);
  const auto time = [&](std::size_t n) {
    return snell_time(scene.probe.elements[n].position, {6e-3, 0, 24e-3}, 8.2e-3, 1450, 1540);
  };
  const auto direct = [&](std::size_t n) {
    return norm(Vec3{6e-3, 0, 24e-3} - scene.probe.elements[n].position) / 1540;
  };
  for (std::size_t m = 0; m < 9; ++m) {
    const double shift =
        peak_time(layered.samples.row(0, 0, m), 0, 100e6) - peak_time(uniform.samples.row(0, 0, m), 0, 100e6);
    // Two ways, a hundredth of a period each.
    EXPECT_NEAR(shift, time(2) + time(m) - direct(2) - direct(m), 0.02 / frequency);
  }
}

TEST(Propagation, ShadowIsTheIntegralOfTheLoss) {
  Scene scene = layered_scene();
  scene.add_transmit(std::vector<double>(9, 0.0));
  for (std::size_t n = 0; n < 9; ++n)
    if (n != 4) scene.sequence.transmits[0].laws[0].apodization[n] = 0;
  scene.phantom.background = tissue(1540, {0.5, 1});
  // A shadow behind the first region, enhancement behind the second.
  for (const double strength : {2.0, 0.1}) {
    scene.phantom.regions = {slab(10e-3, 20e-3, tissue(1540, {strength, 1}))};
    FieldRequest request;
    request.points = {{0, 0, 30e-3}};
    request.frequency = 3e6;
    const GaussianPulse pulse(frequency, 0.2e-6);
    const auto level = [&](PropagationKind kind) {
      PhysicalOptions options;
      options.propagation = kind;
      return 20 * std::log10(std::abs(scene.field(pulse, request, Engine::FieldOutput::maps, options).continuous[0]));
    };
    const double expected = -(strength - 0.5) * 1.0 * 3;  // dB/cm/MHz x cm x MHz, one way
    // Cells at the faces of the slab hold means, whose error at each face is below a tenth of a cell of 0.15 mm: 0.01
    // dB.
    for (const auto kind : {PropagationKind::straight, PropagationKind::eikonal})
      EXPECT_NEAR(level(kind) - level(PropagationKind::uniform), expected, 0.02);
  }
}

TEST(Propagation, ReciprocityHolds) {
  Scene scene = layered_scene();
  scene.add_target({-3e-3, 0.3e-3, 22e-3});
  for (const std::size_t n : {1, 7}) {
    std::vector<double> delays(9, std::nan(""));
    delays[n] = 0;
    scene.add_transmit(delays);
  }
  scene.receive.sampling_rate = 40e6;
  scene.receive.depth = 40e-3;
  PhysicalOptions options;
  options.propagation = PropagationKind::eikonal;
  const auto echoes = scene.simulate(GaussianPulse(frequency, 0.2e-6), options);
  const auto forth = echoes.samples.row(0, 0, 7), back = echoes.samples.row(0, 1, 1);
  float largest = 0;
  for (float v : forth) largest = std::max(largest, std::abs(v));
  EXPECT_GT(largest, 0);
  // Samples are rounded to float.
  for (std::size_t i = 0; i < forth.size(); ++i) EXPECT_NEAR(forth[i], back[i], 1e-6 * largest);
}

TEST(Propagation, ModelSimusHasTheSameDelaysAndLosses) {
  Scene scene = layered_scene();
  scene.probe.baffle = std::numeric_limits<double>::infinity();
  scene.probe.bandwidth = 0.7;
  scene.add_transmit(std::vector<double>(9, 0.0));
  for (std::size_t n = 1; n < 9; ++n) scene.sequence.transmits[0].laws[0].apodization[n] = 0;
  const Vec3 point{4e-3, 0, 25e-3};
  FieldRequest request;
  request.points = {point};
  request.frequency = frequency;
  const GaussianPulse pulse(frequency, 0.2e-6);
  const SimulationInput input{scene.phantom, scene.probe, pulse, scene.sequence, scene.receive};
  SimusOptions options;
  const auto uniform = field_simus(input, options, request, 0, Engine::FieldOutput::maps).continuous[0];
  options.propagation = PropagationKind::eikonal;
  const auto found = field_simus(input, options, request, 0, Engine::FieldOutput::maps).continuous[0] / uniform;
  const auto propagation =
      make_propagation(PropagationKind::eikonal, scene.phantom, scene.probe, Bounds{point, point}, 3);
  double delay = 0, loss[2];
  propagation->excess(point, std::vector<std::size_t>{0}, &delay, loss);
  const double lost = loss[0] * 5 + loss[1] * std::pow(5.0, 1.3);
  const auto expected = std::polar(std::exp(-lost), -2 * std::numbers::pi * frequency * delay);
  EXPECT_LT(std::abs(found - expected), 1e-9 * std::abs(expected));
}

}  // namespace
}  // namespace sonoforge
