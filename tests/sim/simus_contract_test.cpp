// Laws that model simus must obey besides agreeing with its reference.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "core/parallel.hpp"
#include "core/random.hpp"
#include "sim/exact.hpp"
#include "sim/fourier_series.hpp"
#include "sim/simus_kernel.hpp"
#include "sim/simus_model.hpp"
#include "sim/vector_math.hpp"
#include "transducers/burst.hpp"
#include "transducers/chirp.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double c = 1540;

struct Scene {
  Probe probe;
  Phantom phantom;
  Sequence sequence;
  ReceiveConfig receive;
  std::shared_ptr<const Pulse> pulse;

  explicit Scene(std::size_t elements = 16, std::size_t scatterers = 9) {
    probe.frequency = 5e6;
    probe.bandwidth = 0.75;
    probe.pitch = 0.3e-3;
    probe.elevation_focus = 20e-3;
    for (std::size_t e = 0; e < elements; ++e)
      probe.elements.push_back(
          {.position = {(static_cast<double>(e) - (static_cast<double>(elements) - 1) / 2) * 0.3e-3, 0, 0},
           .width = 0.2e-3,
           .height = 4e-3});
    RandomStream random(3, 0, "scene");
    for (std::size_t i = 0; i < scatterers; ++i) {
      const double x = random.uniform(-5e-3, 5e-3), y = random.uniform(-1e-3, 1e-3);
      phantom.scatterers.positions.push_back({x, y, random.uniform(5e-3, 20e-3)});
      phantom.scatterers.amplitudes.push_back(random.uniform(0.5, 1.5));
    }
    phantom.background.sound_speed = c;
    sequence.transmits = {plane_transmit(probe, std::vector<double>(elements, 1.0), 0.1, 0, c)};
    receive.sampling_rate = 20e6;
    receive.depth = 21e-3;
    pulse = BurstConfig().build(probe);
  }
  SimulationInput input() const { return {phantom, probe, *pulse, sequence, receive}; }
};

double relative_difference(std::span<const float> a, std::span<const float> b) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    norm += static_cast<double>(b[i]) * b[i];
  }
  return std::sqrt(error / norm);
}

TEST(VectorMath, MatchesTheLibrary) {
  // A turn count of 1e5 has an absolute rounding error of 7e-12 in itself, so both sides see the same number.
  for (double turns : {0.0, 0.1, 0.125, 0.25, -0.5, 0.5, 0.874, -3.3, 12345.678, -99999.001}) {
    double cosine, sine;
    cis_turns(turns, cosine, sine);
    const double angle = 2 * pi * (turns - std::nearbyint(turns));
    EXPECT_NEAR(cosine, std::cos(angle), 4e-16);
    EXPECT_NEAR(sine, std::sin(angle), 4e-16);
  }
  for (double x : {-650.0, -20.0, -1e-9, 0.0, 0.3, 5.0, 600.0}) EXPECT_NEAR(exp_bounded(x) / std::exp(x), 1, 2e-13);
  EXPECT_LT(exp_bounded(-5000), 1e-300);
}

TEST(FourierSampler, EqualsTheSumItself) {
  RandomStream random(1, 0, "series");
  std::vector<std::complex<double>> coefficients(37);
  for (auto& value : coefficients) value = {random.normal(), random.normal()};
  const double step = 1.1e4, start = -3.7e-6, rate = 17.3e6;
  const std::size_t first = 90;
  std::vector<double> values(101);
  FourierSampler(step, first, coefficients.size(), start, rate, values.size())(coefficients, values);
  for (std::size_t n = 0; n < values.size(); ++n) {
    const double t = start + static_cast<double>(n) / rate;
    double expected = 0;
    for (std::size_t k = 0; k < coefficients.size(); ++k)
      expected += (coefficients[k] * std::polar(1.0, 2 * pi * step * static_cast<double>(first + k) * t)).real();
    EXPECT_NEAR(values[n], expected, 1e-10);
  }
}

class SimusLaws : public testing::TestWithParam<int> {
 protected:
  SimusOptions options() const { return {.dimensions = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Dimensions, SimusLaws, testing::Values(2, 3));

TEST_P(SimusLaws, RecordsAreSimusSamplesWhereTheRatesAgree) {
  Scene scene;  // 4 fc: the transform's rate is exact
  const auto own = simus_echoes(scene.input(), options(), 0);
  scene.receive.start = 100 / scene.receive.sampling_rate;
  const auto record = simulate_simus(scene.input(), options());
  ASSERT_GT(record.samples_per_channel(), 300u);
  double largest = 0;
  for (std::size_t e = 0; e < record.channels(); ++e)
    for (std::size_t n = 0; n < 300; ++n) {
      EXPECT_EQ(record.samples(0, 0, e, n), static_cast<float>(own.samples(e, n + 100)));
      largest = std::max(largest, std::abs(own.samples(e, n + 100)));
    }
  EXPECT_GT(largest, 0);
}

TEST_P(SimusLaws, OtherTimesAreTheSameSignal) {
  // Samples at 8 fc from an eighth of a period late: every other one but that shift is a sample at 4 fc shifted alike.
  // The factor 1/n of the transform halves the values.
  Scene scene;
  scene.receive.start = 3.3e-8;
  scene.receive.depth.reset();
  scene.receive.samples = 500;
  const auto coarse = simulate_simus(scene.input(), options());
  scene.receive.sampling_rate *= 2;
  scene.receive.samples = 1000;
  const auto fine = simulate_simus(scene.input(), options());
  std::vector<float> a, b;
  for (std::size_t e = 0; e < coarse.channels(); ++e)
    for (std::size_t n = 0; n < 500; ++n) {
      a.push_back(2 * fine.samples(0, 0, e, 2 * n));
      b.push_back(coarse.samples(0, 0, e, n));
    }
  // The threshold at 1e-5 sees another largest sample.
  EXPECT_LT(relative_difference(a, b), 1e-5);
  EXPECT_EQ(coarse.start[0], 3.3e-8);
}

TEST_P(SimusLaws, ExchangingSourceAndReceiverChangesNothing) {
  Scene scene;
  scene.sequence.transmits = {element_transmit(scene.probe, 2), element_transmit(scene.probe, 11)};
  const auto record = simulate_simus(scene.input(), options());
  // The order of the sums is the same on both sides but for products' rounding; the largest echo, to which the
  // threshold refers, differs, which is seen at 1e-5 of it.
  EXPECT_LT(relative_difference(record.samples.row(0, 0, 11), record.samples.row(0, 1, 2)), 1e-4);
  EXPECT_GT(relative_difference(record.samples.row(0, 0, 2), record.samples.row(0, 1, 2)), 0.1);
}

TEST_P(SimusLaws, EchoesAreLinearInTheScatterers) {
  Scene scene;
  const auto all = simulate_simus(scene.input(), options());
  Scene twice = scene;
  for (double& amplitude : twice.phantom.scatterers.amplitudes) amplitude *= 2;
  const auto doubled = simulate_simus(twice.input(), options());
  for (std::size_t i = 0; i < all.samples.size(); ++i)
    ASSERT_EQ(2 * all.samples.data()[i], doubled.samples.data()[i]);  // a factor 2 is exact

  // Halves keep the farthest scatterer with strength 0, so that the frequencies stay the same.
  Scene first = scene, second = scene;
  for (std::size_t i = 0; i < scene.phantom.scatterers.size(); ++i)
    (i % 2 ? first : second).phantom.scatterers.amplitudes[i] = 0;
  const auto a = simulate_simus(first.input(), options()), b = simulate_simus(second.input(), options());
  std::vector<float> sum(a.samples.size());
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = a.samples.data()[i] + b.samples.data()[i];
  EXPECT_LT(relative_difference(sum, all.samples.flat()), 3e-5);  // the threshold at 1e-5 is not linear
}

TEST_P(SimusLaws, AnyNumberOfThreadsGivesTheSameBits) {
  const Scene scene(20, 300);
  FieldRequest request;
  request.points = scene.phantom.scatterers.positions;
  set_thread_count(1);
  const auto expected = simulate_simus(scene.input(), options());
  const auto field = field_simus(scene.input(), options(), request, 0, Engine::FieldOutput::waveforms);
  for (int threads : {2, 7}) {
    set_thread_count(threads);
    EXPECT_TRUE(simulate_simus(scene.input(), options()).samples == expected.samples);
    const auto again = field_simus(scene.input(), options(), request, 0, Engine::FieldOutput::waveforms);
    EXPECT_EQ(again.rms, field.rms);
    EXPECT_EQ(again.peak, field.peak);
    EXPECT_TRUE(again.waveforms == field.waveforms);
  }
  set_thread_count(0);
}

TEST_P(SimusLaws, TransmitsDoNotInfluenceOneAnother) {
  Scene scene;
  const std::vector<double> ones(scene.probe.size(), 1.0);
  scene.sequence.transmits = {plane_transmit(scene.probe, ones, 0.1, 0, c), plane_transmit(scene.probe, ones, 0, 0, c),
                              plane_transmit(scene.probe, ones, -0.1, 0, c)};  // the first and last share frequencies
  scene.receive.depth.reset();
  scene.receive.samples = 600;
  const auto together = simulate_simus(scene.input(), options());
  for (std::size_t t = 0; t < 3; ++t) {
    Scene alone = scene;
    alone.sequence.transmits = {scene.sequence.transmits[t]};
    const auto one = simulate_simus(alone.input(), options());
    for (std::size_t e = 0; e < scene.probe.size(); ++e)
      for (std::size_t n = 0; n < 600; ++n) ASSERT_EQ(together.samples(0, t, e, n), one.samples(0, 0, e, n));
  }
}

TEST_P(SimusLaws, EchoOfAPointIsCentredAtItsTravelTime) {
  Scene scene(1, 0);
  scene.probe.elements[0].height = 0.2e-3;  // so low that its upper and lower end are as far as its middle
  const Vec3 point{0, 0, 12e-3};
  scene.phantom.scatterers.positions = {point};
  scene.phantom.scatterers.amplitudes = {1};
  scene.sequence.transmits = {element_transmit(scene.probe, 0)};
  const auto record = simulate_simus(scene.input(), options());
  double energy = 0, moment = 0, early = 0;
  const double arrival = 2 * point.z / c;
  for (std::size_t n = 0; n < record.samples_per_channel(); ++n) {
    const double t = static_cast<double>(n) / record.sampling_rate, v = record.samples(0, 0, 0, n);
    energy += v * v;
    moment += v * v * t;
    if (t < arrival - 3e-6) early = std::max(early, std::abs(v));
  }
  // The spectrum of burst and response has one phase, so that the pulse is odd about its centre; in three dimensions
  // the elevation factor bends it a little.
  EXPECT_NEAR(moment / energy, arrival, 0.05 / scene.probe.frequency);
  EXPECT_LT(early, 1e-4 * std::sqrt(energy));  // nothing before the ringing of the response, 15 periods long
}

TEST_P(SimusLaws, DeeperMeansLater) {
  // Far from one element, the echo of a point lower by 10 samples' way is the same record 10 samples later but for
  // spreading: 1/r in two dimensions, about that in three far beyond the lens.
  Scene scene(1, 0);
  scene.probe.elevation_focus = std::numeric_limits<double>::infinity();
  scene.phantom.scatterers.positions = {{0, 0, 30e-3}};
  scene.phantom.scatterers.amplitudes = {1};
  scene.sequence.transmits = {element_transmit(scene.probe, 0)};
  scene.receive.depth.reset();
  scene.receive.samples = 1200;
  const auto near = simulate_simus(scene.input(), options());
  scene.phantom.scatterers.positions[0].z += 5 * c / scene.receive.sampling_rate;
  const auto far = simulate_simus(scene.input(), options());
  std::vector<float> a(near.samples.flat().begin(), near.samples.flat().end() - 10);
  std::vector<float> b(far.samples.flat().begin() + 10, far.samples.flat().end());
  // The way is 1.3 % longer and 1/n of the transform smaller alike.
  EXPECT_LT(relative_difference(a, b), 0.06);
  EXPECT_GT(relative_difference(a, std::vector<float>(far.samples.flat().begin(), far.samples.flat().end() - 10)), 0.5);
}

TEST_P(SimusLaws, MovingScatterersAreWhereTheyAreWhenATransmitFires) {
  Scene scene;
  scene.receive.depth.reset();
  scene.receive.samples = 600;
  const Vec3 velocity{0.1, 0, 0.2};
  scene.phantom.scatterers.velocities.assign(scene.phantom.scatterers.size(), velocity);
  scene.sequence.frames = 2;
  scene.sequence.frame_rate = 500;
  scene.sequence.transmits.push_back(scene.sequence.transmits[0]);
  const auto record = simulate_simus(scene.input(), options());
  Scene still = scene;
  still.phantom.scatterers.velocities.clear();
  still.sequence.frames = 1;
  for (Vec3& p : still.phantom.scatterers.positions) p = p + (1.5 / 500) * velocity;
  const auto expected = simulate_simus(still.input(), options());
  EXPECT_LT(relative_difference(record.samples.row(1, 1, 5), expected.samples.row(0, 0, 5)), 1e-6);
  EXPECT_GT(relative_difference(record.samples.row(1, 0, 5), expected.samples.row(0, 0, 5)), 1e-2);
}

TEST_P(SimusLaws, FieldsOfOneDrive) {
  // Maps, waveforms and the continuous wave describe one field: Parseval ties rms and waveform, and the travel time the
  // waveform's centre.
  Scene scene(1, 0);
  scene.probe.elevation_focus = std::numeric_limits<double>::infinity();
  scene.probe.elements[0].height = 0.2e-3;  // so low that elevation, held over bands of frequencies, hardly matters
  scene.sequence.transmits = {element_transmit(scene.probe, 0)};
  FieldRequest request;
  request.points = {{0, 0, 15e-3}, {2e-3, 0, 10e-3}};
  request.sampling_rate = 40e6;
  const auto field = field_simus(scene.input(), options(), request, 0, Engine::FieldOutput::waveforms);
  for (std::size_t p = 0; p < 2; ++p) {
    double energy = 0, moment = 0, peak = 0;
    for (std::size_t n = 0; n < field.waveforms.extent(1); ++n) {
      const double v = field.waveforms(p, n), t = field.start + static_cast<double>(n) / field.sampling_rate;
      energy += v * v / field.sampling_rate;
      moment += v * v * t / field.sampling_rate;
      peak = std::max(peak, std::abs(v));
    }
    EXPECT_NEAR(moment / energy, norm(request.points[p]) / c, 0.05 / scene.probe.frequency);
    EXPECT_NEAR(peak, field.peak[p], 0.08 * peak);  // it may stand between two samples, 8 a period
    // integral p^2 dt = 2 (T/2)^2 integral |P|^2 df and rms^2 = integral |P|^2 df (times the width in two dimensions).
    // The map's coarse grid of frequencies integrates to its own accuracy of some 1e-3.
    const double half = 0.5 / scene.probe.frequency, width = GetParam() == 2 ? 0.2e-3 : 1;
    EXPECT_NEAR(energy / (2 * half * half * field.rms[p] * field.rms[p] / width), 1, 5e-3);
  }
  const auto maps = field_simus(scene.input(), options(), request, 0, Engine::FieldOutput::maps);
  EXPECT_EQ(maps.rms, field.rms);
  // Both find the top by a parabola through samples 16 and 8 a period: cos is off it by (pi/8)^4 / 24 = 1e-3 at most.
  for (std::size_t p = 0; p < 2; ++p) EXPECT_NEAR(maps.peak[p], field.peak[p], 5e-3 * field.peak[p]);
  request.frequency = 5e6;
  const auto continuous = field_simus(scene.input(), options(), request, 0, Engine::FieldOutput::maps).continuous;
  if (GetParam() == 2) {
    // One strip narrower than the shortest wavelength: obliquity times sinc over sqrt(r), with exp(-ikr).
    for (std::size_t p = 0; p < 2; ++p) {
      const double r = norm(request.points[p]), sine = request.points[p].x / r, k = 2 * pi * 5e6 / c;
      const double argument = k * 0.1e-3 * sine, sinc = argument == 0 ? 1 : std::sin(argument) / argument;
      const auto expected = std::polar(std::sqrt(1 - sine * sine) * sinc / std::sqrt(r), -k * r);
      EXPECT_LT(std::abs(continuous[p] - expected), 1e-9 * std::abs(expected));
    }
  }
}

TEST(SimusKernel, PowerLawLossIsTheOneAsked) {
  Scene scene(1, 0);
  Tissue lossy = scene.phantom.background, lossless = lossy;
  const std::vector<Vec3> points{{0, 0, 40e-3}};
  const FrequencyBand band{1e6, 1e4, 800};
  SplitTable drive(1, band.count, 1);
  for (std::size_t k = 0; k < band.count; ++k) drive.re(0, k, 0) = 1;
  for (double exponent : {1.0, 1.1, 2.0}) {
    lossy.attenuation = {0.5, exponent};
    const auto with = SimusKernel(scene.probe, lossy, 2, false).pressure(points, band, drive);
    const auto without = SimusKernel(scene.probe, lossless, 2, false).pressure(points, band, drive);
    for (std::size_t k = 0; k < band.count; ++k) {
      const double neper = 0.5 * std::pow(band.at(k) / 1e6, exponent) * 4 / 8.69;
      // For y = 2 and bins of 10 kHz the parabola leaves its chord over 4 bins by (2 * 1e-2)^2 * 0.23 = 1e-4 Np.
      EXPECT_NEAR(std::abs(with(0, k)) / std::abs(without(0, k)), std::exp(-neper), 1.2e-4 * std::exp(-neper));
      EXPECT_NEAR(std::arg(with(0, k) / without(0, k)), 0, 1e-9);
    }
  }
}

TEST(SimusKernel, DirectivityAtEveryFrequencyIsTheSincItself) {
  Scene scene(1, 0);
  const std::vector<Vec3> points{{0, 0, 20e-3}, {1e-7, 0, 20e-3}, {6e-3, 0, 15e-3}};
  const FrequencyBand band{1e6, 2e4, 300};
  SplitTable drive(1, band.count, 1);
  for (std::size_t k = 0; k < band.count; ++k) drive.re(0, k, 0) = 1;
  const auto full = SimusKernel(scene.probe, scene.phantom.background, 2, true).pressure(points, band, drive);
  for (std::size_t p = 0; p < points.size(); ++p)
    for (std::size_t i = 0; i < band.count; ++i) {
      const double r = norm(points[p]), sine = points[p].x / r, k = 2 * pi * band.at(i) / c;
      const double argument = k * 0.1e-3 * sine, sinc = argument == 0 ? 1 : std::sin(argument) / argument;
      const auto expected = std::polar(points[p].z / r * sinc / std::sqrt(r), k * r);
      // The sinc is a difference of phasors whose argument is held at 1e-4 or more: 1e-9 lost there.
      EXPECT_LT(std::abs(full(p, i) - expected), 1e-8 * std::abs(expected));
    }
}

template <class Function>
std::string config_error(Function&& function) {
  try {
    function();
  } catch (const ConfigError& error) {
    return error.key() + ": " + error.what();
  }
  return "";
}

TEST(SimusErrors, SayWhatTheModelDoesNotKnow) {
  {
    Scene scene;
    BurstConfig burst;
    burst.window = Window::hann;
    scene.pulse = burst.build(scene.probe);
    EXPECT_NE(config_error([&] { simulate_simus(scene.input(), {}); }).find("plain sine bursts"), std::string::npos);
  }
  {
    Scene scene;
    BurstConfig burst;
    burst.frequency = 4e6;
    scene.pulse = burst.build(scene.probe);
    EXPECT_NE(config_error([&] { simulate_simus(scene.input(), {}); }).find("one centre frequency"), std::string::npos);
  }
  {
    Scene scene;
    scene.probe.kind = Probe::Kind::ring;
    EXPECT_NE(config_error([&] { simulate_simus(scene.input(), {}); }).find("ring"), std::string::npos);
    scene.probe.kind = Probe::Kind::matrix;
    EXPECT_EQ(config_error([&] { simulate_simus(scene.input(), {.dimensions = 2}); }).substr(0, 10), "dimensions");
  }
  {
    Scene scene;  // a scatterer on the moon would need a record of seconds: refused before memory is taken
    scene.phantom.scatterers.positions[0].z = 4e8;
    EXPECT_NE(config_error([&] { simulate_simus(scene.input(), {}); }).find("frequencies"), std::string::npos);
  }
}

TEST(EngineCatalog, RefusesWhatIsNotInThisVersion) {
  const Catalog& catalog = engine_catalog();
  EXPECT_EQ(catalog.kind, "engine");
  EXPECT_EQ(catalog.default_type, "scatterers");
  const auto full_wave = Typed<Engine>::make(catalog, "full_wave");
  EXPECT_NE(config_error([&] { full_wave->check(); }).find("not in this version"), std::string::npos);
  Exact exact;
  EXPECT_NO_THROW(exact.check());
  exact.propagation = PropagationKind::eikonal;
  EXPECT_NO_THROW(exact.check());
}

}  // namespace
}  // namespace sonoforge
