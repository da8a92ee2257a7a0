#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/random.hpp"
#include "sim/exact.hpp"
#include "sim/mechanical_index.hpp"
#include "sim/scan.hpp"
#include "tests/sim/physical_scene.hpp"
#include "transducers/pressure_drive.hpp"

// From a drive in Pa to pressures, echoes and safety indices in absolute units.

namespace sonoforge {
namespace {

using namespace physical_test;
constexpr double pi = std::numbers::pi, c = 1540, f0 = 5e6, p0 = 1e6;

/// A rigid disc of 4 mm radius, driven with 1 MPa on its face.
struct PistonScene : Scene {
  std::shared_ptr<const Pulse> pulse = drive_in_pascal(std::make_shared<GaussianPulse>(f0, 0.1e-6), p0, c);
  PistonScene() {
    probe = row_of_elements(1, 8e-3, 8e-3, 8e-3, f0);
    probe.elements[0].shape = Element::Shape::disc;
    add_transmit({0});
    receive.sampling_rate = 40e6;
    receive.depth = 30e-3;
  }
  SimulationInput input() const { return {phantom, probe, *pulse, sequence, receive}; }
};

TEST(AbsoluteUnits, PressureOnAxisIsThatOfTheFace) {
  // On the axis of a disc p(z, t) = p0 [x(t - z / c) - x(t - sqrt(z^2 + a^2) / c)]: at 8 mm the edge wave comes 0.6 us
  // later, six standard deviations of the pulse, so that the plane wave's peak stands alone.
  const PistonScene scene;
  const Exact engine;
  FieldRequest request;
  request.points = {{0, 0, 8e-3}};
  const auto field = engine.field(scene.input(), request, 0, Engine::FieldOutput::maps);
  EXPECT_NEAR(field.peak[0], p0, 2e-3 * p0);
}

TEST(AbsoluteUnits, MechanicalIndexIsDeratedRarefactionOverRootFrequency) {
  const PistonScene scene;
  const std::vector<Vec3> points{{0, 0, 8e-3}, {0, 0, 10e-3}, {0, 0, 6e-3}};
  const MechanicalIndex index = mechanical_index(Exact(), scene.input(), points, 0);
  // The edge wave is the plane wave upside down: its trough is -p0. 0.3 dB/cm/MHz x 0.6 cm x 5 MHz = 0.9 dB at the
  // shallowest point.
  const double expected = p0 * std::pow(10, -0.9 / 20);
  EXPECT_EQ(index.place, points[2]);
  EXPECT_NEAR(index.pressure, expected, 0.01 * expected);  // waveforms have 32 samples a period: cos(pi / 32) = 0.995
  EXPECT_DOUBLE_EQ(index.value, index.pressure / 1e6 / std::sqrt(5.0));
  EXPECT_NEAR(derating(0.02, 3e6), std::pow(10, -1.8 / 20), 1e-15);
}

TEST(AbsoluteUnits, LossDoesNotEnterTheMechanicalIndexTwice) {
  PistonScene scene;
  const std::vector<Vec3> points{{0, 0, 8e-3}};
  const double clear = mechanical_index(Exact(), scene.input(), points, 0).value;
  scene.phantom.background.attenuation = {0.5, 1};
  EXPECT_EQ(mechanical_index(Exact(), scene.input(), points, 0).value, clear);
}

TEST(AbsoluteUnits, TissueStrengthFollowsFromBackscatter) {
  Tissue tissue;
  tissue.backscatter = 0.4;
  EXPECT_THROW(tissue.check(), ConfigError);
  tissue.scatterer_density = 10e9;
  EXPECT_NO_THROW(tissue.check());
  EXPECT_DOUBLE_EQ(tissue.strength() * tissue.strength() * 10e9, 0.4);
  EXPECT_NEAR(tissue.echogenicity(), 10 * std::log10(0.4), 1e-12);
}

TEST(AbsoluteUnits, BackscatterCoefficientIsMeasuredBackFromEchoes) {
  // Small elements at distances r: each scatterer of length s (differential cross-section |s|^2) echoes
  //     p(f) = i k p0 X(f) A / (2 pi r) * s (f / f0)^2 / r,
  // incoherent sums give the energy n <s^2> (p0 A / 2 pi)^2 [integral dV / r^4] [integral k^2 |X|^2 (f / f0)^4 df], and
  // the backscatter coefficient is n <s^2> [insana1990].
  const double eta = 0.3, density = 10e9, side = 10e-6;
  Scene scene;
  scene.probe = row_of_elements(9, 2e-3, side, side, f0);
  std::vector<double> delays(9, std::numeric_limits<double>::quiet_NaN());
  const double x_half = 3e-3, z_near = 15e-3, z_far = 35e-3;
  const auto pulse = drive_in_pascal(std::make_shared<GaussianPulse>(f0, 0.2e-6), p0, c);
  const GaussianPulse shape(f0, 0.2e-6);
  double spectral = 0;
  const double df = 1e4;
  for (double f = df / 2; f < 12e6; f += df)
    spectral += 2 * std::norm(shape.spectrum(f, 0)) * std::pow(2 * pi * f / c, 2) * std::pow(f / f0, 4) * df;
  delays[4] = 0;
  std::vector<double> weights(9, 0.0);
  weights[4] = 1;
  scene.add_transmit(delays, weights);
  scene.receive.sampling_rate = 40e6;
  scene.receive.depth = 45e-3;
  // Geometry: out by the middle element, back to each.
  double geometry = 0;
  const double step = 0.5e-3;
  for (double x = -x_half + step / 2; x < x_half; x += step)
    for (double y = -x_half + step / 2; y < x_half; y += step)
      for (double z = z_near + step / 2; z < z_far; z += step)
        for (const Element& element : scene.probe.elements) {
          const Vec3 place{x, y, z};
          const double out = norm(place), back = norm(place - element.position);
          geometry += step * step * step / (out * out * back * back);
        }
  double measured = 0;
  constexpr int draws = 4;
  for (int draw = 0; draw < draws; ++draw) {
    RandomStream random(static_cast<std::uint64_t>(draw), 0, "scatterers");
    scene.phantom.scatterers = {};
    const auto count = static_cast<int>(density * 4 * x_half * x_half * (z_far - z_near));
    for (int i = 0; i < count; ++i) {
      const double x = random.uniform(-x_half, x_half), y = random.uniform(-x_half, x_half),
                   z = random.uniform(z_near, z_far);
      scene.add_target({x, y, z}, std::sqrt(eta / density) * random.normal());
    }
    const Acquisition rf =
        scan(Exact(), {scene.phantom, scene.probe, *pulse, scene.sequence, scene.receive}, {}, random);
    double energy = 0;
    for (float v : rf.samples.flat()) energy += static_cast<double>(v) * v / rf.sampling_rate;
    measured += energy / (std::pow(p0 * side * side / (2 * pi), 2) * geometry * spectral) / draws;
  }
  // Speckle: a record holds about 20 independent cells in range (26 us of echoes, weighted 1 / r^4, of a pulse that is
  // 0.7 us long), nine elements 2 mm apart see nearly independent ones (speckle is lambda z / 6 mm = 1.3 mm wide), four
  // draws: 720 cells, a standard deviation of 3.7 %; three of those.
  EXPECT_NEAR(measured, eta, 0.11 * eta);
}

}  // namespace
}  // namespace sonoforge
