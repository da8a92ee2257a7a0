// Laws of linear pulse echo that every engine obeys, whatever its approximations. A new engine is a new row.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <span>

#include "core/parallel.hpp"
#include "core/random.hpp"
#include "core/units.hpp"
#include "recon/iq.hpp"
#include "recon/metrics.hpp"
#include "sim/exact.hpp"
#include "sim/scatterer_engine.hpp"
#include "transducers/burst.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double speed = 1540;

// ---- The engines
// -----------------------------------------------------------------------------------------------------

struct Row {
  const char* name;
  std::function<std::shared_ptr<Engine>()> make;
  int dimensions;
  /// Relative L2 error that the engine allows itself in a record. Its laws hold to this.
  double error;
  /// Far from a small element pressure falls as 1/r in three dimensions and as 1/sqrt(r) in two; to this.
  double spreading_error;
  /// What may be heard before the first echo can be there, relative to all.
  double early;
};

std::shared_ptr<Engine> exact(Exact::Model model, int dimensions) {
  auto engine = std::make_shared<Exact>();
  engine->model = model;
  engine->dimensions = dimensions;
  return engine;
}

// Model simus leaves out frequencies 100 dB below the largest, which moves with what is simulated. In three dimensions
// it holds the wavenumber of its elevation factor over blocks of frequencies: from block to block the spectrum jumps,
// which rings before and after the echo, and pressure falls with 1/r only roughly.
std::shared_ptr<Engine> scatterers(Exact::Model model, int dimensions) {
  const auto engine = std::make_shared<ScattererEngine>();
  engine->model = model;
  engine->dimensions = dimensions;
  return engine;
}

const Row rows[] = {
    {"exact_physical_2d", [] { return exact(Exact::Model::physical, 2); }, 2, 1e-4, 1e-3, 1e-4},
    {"exact_physical_3d", [] { return exact(Exact::Model::physical, 3); }, 3, 1e-4, 1e-3, 1e-4},
    {"exact_simus_2d", [] { return exact(Exact::Model::simus, 2); }, 2, 1e-4, 1e-3, 1e-4},
    {"exact_simus_3d", [] { return exact(Exact::Model::simus, 3); }, 3, 1e-4, 2e-2, 5e-3},
    {"scatterers_physical_2d", [] { return scatterers(Exact::Model::physical, 2); }, 2, 1e-3, 1e-3, 1e-3},
    {"scatterers_physical_3d", [] { return scatterers(Exact::Model::physical, 3); }, 3, 1e-3, 1e-3, 1e-3},
    {"scatterers_simus_2d", [] { return scatterers(Exact::Model::simus, 2); }, 2, 1e-3, 1e-3, 1e-3},
};

// ---- Scenes and measures
// ---------------------------------------------------------------------------------------------

struct Scene {
  Probe probe;
  Phantom phantom;
  Sequence sequence;
  ReceiveConfig receive;
  std::shared_ptr<const Pulse> pulse;

  SimulationInput input() const { return {phantom, probe, *pulse, sequence, receive}; }
  void add(Vec3 position, double amplitude) {
    phantom.scatterers.positions.push_back(position);
    phantom.scatterers.amplitudes.push_back(amplitude);
  }
  std::vector<double> ones() const { return std::vector<double>(probe.size(), 1.0); }
};

/// A soft linear array with lens and response in a lossless medium that scatters alike at all frequencies: what all
/// models know. No transmit yet, and nothing to see but a scatterer of no strength far away: model simus scales its
/// records by the length of its period, which follows the farthest scatterer and the latest firing.
Scene empty_scene(std::size_t elements, double width = 0.27e-3, double height = 5e-3) {
  Scene scene;
  scene.probe.frequency = 5e6;
  scene.probe.bandwidth = 0.75;
  scene.probe.pitch = 0.3e-3;
  scene.probe.elevation_focus = 20e-3;
  for (std::size_t e = 0; e < elements; ++e)
    scene.probe.elements.push_back(
        {.position = {(static_cast<double>(e) - (static_cast<double>(elements) - 1) / 2) * 0.3e-3, 0, 0},
         .width = width,
         .height = height});
  scene.phantom.background.sound_speed = speed;
  scene.phantom.background.attenuation.db_per_cm = 0;
  scene.phantom.background.scattering_exponent = 0;
  scene.receive.sampling_rate = 20e6;
  scene.receive.samples = 700;  // 27 mm
  scene.pulse = BurstConfig().build(scene.probe);
  scene.add({0, 0, 40e-3}, 0);
  return scene;
}

/// Twelve scatterers before sixteen elements, which send a tilted wave.
Scene busy_scene() {
  Scene scene = empty_scene(16);
  RandomStream random(3, 0, "contracts");
  for (int i = 0; i < 12; ++i) {
    const double x = random.uniform(-5e-3, 5e-3), y = random.uniform(-1e-3, 1e-3);
    scene.add({x, y, random.uniform(6e-3, 20e-3)}, random.uniform(-1.5, 1.5));
  }
  scene.sequence.transmits = {plane_transmit(scene.probe, scene.ones(), 0.1, 0, speed)};
  return scene;
}

/// One element so small that it is a point, and a scatterer before it.
Scene point_scene(double z) {
  Scene scene = empty_scene(1, 0.05e-3, 0.05e-3);
  scene.probe.elevation_focus = std::numeric_limits<double>::infinity();
  scene.sequence.transmits = {element_transmit(scene.probe, 0)};
  scene.add({0, 0, z}, 1);
  return scene;
}

/// |a - scale b| / |b|
double difference(std::span<const float> a, std::span<const float> b, double scale = 1) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const double x = static_cast<double>(a[i]), y = scale * static_cast<double>(b[i]);
    error += (x - y) * (x - y), norm += y * y;
  }
  return std::sqrt(error / norm);
}

double energy(std::span<const float> record) {
  double sum = 0;
  for (float v : record) sum += static_cast<double>(v) * static_cast<double>(v);
  return sum;
}

class EngineContract : public testing::TestWithParam<Row> {
 protected:
  Acquisition simulate(const Scene& scene) const { return GetParam().make()->simulate(scene.input()); }
  double error() const { return GetParam().error; }
};

// ---- Laws
// ------------------------------------------------------------------------------------------------------------

TEST_P(EngineContract, Reciprocity) {
  // What element 11 hears of element 2 is what element 2 hears of element 11.
  Scene scene = busy_scene();
  scene.sequence.transmits = {element_transmit(scene.probe, 2), element_transmit(scene.probe, 11)};
  const auto a = simulate(scene);
  EXPECT_LT(difference(a.samples.row(0, 0, 11), a.samples.row(0, 1, 2)), 2 * error());
  EXPECT_GT(difference(a.samples.row(0, 0, 2), a.samples.row(0, 1, 2)), 0.1);
}

TEST_P(EngineContract, LinearInTheScatterers) {
  const Scene all = busy_scene();
  Scene first = all, second = all, scaled = all;
  for (std::size_t i = 0; i < all.phantom.scatterers.size(); ++i)
    (i % 2 ? first : second).phantom.scatterers.amplitudes[i] = 0;
  for (double& amplitude : scaled.phantom.scatterers.amplitudes) amplitude *= -3;
  const auto whole = simulate(all), a = simulate(first), b = simulate(second), c = simulate(scaled);
  std::vector<float> sum(whole.samples.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = a.samples.flat()[i] + b.samples.flat()[i];
  EXPECT_LT(difference(sum, whole.samples.flat()), 2 * error());
  EXPECT_LT(difference(c.samples.flat(), whole.samples.flat(), -3), error());
}

TEST_P(EngineContract, LinearInTheTransmittedWaves) {
  // Two laws at once are the sum of either; a weight is a factor.
  Scene both = busy_scene(), one = both, other = both;
  TransmitLaw law = one.sequence.transmits[0].laws[0];
  std::reverse(law.delays.begin(), law.delays.end());
  law.apodization.assign(16, -0.5);
  both.sequence.transmits[0].laws.push_back(law);
  both.sequence.transmits[0].wave = Transmit::Wave::custom;
  other.sequence.transmits[0].laws = {law};
  const auto whole = simulate(both), a = simulate(one), b = simulate(other);
  std::vector<float> sum(whole.samples.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = a.samples.flat()[i] + b.samples.flat()[i];
  EXPECT_LT(difference(sum, whole.samples.flat()), 2 * error());
}

TEST_P(EngineContract, TransmitsAndFramesDoNotInfluenceOneAnother) {
  Scene scene = busy_scene();
  scene.sequence.transmits = {plane_transmit(scene.probe, scene.ones(), 0.1, 0, speed),
                              element_transmit(scene.probe, 5)};
  scene.sequence.frames = 2;
  const auto together = simulate(scene);
  for (std::size_t t = 0; t < 2; ++t) {
    Scene alone = scene;
    alone.sequence.transmits = {scene.sequence.transmits[t]};
    alone.sequence.frames = 1;
    const auto one = simulate(alone);
    for (std::size_t m = 0; m < scene.probe.size(); ++m)
      for (std::size_t frame = 0; frame < 2; ++frame)
        ASSERT_LT(difference(together.samples.row(frame, t, m), one.samples.row(0, 0, m)), error());
  }
}

TEST_P(EngineContract, NothingIsHeardBeforeTheFirstEcho) {
  Scene scene = busy_scene();
  for (Element& element : scene.probe.elements) element.height = 0.05e-3;  // their middle is their nearest part
  const auto a = simulate(scene);
  double nearest = 1;
  for (const Vec3& s : scene.phantom.scatterers.positions)
    for (std::size_t n = 0; n < 16; ++n)
      for (std::size_t m = 0; m < 16; ++m) {
        const auto time = [&](std::size_t e) {
          const Vec3 d = s - scene.probe.elements[e].position;
          const double beside = std::max(0.0, std::abs(d.x) - scene.probe.elements[e].width / 2);
          return std::hypot(beside, d.z, GetParam().dimensions == 3 ? d.y : 0.0) / speed;
        };
        nearest = std::min(nearest, scene.sequence.transmits[0].laws[0].delays[n] + time(n) + time(m));
      }
  // The probe's response has no phase, so that it rings before its centre as well as behind it, by 1e-4 after 15
  // periods of its frequency.
  const auto silent = static_cast<std::size_t>((nearest - 15 / scene.probe.frequency) * scene.receive.sampling_rate);
  ASSERT_GT(silent, 50u);
  double before = 0;
  for (std::size_t m = 0; m < 16; ++m) before += energy(a.samples.row(0, 0, m).first(silent));
  EXPECT_LT(std::sqrt(before / energy(a.samples.flat())), GetParam().early);
}

TEST_P(EngineContract, EchoesAreCentredAtPathOverSpeed) {
  for (const double z : {8e-3, 13.3e-3, 19.77e-3}) {
    const Scene scene = point_scene(z);
    const auto a = simulate(scene);
    double total = 0, moment = 0;
    const auto record = a.samples.row(0, 0, 0);
    for (std::size_t n = 0; n < record.size(); ++n) {
      const double v = static_cast<double>(record[n]);
      total += v * v, moment += v * v * static_cast<double>(n) / a.sampling_rate;
    }
    // Burst and response are odd and even about their centre, so the energy is even. In two dimensions the Green's
    // function turns both ways' phase by 45 degrees and delays low frequencies a little.
    EXPECT_NEAR(moment / total, 2 * z / speed, 0.05 / scene.probe.frequency) << z;
  }
}

TEST_P(EngineContract, DeeperIsLaterAndWeaker) {
  // 38.5 um each way are one sample at 20 MHz: 120 samples later and nothing but weaker.
  const double near = 12e-3, deeper = 120 * speed / 2 / 20e6;
  Scene scene = point_scene(near);
  const auto a = simulate(scene);
  const auto b = simulate(point_scene(near + deeper));
  const double weaker = std::pow(near / (near + deeper), GetParam().dimensions == 2 ? 1 : 2);
  const auto early = a.samples.row(0, 0, 0), late = b.samples.row(0, 0, 0);
  EXPECT_LT(difference(late.subspan(120), early.first(early.size() - 120), weaker), GetParam().spreading_error);
  EXPECT_LT(energy(late.first(120)), 1e-6 * energy(late));
}

TEST_P(EngineContract, AttenuationIsTheDecibelsAsked) {
  // 0.5 dB/cm/MHz at 5 MHz over 2 x 16 mm is 8 dB. Twenty periods see it at their frequency, nearly: the variance of
  // their spectrum sinc^2 over the band of the response, B / (pi^2 T) = 0.05 MHz^2, times half the square of 1.6 dB/MHz
  // is 0.01 dB, and times the 1/f^2 that two passes in two dimensions put on the spectrum 0.03 dB.
  Scene scene = point_scene(16e-3);
  BurstConfig burst;
  burst.cycles = 20;
  scene.pulse = burst.build(scene.probe);
  const auto lossless = simulate(scene);
  scene.phantom.background.attenuation = {0.5, 1};
  const auto lossy = simulate(scene);
  EXPECT_NEAR(10 * std::log10(energy(lossy.samples.flat()) / energy(lossless.samples.flat())), -8, 0.1);
}

TEST_P(EngineContract, MovingScatterersAreWhereTheyAreWhenATransmitFires) {
  Scene scene = busy_scene();
  const Vec3 velocity{0.1, 0, 0.2};
  scene.phantom.scatterers.velocities.assign(scene.phantom.scatterers.size(), velocity);
  scene.sequence.frames = 2;
  scene.sequence.frame_rate = 500;
  scene.sequence.transmits.push_back(scene.sequence.transmits[0]);
  const auto moving = simulate(scene);
  Scene still = busy_scene();
  for (Vec3& p : still.phantom.scatterers.positions) p = p + (1.5 / 500) * velocity;
  const auto expected = simulate(still);
  EXPECT_LT(difference(moving.samples.row(1, 1, 5), expected.samples.row(0, 0, 5)), error());
  EXPECT_GT(difference(moving.samples.row(1, 0, 5), expected.samples.row(0, 0, 5)), 1e-2);
}

TEST_P(EngineContract, NoScatterersNoEchoes) {
  Scene scene = busy_scene();
  scene.phantom.scatterers = {};
  EXPECT_EQ(energy(simulate(scene).samples.flat()), 0);
}

TEST_P(EngineContract, SameBitsForAnyNumberOfThreads) {
  Scene scene = busy_scene();
  RandomStream random(4, 0, "threads");
  for (int i = 0; i < 400; ++i) {
    const double x = random.uniform(-6e-3, 6e-3), z = random.uniform(5e-3, 24e-3);
    scene.add({x, 0, z}, random.normal());
  }
  scene.sequence.transmits.push_back(element_transmit(scene.probe, 3));
  FieldRequest request;
  request.points = scene.phantom.scatterers.positions;
  const auto engine = GetParam().make();
  std::vector<Acquisition> echoes;
  std::vector<FieldResult> fields;
  for (int threads : {1, 2, 7}) {
    set_thread_count(threads);
    echoes.push_back(engine->simulate(scene.input()));
    fields.push_back(engine->field(scene.input(), request, 0, Engine::FieldOutput::waveforms));
  }
  set_thread_count(0);
  for (std::size_t i : {1u, 2u}) {
    EXPECT_TRUE(echoes[i].samples == echoes[0].samples);
    EXPECT_EQ(fields[i].rms, fields[0].rms);
    EXPECT_EQ(fields[i].peak, fields[0].peak);
    EXPECT_TRUE(fields[i].waveforms == fields[0].waveforms);
  }
  EXPECT_GT(energy(echoes[0].samples.flat()), 0);
}

// ---- Speckle
// -----------------------------------------------------------------------------------------------------------

TEST_P(EngineContract, SpeckleIsFullyDeveloped) {
  // Many scatterers of one kind: the envelope of their echoes is Rayleigh distributed. One element hears a whole arc of
  // them at a time, and many draws of the same tissue tell how the level falls with depth.
  constexpr std::size_t draws = 200, scatterers = 2400, first = 104, count = 160;  // 4 to 10.2 mm
  Scene scene = empty_scene(1);
  scene.receive.samples = first + count + 80;
  scene.sequence.transmits = {element_transmit(scene.probe, 0)};
  const AnalyticSignal<float> analytic(static_cast<std::size_t>(*scene.receive.samples));
  NdArray<double, 2> envelopes({draws, count});
  for (std::size_t draw = 0; draw < draws; ++draw) {
    scene.phantom.scatterers = {};
    RandomStream random(5, draw, "speckle");
    for (std::size_t i = 0; i < scatterers; ++i) {
      const double range = random.uniform(3e-3, 11e-3), angle = random.uniform(-pi / 6, pi / 6);
      scene.add({range * std::sin(angle), 0, range * std::cos(angle)}, random.uniform() < 0.5 ? -1 : 1);
    }
    const auto a = simulate(scene);
    std::vector<std::complex<float>> signal(a.samples_per_channel());
    analytic(a.samples.row(0, 0, 0), signal);
    for (std::size_t n = 0; n < count; ++n) envelopes(draw, n) = static_cast<double>(std::abs(signal[first + n]));
  }
  for (std::size_t n = 0; n < count; ++n) {
    double power = 0;
    for (std::size_t draw = 0; draw < draws; ++draw) power += envelopes(draw, n) * envelopes(draw, n) / draws;
    for (std::size_t draw = 0; draw < draws; ++draw) envelopes(draw, n) /= std::sqrt(power);
  }
  // A cell of 0.2 mm holds 60 scatterers, which takes 0.01 off the limit of infinitely many. There are 30 cells a draw:
  // mean over deviation of 6000 Rayleigh samples scatters by 1.36 / sqrt(6000) = 0.018.
  const double snr = speckle_snr(envelopes.flat());
  RecordProperty("snr", std::to_string(snr));
  EXPECT_NEAR(snr, std::sqrt(pi / (4 - pi)), 0.05);
}

std::string row_name(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Every, EngineContract, testing::ValuesIn(rows), row_name);

}  // namespace
}  // namespace sonoforge
