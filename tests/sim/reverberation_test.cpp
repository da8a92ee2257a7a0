#include "sim/reverberation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/progress.hpp"
#include "phantoms/shapes.hpp"
#include "sim/exact.hpp"
#include "sim/scan.hpp"
#include "sim/scatterer_engine.hpp"
#include "tests/sim/physical_scene.hpp"
#include "transducers/pulse.hpp"

namespace sonoforge {
namespace {

using namespace physical_test;
using Complex = std::complex<double>;
constexpr double pi = std::numbers::pi, f0 = 5e6;

double energy(const NdArray<float, 4>& samples) {
  double sum = 0;
  for (float v : samples.flat()) sum += static_cast<double>(v) * static_cast<double>(v);
  return sum;
}

double relative_difference(const NdArray<float, 4>& a, const NdArray<float, 4>& b) {
  double error = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = static_cast<double>(a.flat()[i]) - static_cast<double>(b.flat()[i]);
    error += d * d;
  }
  return std::sqrt(error / energy(b));
}

/// Two elements so small that they are points: their response is their area times exp(-i k r - a r) / (2 pi r).
struct PointScene : Scene {
  static constexpr double width = 1e-6, height = 1e-6, spacing = 3e-3;
  GaussianPulse pulse{f0, 0.6 / f0};
  Exact engine;
  std::optional<Reverberation> reflectors;
  PointScene() {
    probe = row_of_elements(2, spacing, width, height, f0);
    phantom.background.attenuation = {0.7, 1.3};
    add_transmit({0.0, 0.4e-6}, {1, -0.6});
    receive.sampling_rate = 40e6;
    receive.duration = 60e-6;
    engine.accuracy = 1e-6;
  }
  SimulationInput input() const { return {phantom, probe, pulse, sequence, receive}; }
  double attenuation(double f) const { return 0.7 * 100 / (20 * std::log10(std::exp(1.0))) * std::pow(f / 1e6, 1.3); }
  /// The sound speed is that of the pulse's frequency; dispersion after [waters2000] as in PHYSICS.
  double wavenumber(double f) const {
    const double w = 2 * pi * f, w0 = 2 * pi * f0, y = 1.3;
    const double a0 = attenuation(1e6) / std::pow(2 * pi * 1e6, y);
    const double inverse =
        1 / phantom.background.sound_speed + a0 * std::tan(pi * y / 2) * (std::pow(w, y - 1) - std::pow(w0, y - 1));
    return w * inverse;
  }
  /// One path, as long as it is: element -> ... -> scatterer.
  Complex leg(double f, double r) const {
    return width * height / (2 * pi * r) * std::exp(Complex(-attenuation(f) * r, -wavenumber(f) * r));
  }
};

/// A path of the closed form: how deep the scatterer seems from the element, and the gain of its bounces.
struct Path {
  int bounces;
  double depth, gain;
};

/// The ways drawn by hand: bounce by bounce, adding up depths crossed. Nothing of the code under test.
std::vector<Path> paths_by_hand(double z, const Reverberation& r, int most) {
  std::vector<Path> result;
  if (z <= r.upper) return {{0, z, 1}};
  const bool between = z <= r.lower;
  // Downwards from the upper reflector: crossed so far, gain so far.
  double crossed = r.upper, gain = 1;
  for (int bounces = 0; bounces <= most; bounces += 2) {
    result.push_back({bounces, crossed + (z - r.upper), gain});
    crossed += r.lower - r.upper;  // at the lower one
    gain *= r.lower_reflection;
    if (between && bounces + 1 <= most) result.push_back({bounces + 1, crossed + (r.lower - z), gain});
    crossed += r.lower - r.upper;  // back at the upper one
    gain *= r.upper_reflection;
  }
  return result;
}

/// Samples of element m: the sum over all pairs of ways as an integral over frequency, trapezoidal rule.
std::vector<double> closed_form(const PointScene& scene, std::size_t m, std::size_t samples, bool straight) {
  const auto& r = *scene.reflectors;
  const double period = 200e-6, top = 4 * f0;
  std::vector<double> result(samples, 0.0);
  for (std::size_t k = 1; static_cast<double>(k) / period < top; ++k) {
    const double f = static_cast<double>(k) / period;
    Complex sum = 0;
    for (std::size_t s = 0; s < scene.phantom.scatterers.size(); ++s) {
      const Vec3 x = scene.phantom.scatterers.positions[s];
      const auto paths = paths_by_hand(x.z, r, 2 * r.orders);
      for (std::size_t n = 0; n < 2; ++n)
        for (const Path& there : paths)
          for (const Path& back : paths) {
            const int bounces = there.bounces + back.bounces;
            if (bounces > 2 * r.orders || (bounces == 0) != straight) continue;
            const Vec3 from = scene.probe.elements[n].position, to = scene.probe.elements[m].position;
            const auto& law = scene.sequence.transmits[0].laws[0];
            sum += scene.phantom.scatterers.amplitudes[s] * std::pow(f / f0, 2) * law.apodization[n] *
                   std::polar(1.0, -2 * pi * f * law.delays[n]) * there.gain * back.gain *
                   scene.leg(f, std::hypot(x.x - from.x, there.depth)) *
                   scene.leg(f, std::hypot(x.x - to.x, back.depth));
          }
    }
    sum *= scene.pulse.spectrum(f, 0) * 2.0 / period;
    for (std::size_t i = 0; i < samples; ++i)
      result[i] += std::real(sum * std::polar(1.0, 2 * pi * f * static_cast<double>(i) / scene.receive.sampling_rate));
  }
  return result;
}

void expect_closed_form(const PointScene& scene) {
  const Acquisition all = simulate_echoes(scene.engine, scene.input(), scene.reflectors);
  PointScene plain = scene;
  plain.reflectors.reset();
  const Acquisition straight = simulate_echoes(plain.engine, plain.input(), plain.reflectors);
  for (std::size_t m = 0; m < 2; ++m) {
    const auto want = closed_form(scene, m, all.samples_per_channel(), false);
    double error = 0, size = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double got = static_cast<double>(all.samples(0ul, 0ul, m, i)) - straight.samples(0ul, 0ul, m, i);
      error += std::pow(got - want[i], 2), size += want[i] * want[i];
    }
    // The samples are floats, and what is compared is the difference of two: 6e-8 of the larger straight echoes, some
    // tens of times the others here; the engine's integrals are good to 1e-6.
    EXPECT_LT(std::sqrt(error / size), 1e-5) << "element " << m;
    EXPECT_GT(size, 0);
  }
}

TEST(Reverberation, BelowBothReflectorsAgreesWithTheSumOverWays) {
  PointScene scene;
  scene.add_target({1e-3, 0, 15e-3});
  scene.reflectors = {2e-3, 9e-3, -0.6, 0.5, 2};
  expect_closed_form(scene);
}

TEST(Reverberation, BetweenTheReflectorsWavesComeFromBelowToo) {
  PointScene scene;
  scene.add_target({-0.5e-3, 0, 6e-3}, 0.8);
  scene.reflectors = {0, 10e-3, 0.7, -0.4, 2};
  expect_closed_form(scene);
}

TEST(Reverberation, ThreeOrdersOfBothKindsAndNothingOfScatterersAbove) {
  PointScene scene;
  scene.add_target({0.2e-3, 0, 7e-3}), scene.add_target({1e-3, 0, 14e-3}, -0.5), scene.add_target({0, 0, 1.5e-3});
  scene.reflectors = {3e-3, 9e-3, 0.5, 0.6, 3};
  expect_closed_form(scene);
}

TEST(Reverberation, EchoesOfOneOrderComeTwiceTheDistanceLater) {
  // One element above one scatterer: order k = m + n comes at 2 (z + k d) / c, as k + 1 echoes of gain g^k.
  PointScene scene;
  scene.phantom.background.attenuation = {};
  scene.sequence.transmits.clear();
  scene.add_transmit({0.0, 0.0}, {1, 0});
  scene.probe.elements[0].position = {};
  const double z = 15e-3, d = 6e-3, g = 0.3, c = scene.phantom.background.sound_speed;
  scene.add_target({0, 0, z});
  scene.reflectors = {3e-3, 9e-3, 0.6, 0.5, 2};
  const Acquisition rf = simulate_echoes(scene.engine, scene.input(), scene.reflectors);
  const auto record = rf.samples.row(0ul, 0ul, 0ul);
  const auto peak_near = [&](double time) {
    double best = 0, at = 0;
    for (std::size_t i = 0; i < record.size(); ++i) {
      const double t = static_cast<double>(i) / scene.receive.sampling_rate;
      if (std::abs(t - time) < 1.5e-6 && std::abs(static_cast<double>(record[i])) > std::abs(best))
        best = record[i], at = t;
    }
    return std::pair(at, best);
  };
  const auto [t0, a0] = peak_near(2 * z / c);
  for (int k = 1; k <= 2; ++k) {
    const auto [t, a] = peak_near(2 * (z + k * d) / c);
    EXPECT_NEAR(t - t0, 2 * k * d / c, 1 / scene.receive.sampling_rate);  // to a sample
    double spreading = 0;  // 1 / (r_there r_back) over that of the straight echo
    for (int m = 0; m <= k; ++m) spreading += z * z / ((z + 2 * m * d) * (z + 2 * (k - m) * d));
    // A sample lies within 1/16 of a period of the crest: cos(2 pi / 16) = 0.92 for either.
    EXPECT_NEAR(a / a0 / (std::pow(g, k) * spreading), 1, 0.09) << k;
  }
}

/// A row of elements with a lens over tissue in layers.
struct TissueScene : Scene {
  std::shared_ptr<const Pulse> pulse;
  ScattererEngine engine;
  std::optional<Reverberation> reflectors;
  TissueScene(std::size_t count = 24, std::uint64_t seed = 3) {
    probe = row_of_elements(count, 0.3e-3, 0.27e-3, 5e-3, f0);
    probe.bandwidth = 0.7, probe.elevation_focus = 20e-3, probe.baffle = std::numeric_limits<double>::infinity();
    pulse = Typed<PulseConfig>::make(pulse_catalog(), "burst")->build(probe);
    phantom.background.attenuation = {0.5, 1};
    phantom.background.name = "gel";
    SlabConfig slab;
    slab.z = {0, 8e-3};
    phantom.regions.push_back({slab.build(), {}, "wall", 0});
    phantom.regions[0].tissue.density = 1200;
    RandomStream random(seed, 0, "scatterers");
    for (int i = 0; i < 60; ++i) {
      add_target({random.uniform(-5e-3, 5e-3), random.uniform(-1e-3, 1e-3), random.uniform(1e-3, 20e-3)},
                 random.normal());
      phantom.scatterers.regions.push_back(phantom.scatterers.positions.back().z < 8e-3 ? 0 : -1);
    }
    std::vector<double> delays;
    for (std::size_t n = 0; n < count; ++n) delays.push_back(static_cast<double>(n) * 0.02e-6);
    add_transmit(delays), add_transmit(std::vector<double>(count, 0.0));
    receive.sampling_rate = 20e6;
    receive.depth = 30e-3;
    reflectors = {0, 8e-3, 0.5, 0.4, 2};
  }
  SimulationInput input() const { return {phantom, probe, *pulse, sequence, receive}; }
  Acquisition run(const std::vector<std::string>& components) const {
    return scan(engine, input(), components, RandomStream(1, 0, "noise"), reflectors);
  }
};

TEST(Reverberation, IsAComponentAndComponentsSumToTheWhole) {
  TissueScene scene;
  const Acquisition whole = scene.run({"wall", "reverberation"}), plain = scene.run({});
  ASSERT_EQ(whole.components.size(), 3u);
  EXPECT_EQ(whole.components[2].name, "reverberation");
  double top = 0, most = 0;
  for (std::size_t i = 0; i < whole.samples.size(); ++i) {
    double sum = 0;
    for (const auto& part : whole.components) sum += static_cast<double>(part.samples.flat()[i]);
    top = std::max(top, std::abs(sum - static_cast<double>(whole.samples.flat()[i])));
    most = std::max(most, std::abs(static_cast<double>(whole.samples.flat()[i])));
  }
  EXPECT_LT(top, 1e-6 * most);  // floats are added in another order
  // Without being asked for they stay with their scatterers; the fast sums may group those otherwise, within accuracy.
  EXPECT_LT(relative_difference(plain.samples, whole.samples), scene.engine.accuracy);
  const Acquisition kept = scene.run({"wall"});
  ASSERT_EQ(kept.components.size(), 2u);
  EXPECT_LT(relative_difference(kept.samples, whole.samples), scene.engine.accuracy);
  EXPECT_GT(relative_difference(kept.components[0].samples, whole.components[0].samples), 0.01);
  EXPECT_THROW(check_components(scene.phantom, {"reverberation"}), ConfigError);
}

TEST(Reverberation, OrdersFallOffAsAGeometricSeries) {
  // Below both, without loss and from far away compared with d: order k has k + 1 pairs of ways of amplitude g^k whose
  // echoes of one scatterer fall together, so its energy is (k + 1)^2 g^2k, spreading left aside: that of the way to
  // 40 mm + m d, at most (40 / 52)^2 of the amplitude.
  TissueScene scene;
  scene.phantom.background.attenuation = {};
  scene.phantom.scatterers = {};
  scene.add_target({0, 0, 40e-3});
  scene.probe.elevation_focus = std::numeric_limits<double>::infinity();
  for (Element& element : scene.probe.elements) element.height = 0.1e-3;
  scene.receive.depth = 60e-3;
  const double g = 0.2;
  NdArray<float, 4> before;
  double last = 0;
  for (int orders = 0; orders <= 3; ++orders) {
    scene.reflectors = {0, 3e-3, 0.5, 0.4, orders};
    if (orders == 0) scene.reflectors.reset();
    auto now = simulate_echoes(scene.engine, scene.input(), scene.reflectors).samples;
    auto added = now;
    for (std::size_t i = 0; i < before.size(); ++i) added.flat()[i] -= before.flat()[i];
    const double power = energy(added);
    if (orders > 0) {
      const double ratio = std::sqrt(power / last), k = orders;
      const double counted = g * (k + 1) / k;
      EXPECT_LT(ratio, counted * 1.01) << orders;
      EXPECT_GT(ratio, counted * std::pow(40.0 / 46.0, 2)) << orders;
    }
    last = power, before = std::move(now);
  }
}

/// Engine scatterers, which sees the images of the probe through cells and tables, against engine exact.
void expect_fast_agrees(TissueScene scene, std::int64_t dimensions, Exact::Model model) {
  scene.engine.dimensions = dimensions;
  scene.engine.model = model;
  if (dimensions == 2)
    for (Vec3& position : scene.phantom.scatterers.positions) position.y = 0;
  Exact exact;
  exact.dimensions = dimensions;
  exact.model = model;
  exact.accuracy = 1e-5;
  const auto direct = [](const Engine& engine) {
    return [&engine](const SimulationInput& images) { return engine.simulate(images); };
  };
  const Acquisition a = simulate_reverberation(scene.engine, scene.input(), *scene.reflectors, direct(scene.engine)),
                    b = simulate_reverberation(exact, scene.input(), *scene.reflectors, direct(exact));
  EXPECT_GT(energy(b.samples), 0);
  EXPECT_LT(relative_difference(a.samples, b.samples), scene.engine.accuracy);
  EXPECT_TRUE(a.notes.empty()) << a.notes.front();
}

TEST(Reverberation, FastEngineKeepsItsPromise) {
  expect_fast_agrees(TissueScene(), 3, Exact::Model::physical);
  expect_fast_agrees(TissueScene(), 2, Exact::Model::physical);
  expect_fast_agrees(TissueScene(), 2, Exact::Model::simus);
}

TEST(Reverberation, FastEngineKeepsItsPromiseWithStripsAndTables) {
  // So many pairs of scatterers and elements that elements go by lines.
  TissueScene scene(32);
  RandomStream random(4, 0, "scatterers");
  for (int i = 0; i < 1000; ++i) {
    scene.add_target({random.uniform(-5e-3, 5e-3), 0, random.uniform(0.2e-3, 12e-3)}, random.normal());
    scene.phantom.scatterers.regions.push_back(-1);
  }
  scene.receive.depth = 16e-3;
  scene.reflectors->orders = 1;
  scene.sequence.transmits.resize(1);
  set_quiet(true);
  expect_fast_agrees(scene, 3, Exact::Model::physical);
}

TEST(Reverberation, CurvedArraysAreSeenAsArcs) {
  TissueScene scene(24);
  scene.probe.kind = Probe::Kind::curved;
  scene.probe.curvature_radius = 15e-3;
  for (std::size_t n = 0; n < scene.probe.size(); ++n) {
    const double angle = (static_cast<double>(n) - 11.5) * 0.02, s = std::sin(angle), c = std::cos(angle);
    scene.probe.elements[n].position = {15e-3 * s, 0, 15e-3 * (c - 1)};
    scene.probe.elements[n].normal = {s, 0, c};
    scene.probe.elements[n].lateral = {c, 0, -s};
  }
  scene.reflectors->upper = 2e-3;
  expect_fast_agrees(scene, 3, Exact::Model::physical);
  expect_fast_agrees(scene, 2, Exact::Model::simus);
}

TEST(Reverberation, MovingScatterersAndShadowsAreHeardTwice) {
  // With velocities, each frame is the echo of where they are then; they stay on their side of the reflector.
  TissueScene scene(8);
  for (Vec3& p : scene.phantom.scatterers.positions)
    if (std::abs(p.z - 8e-3) < 0.1e-3) p.z -= 0.3e-3;
  scene.sequence.frames = 2, scene.sequence.frame_rate = 500;
  scene.phantom.scatterers.velocities.assign(scene.phantom.scatterers.size(), {0, 0, 0.02});
  const Acquisition moving = simulate_echoes(scene.engine, scene.input(), scene.reflectors);
  TissueScene later(8);
  later.phantom.scatterers = scene.phantom.scatterers;
  later.phantom.scatterers.velocities.clear();
  for (Vec3& p : later.phantom.scatterers.positions) p.z += 0.02 / 500;
  const Acquisition still = simulate_echoes(later.engine, later.input(), later.reflectors);
  double error = 0, size = 0;
  for (std::size_t m = 0; m < 8; ++m)
    for (std::size_t i = 0; i < still.samples_per_channel(); ++i) {
      const double want = still.samples(0ul, 0ul, m, i), got = moving.samples(1ul, 0ul, m, i);
      error += (got - want) * (got - want), size += want * want;
    }
  EXPECT_LT(std::sqrt(error / size), 2 * scene.engine.accuracy);

  // A loss beyond the background's weakens echoes by reflectors as it does straight ones.
  TissueScene shadow(8);
  shadow.engine.propagation = PropagationKind::shadow;
  shadow.phantom.regions[0].tissue.attenuation = {3, 1};
  const double with = energy(shadow.run({"reverberation"}).components.back().samples);
  shadow.engine.propagation = PropagationKind::uniform;
  const double without = energy(shadow.run({"reverberation"}).components.back().samples);
  EXPECT_LT(with, 0.5 * without);
  EXPECT_GT(with, 1e-3 * without);
}

TEST(Reverberation, CoefficientsFollowFromImpedances) {
  TissueScene scene;
  ReverberationConfig config;
  config.upper = 0, config.lower = 8e-3, config.upper_reflection = 0.5;
  const Reverberation r = config.build(scene.phantom, scene.probe);
  // Density 1200 above, 1000 below, one speed: (1000 - 1200) / 2200.
  EXPECT_NEAR(r.lower_reflection, -200.0 / 2200, 1e-12);
  EXPECT_EQ(r.upper_reflection, 0.5);
  config.upper = 8e-3, config.lower = 12e-3, config.upper_reflection.reset(), config.lower_reflection = 0.3;
  EXPECT_NEAR(config.build(scene.phantom, scene.probe).upper_reflection, 200.0 / 2200, 1e-12);  // from below
  config.lower_reflection.reset();
  EXPECT_THROW(config.build(scene.phantom, scene.probe), ConfigError);  // nothing changes at 12 mm
  config.upper = 0, config.lower_reflection = 0.3;
  EXPECT_THROW(config.build(scene.phantom, scene.probe), ConfigError);  // the face is not a tissue
  config.upper_reflection = 0.5;
  scene.probe.elements[0].position.z = 1e-3;
  EXPECT_THROW(config.build(scene.phantom, scene.probe), ConfigError);
  scene.probe.elements[0].position.z = -1e-3;
  EXPECT_THROW(config.build(scene.phantom, scene.probe), ConfigError);
}

}  // namespace
}  // namespace sonoforge
