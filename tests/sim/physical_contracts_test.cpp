#include <gtest/gtest.h>

#include <algorithm>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "sim/attenuation.hpp"
#include "tests/sim/physical_scene.hpp"
#include "transducers/burst.hpp"

// Laws that the linear model obeys whatever the probe and the phantom. Records are float: sums of a few of them agree
// to 1e-6 of the largest sample.

namespace sonoforge {
namespace {

using namespace physical_test;
using Complex = std::complex<double>;
constexpr double pi = std::numbers::pi;
constexpr double c = 1540, f0 = 5e6;

/// Sixteen elements with lens, soft baffle and response, every one with its own delay and weight; a few targets.
Scene busy_scene() {
  Scene scene;
  scene.probe = row_of_elements(16, 0.3e-3, 0.27e-3, 5e-3, f0);
  scene.probe.baffle = std::numeric_limits<double>::infinity();
  scene.probe.bandwidth = 0.7;
  scene.probe.elevation_focus = 18e-3;
  scene.phantom.background.attenuation = {0.5, 1.1};
  scene.add_target({1e-3, 0, 9e-3}, 1);
  scene.add_target({-3e-3, 0.5e-3, 14e-3}, -2);
  scene.add_target({0.2e-3, -1e-3, 6e-3}, 0.4);
  std::vector<double> delays, weights;
  for (int i = 0; i < 16; ++i) delays.push_back(1e-7 * ((i * 7) % 5)), weights.push_back(1 - 0.1 * ((i * 3) % 7));
  scene.add_transmit(delays, weights);
  scene.receive.sampling_rate = 30e6;
  scene.receive.depth = 16e-3;
  return scene;
}

/// One element much smaller than the wavelength.
Scene point_scene(double fs) {
  Scene scene;
  scene.probe = row_of_elements(1, 1e-5, 1e-5, 1e-5, f0);
  scene.phantom.background.scattering_exponent = 0;
  scene.add_transmit({0});
  scene.receive.sampling_rate = fs;
  scene.receive.duration = 60e-6;
  return scene;
}

GaussianPulse short_pulse() {
  return GaussianPulse(f0, 1 / f0);
}

double largest(const Acquisition& a) {
  double value = 0;
  for (float v : a.samples.flat()) value = std::max(value, static_cast<double>(std::abs(v)));
  return value;
}

double largest_difference(const Acquisition& a, const Acquisition& b) {
  double value = 0;
  for (std::size_t i = 0; i < a.samples.size(); ++i)
    value = std::max(value, std::abs(static_cast<double>(a.samples.flat()[i]) - b.samples.flat()[i]));
  return value;
}

TEST(PhysicalModel, FillsTheAcquisition) {
  const Scene scene = busy_scene();
  const auto a = scene.simulate(short_pulse());
  EXPECT_EQ(a.frames(), 1u);
  EXPECT_EQ(a.transmits(), 1u);
  EXPECT_EQ(a.channels(), 16u);
  EXPECT_EQ(a.sampling_rate, 30e6);
  EXPECT_EQ(a.start, std::vector<double>{0});
  EXPECT_EQ(a.centre_frequency, f0);
  EXPECT_EQ(a.sound_speed, c);
  EXPECT_EQ(a.probe.size(), 16u);
  EXPECT_EQ(a.sequence.transmits.size(), 1u);
  EXPECT_GT(largest(a), 0);
  EXPECT_FALSE(a.is_iq());
}

TEST(PhysicalModel, SameBitsForAnyNumberOfThreads) {
  const Scene scene = busy_scene();
  for (int dimensions : {2, 3}) {
    std::vector<Acquisition> results;
    for (int threads : {1, 2, 7}) {
      set_thread_count(threads);
      results.push_back(scene.simulate(short_pulse(), {.dimensions = dimensions}));
    }
    set_thread_count(0);
    EXPECT_EQ(results[0].samples, results[1].samples);
    EXPECT_EQ(results[0].samples, results[2].samples);
  }
}

TEST(PhysicalModel, IsReciprocal) {
  Scene scene = busy_scene();
  scene.sequence.transmits.clear();
  for (std::size_t fired : {2u, 11u}) {
    std::vector<double> delays(16, std::numeric_limits<double>::quiet_NaN());
    delays[fired] = 0;
    scene.add_transmit(delays);
  }
  for (int dimensions : {2, 3}) {
    const auto a = scene.simulate(short_pulse(), {.dimensions = dimensions});
    for (std::size_t n = 0; n < a.samples_per_channel(); ++n)
      ASSERT_NEAR(a.samples(0, 0, 11, n), a.samples(0, 1, 2, n), 1e-6 * largest(a));
  }
}

TEST(PhysicalModel, IsLinearInTargets) {
  Scene all = busy_scene(), first = busy_scene(), rest = busy_scene();
  first.phantom.scatterers.amplitudes = {1, 0, 0};
  rest.phantom.scatterers.amplitudes = {0, -2, 0.4};
  const auto a = all.simulate(short_pulse()), b = first.simulate(short_pulse()), d = rest.simulate(short_pulse());
  for (std::size_t i = 0; i < a.samples.size(); ++i)
    ASSERT_NEAR(a.samples.flat()[i], b.samples.flat()[i] + d.samples.flat()[i], 2e-6 * largest(a));
}

TEST(PhysicalModel, SuperposesLaws) {
  Scene both = busy_scene(), one = busy_scene(), other = busy_scene();
  TransmitLaw law;
  for (int i = 0; i < 16; ++i) law.delays.push_back(2e-8 * i), law.apodization.push_back(i < 4 ? 0 : 1);
  both.sequence.transmits[0].laws.push_back(law);
  other.sequence.transmits[0].laws = {law};
  // The record's length follows the last firing.
  for (Scene* scene : {&both, &one, &other}) scene->receive.depth.reset(), scene->receive.samples = 700;
  const auto a = both.simulate(short_pulse()), b = one.simulate(short_pulse()), d = other.simulate(short_pulse());
  for (std::size_t i = 0; i < a.samples.size(); ++i)
    ASSERT_NEAR(a.samples.flat()[i], b.samples.flat()[i] + d.samples.flat()[i], 2e-6 * largest(a));
}

TEST(PhysicalModel, NothingArrivesBeforeItCan) {
  Scene scene = busy_scene();
  scene.probe.bandwidth = 0;  // the response has no phase, so that it rings before time zero too
  for (int dimensions : {2, 3}) {
    const auto pulse = short_pulse();
    const auto a = scene.simulate(pulse, {.dimensions = dimensions});
    // The nearest target lies 6 mm deep. The lens lets the edges fire sqrt(b^2 + F^2) - F earlier, and dispersion makes
    // high frequencies 0.3 % faster.
    const double lens = std::hypot(2.5e-3, 18e-3) - 18e-3;
    const double first = 2 * (6e-3 - (dimensions == 3 ? lens : 0)) / c / 1.003 - pulse.half_duration();
    double before = 0;
    for (std::size_t m = 0; m < 16; ++m)
      for (std::size_t n = 0; static_cast<double>(n) / 30e6 < first; ++n)
        before = std::max(before, static_cast<double>(std::abs(a.samples(0, 0, m, n))));
    // The spectrum is cut at 1e-6 of its maximum on both sides of the band.
    EXPECT_LT(before / largest(a), 3e-6);
  }
}

TEST(PhysicalModel, EchoOfAPointIsCentredAtPathOverSpeed) {
  const double fs = 100e6;
  for (double z : {5e-3, 12.3e-3, 31.77e-3}) {
    Scene scene = point_scene(fs);
    scene.add_target({0, 0, z});
    const auto a = scene.simulate(short_pulse());
    const auto record = a.samples.row(0, 0, 0);
    const auto top = static_cast<std::size_t>(std::max_element(record.begin(), record.end()) - record.begin());
    // The pulse is even about its centre, so the largest sample is next to it; a parabola finds it to a hundredth.
    const double shift =
        0.5 * (record[top - 1] - record[top + 1]) / (record[top - 1] - 2 * record[top] + record[top + 1]);
    EXPECT_NEAR(static_cast<double>(top) + shift, 2 * z / c * fs, 0.02);
    // Amplitude: (area / (2 pi z))^2 times the pulse's peak of one.
    EXPECT_NEAR(record[top] / std::pow(1e-10 / (2 * pi * z), 2), 1, 0.02);
  }
}

TEST(PhysicalModel, EchoOfAPointIsTheFormulaTermByTerm) {
  // Drive, response of both ways, scattering law, loss and dispersion of both ways, delay and weight of the law:
  // p(t) = 2 Re integral X H (f/f0)^n A w (area exp(-(i k + a) z) / (2 pi z))^2 exp(2 pi i f (t - tau)) df by plain
  // summation.
  Scene scene = point_scene(40e6);
  scene.probe.bandwidth = 0.8;
  scene.phantom.background.attenuation = {0.8, 1.2};
  scene.phantom.background.scattering_exponent = 1.5;
  const double z = 17e-3, tau = 0.3e-6, weight = -0.7, amplitude = 3;
  scene.sequence.transmits.clear();
  scene.add_transmit({tau}, {weight});
  scene.add_target({0, 0, z}, amplitude);
  BurstConfig config;
  config.cycles = 2;
  const auto burst = config.build(scene.probe);
  const auto a = scene.simulate(*burst, {.tolerance = 1e-6});
  const UniformMedium medium(c, {0.8, 1.2}, f0, true);
  for (std::size_t n = 860; n < 980; ++n) {
    const double t = static_cast<double>(n) / 40e6, step = 5e3;
    double sum = 0;
    for (int i = 1; i * step < 12e6; ++i) {
      const double f = i * step;
      // The burst sin(2 pi f0 t) over two periods: -i T/2 [sinc((f-f0) T) - sinc((f+f0) T)].
      const double duration = 2 / f0, u = pi * (f - f0) * duration, v = pi * (f + f0) * duration;
      const double lobes = (std::abs(u) < 1e-9 ? 1 : std::sin(u) / u) - std::sin(v) / v;
      const double width = 0.8 * f0;
      const double response = std::exp(
          -std::numbers::ln2 * std::pow(2 * std::abs(f - f0) / width, std::log(126.0) / std::log(2 * f0 / width)));
      const Complex one_way =
          1e-10 / (2 * pi * z) * std::exp(-Complex(medium.attenuation(f), medium.wavenumber(f)) * z);
      const Complex term = Complex(0, -duration / 2 * lobes) * response * std::pow(f / f0, 1.5) * amplitude * weight *
                           one_way * one_way * std::polar(1.0, 2 * pi * f * (t - tau));
      sum += 2 * term.real() * step;
    }
    // The mean path from the element's 10 x 10 um is (b^2 + b^2) / (6 z) = 0.5 nm longer each way: 2e-5 of a radian.
    ASSERT_NEAR(a.samples(0, 0, 0, n), sum, 3e-5 * largest(a)) << n;
  }
}

TEST(PhysicalModel, DeeperTargetsEchoLaterAndWeaker) {
  const double fs = 77e6;  // a tenth of a millimetre deeper is ten samples later
  Scene near = point_scene(fs), far = point_scene(fs);
  near.add_target({0, 0, 20e-3});
  far.add_target({0, 0, 24e-3});
  const auto a = near.simulate(short_pulse()), b = far.simulate(short_pulse());
  const std::size_t shift = 400;
  for (std::size_t n = 0; n + shift < a.samples_per_channel(); ++n)
    // Spreading both ways; the element's size changes the path by 1e-9 m.
    ASSERT_NEAR(b.samples(0, 0, 0, n + shift) * std::pow(24.0 / 20, 2), a.samples(0, 0, 0, n), 1e-5 * largest(a));
}

TEST(PhysicalModel, CausalPulsesBeginAtZero) {
  const double fs = 100e6;
  Scene centred = point_scene(fs), causal = point_scene(fs);
  causal.receive.pulse = ReceiveConfig::Pulse::causal;
  centred.add_target({0, 0, 15e-3});
  causal.add_target({0, 0, 15e-3});
  const GaussianPulse pulse(f0, 40e-8 / 5.7);  // half its length is 40 samples
  const auto a = centred.simulate(pulse), b = causal.simulate(pulse);
  EXPECT_NEAR(b.start[0], -40e-8, 1e-18);
  ASSERT_EQ(b.notes.size(), 1u);
  for (std::size_t n = 0; n + 40 < a.samples_per_channel(); ++n)
    ASSERT_NEAR(a.samples(0, 0, 0, n), b.samples(0, 0, 0, n + 40), 1e-6 * largest(a));
}

TEST(PhysicalModel, ReceiveDelaysShiftTheirChannels) {
  Scene plain = busy_scene(), delayed = busy_scene();
  for (int i = 0; i < 16; ++i) delayed.sequence.receive_delays.push_back(i / 30e6);
  const auto a = plain.simulate(short_pulse()), b = delayed.simulate(short_pulse());
  for (std::size_t m = 0; m < 16; ++m)
    for (std::size_t n = 0; n + m < a.samples_per_channel(); ++n)
      ASSERT_NEAR(a.samples(0, 0, m, n), b.samples(0, 0, m, n + m), 2e-6 * largest(a));
}

TEST(PhysicalModel, EchoesFromOutsideTheRecordDoNotWrapIntoIt) {
  Scene scene = busy_scene();
  scene.receive.depth.reset();
  scene.receive.start = 8e-6;
  scene.receive.samples = 300;  // 8 to 18 us: the first target only
  const auto all = scene.simulate(short_pulse());
  scene.add_target({0, 0, 25e-3}, 3);
  scene.add_target({4e-3, 0, 90e-3}, 50);
  scene.add_target({0, 0, 1e-3}, 3);
  const auto more = scene.simulate(short_pulse());
  EXPECT_LT(largest_difference(more, all), 3e-6 * largest(all));
}

TEST(PhysicalModel, IsSilentAfterTheLastEcho) {
  Scene scene = busy_scene();
  const auto brief = scene.simulate(short_pulse());
  scene.receive.depth.reset();
  scene.receive.duration = 20e-3;  // half a metre of nothing: 600 000 samples that need no frequencies of their own
  const auto lengthy = scene.simulate(short_pulse());
  const double bound = 2e-6 * largest(brief);
  for (std::size_t m = 0; m < 16; ++m) {
    for (std::size_t n = 0; n < brief.samples_per_channel(); ++n)
      ASSERT_NEAR(lengthy.samples(0, 0, m, n), brief.samples(0, 0, m, n), bound) << n;
    for (std::size_t n = 1000; n < lengthy.samples_per_channel(); ++n)
      ASSERT_NEAR(lengthy.samples(0, 0, m, n), 0, bound) << n;
  }
}

TEST(PhysicalModel, RecordsAreSamplesOfOneSignal) {
  // Sampling below twice the band folds it, as sampling does; the samples are those of the dense record.
  Scene dense = busy_scene(), coarse = busy_scene();
  dense.receive.depth.reset(), coarse.receive.depth.reset();
  dense.receive.sampling_rate = 36e6, coarse.receive.sampling_rate = 6e6;
  dense.receive.samples = 720, coarse.receive.samples = 120;
  const auto a = dense.simulate(short_pulse()), b = coarse.simulate(short_pulse());
  for (std::size_t m = 0; m < 16; ++m)
    for (std::size_t n = 0; n < 120; ++n)
      ASSERT_NEAR(b.samples(0, 0, m, n), a.samples(0, 0, m, 6 * n), 1e-5 * largest(a));
}

TEST(PhysicalModel, RayleighScatteringIsTheSecondDerivative) {
  const double fs = 100e6, sigma = 1 / f0, w0 = 2 * pi * f0;
  Scene scene = point_scene(fs);
  scene.add_target({0, 0, 10e-3 * c / 1540});
  const auto flat = scene.simulate(short_pulse());
  scene.phantom.background.scattering_exponent.reset();
  const auto rayleigh = scene.simulate(short_pulse());
  // (f/f0)^2 is -1/w0^2 d^2/dt^2; at the top of exp(-t^2/(2 sigma^2)) cos(w0 t) that is 1 + 1/(w0 sigma)^2.
  EXPECT_NEAR(largest(rayleigh) / largest(flat), 1 + 1 / std::pow(w0 * sigma, 2), 2e-3);
}

TEST(PhysicalModel, MovingTargetsAreSeenWhereTheyAre) {
  Scene moving = busy_scene();
  moving.phantom.scatterers.velocities = {{0, 0, 0.1}, {0.2, 0, 0}, {0, -0.1, 0.05}};
  moving.sequence.frames = 2;
  moving.sequence.frame_rate = 500;
  moving.add_transmit(std::vector<double>(16, 0.0));
  const auto a = moving.simulate(short_pulse());
  for (std::size_t frame = 0; frame < 2; ++frame)
    for (std::size_t t = 0; t < 2; ++t) {
      const double time = (static_cast<double>(frame) + static_cast<double>(t) / 2) / 500;
      Scene still = busy_scene();
      still.add_transmit(std::vector<double>(16, 0.0));
      for (std::size_t s = 0; s < 3; ++s)
        still.phantom.scatterers.positions[s] =
            still.phantom.scatterers.positions[s] + time * moving.phantom.scatterers.velocities[s];
      const auto b = still.simulate(short_pulse());
      for (std::size_t m = 0; m < 16; ++m)
        for (std::size_t n = 0; n < a.samples_per_channel(); ++n)
          ASSERT_NEAR(a.samples(frame, t, m, n), b.samples(0, t, m, n), 3e-6 * largest(b));
    }
}

TEST(PhysicalModel, EmptyPhantomIsSilent) {
  Scene scene = busy_scene();
  scene.phantom.scatterers = {};
  scene.sequence.frames = 3;
  const auto a = scene.simulate(short_pulse());
  EXPECT_EQ(a.frames(), 3u);
  EXPECT_EQ(largest(a), 0);
}

TEST(PhysicalModel, RefusesWhatItCannotDo) {
  Scene scene = busy_scene();
  scene.probe.elements[3].shape = Element::Shape::disc;
  EXPECT_THROW(scene.simulate(short_pulse(), {.dimensions = 2}), UserError);
  Scene absurd = busy_scene();
  absurd.sequence.frames = 1'000'000'000;
  EXPECT_THROW(absurd.simulate(short_pulse()), ConfigError);
  EXPECT_THROW(busy_scene().simulate(short_pulse(), {.tolerance = 0}), ConfigError);
  Scene vast = busy_scene();
  vast.probe.elements[0].width = vast.probe.elements[0].height = 10;
  EXPECT_THROW(vast.simulate(short_pulse()), UserError);
}

TEST(PhysicalField, TimeConventionOfAContinuousWave) {
  // Far from a small element G = area exp(-i k z - a z) / (2 pi z), with the medium's k and a.
  Scene scene = point_scene(50e6);
  scene.phantom.background.attenuation = {0.7, 1.3};
  const UniformMedium medium(c, {0.7, 1.3}, f0, true);
  FieldRequest request;
  request.points = {{0, 0, 10e-3}, {0, 0, 40e-3}};
  for (double f : {3e6, 5e6, 8e6}) {
    request.frequency = f;
    const auto p = scene.field(short_pulse(), request, Engine::FieldOutput::maps).continuous;
    for (std::size_t i = 0; i < 2; ++i) {
      const double z = request.points[i].z;
      const Complex expected =
          1e-10 / (2 * pi * z) * std::polar(std::exp(-medium.attenuation(f) * z), -medium.wavenumber(f) * z);
      // The element is 1/20 of a wavelength at most: its finite size enters as (k b)^2 / (z k).
      EXPECT_LT(std::abs(p[i] - expected) / std::abs(expected), 1e-4);
    }
  }
}

/// Midpoint sum over an element in the plane z = 0, 400 x 400 cells.
Complex midpoint_response(double width, double height, double focus, double baffle, Vec3 x, double k) {
  const int n = 400;
  Complex sum = 0;
  for (int i = 0; i < n; ++i)
    for (int j = 0; j < n; ++j) {
      const double a = ((i + 0.5) / n - 0.5) * width, b = ((j + 0.5) / n - 0.5) * height;
      const double r = norm(x - Vec3{a, b, 0}), cosine = x.z / r;
      const double obliquity = baffle == 0 ? 1 : std::isinf(baffle) ? cosine : cosine / (cosine + baffle);
      const double lens = std::isinf(focus) ? 0 : std::sqrt(b * b + focus * focus) - focus;
      sum += obliquity * std::polar(1.0, -k * (r - lens)) / (2 * pi * r);
    }
  return sum * (width * height / (n * n));
}

TEST(PhysicalField, RectanglesWithLensAndBafflesMatchMidpointSums) {
  const double infinity = std::numeric_limits<double>::infinity(), f = 5e6, k = 2 * pi * f / c;
  FieldRequest request;
  request.frequency = f;
  request.points = {
      {0, 0, 20e-3}, {3e-3, 1e-3, 4e-3}, {-8e-3, 2e-3, 3e-3}, {0.1e-3, -2e-3, 1e-3}, {2e-3, 0.3e-3, 0.5e-3}};
  for (double baffle : {0.0, 1.75, infinity})
    for (double focus : {18e-3, infinity}) {
      Scene scene = point_scene(50e6);
      scene.probe = row_of_elements(1, 1e-3, 0.6e-3, 5e-3, f0);
      scene.probe.baffle = baffle, scene.probe.elevation_focus = focus;
      const auto p = scene.field(short_pulse(), request, Engine::FieldOutput::maps, {.tolerance = 1e-6}).continuous;
      double scale = 0;
      for (const auto& value : p) scale = std::max(scale, std::abs(value));
      for (std::size_t i = 0; i < p.size(); ++i)
        // Midpoint error: (k h)^2 / 24 with cells of h = 12.5 um is 3e-3 of the local phase's square, averaged down to
        // 2e-4 by the oscillation.
        EXPECT_LT(std::abs(p[i] - midpoint_response(0.6e-3, 5e-3, focus, baffle, request.points[i], k)), 3e-4 * scale)
            << i << " " << baffle << " " << focus;
    }
}

TEST(PhysicalField, StripInTwoDimensionsMatchesMidpointSum) {
  const double f = 5e6, k = 2 * pi * f / c, width = 0.6e-3;
  FieldRequest request;
  request.frequency = f;
  request.points = {{0, 0, 20e-3}, {3e-3, 0, 4e-3}, {-8e-3, 0, 3e-3}, {0.1e-3, 0, 0.4e-3}, {0, 0, 0.05e-3}};
  Scene scene = point_scene(50e6);
  scene.probe = row_of_elements(1, 1e-3, width, 5e-3, f0);
  const auto p =
      scene.field(short_pulse(), request, Engine::FieldOutput::maps, {.dimensions = 2, .tolerance = 1e-6}).continuous;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const int n = 20000;
    Complex sum = 0;
    for (int j = 0; j < n; ++j) {
      const double r = norm(request.points[i] - Vec3{((j + 0.5) / n - 0.5) * width, 0, 0});
      sum += Complex(0, -0.5) * Complex(std::cyl_bessel_j(0, k * r), -std::cyl_neumann(0, k * r));
    }
    EXPECT_LT(std::abs(p[i] - sum * width / static_cast<double>(n)), 1e-6 * std::abs(p[i])) << i;
  }
}

TEST(PhysicalField, TurnsWithTheProbe) {
  // A scene turned about the y axis gives the same field at the turned point.
  Scene scene = point_scene(50e6);
  scene.probe = row_of_elements(1, 1e-3, 0.5e-3, 4e-3, f0);
  scene.probe.baffle = 1.75, scene.probe.elevation_focus = 20e-3;
  FieldRequest request;
  request.frequency = f0;
  request.points = {{3e-3, 1e-3, 15e-3}};
  const auto straight = scene.field(short_pulse(), request, Engine::FieldOutput::maps).continuous[0];
  const double angle = 0.4;
  const auto turned = [&](Vec3 v) {
    return Vec3{std::cos(angle) * v.x + std::sin(angle) * v.z, v.y, -std::sin(angle) * v.x + std::cos(angle) * v.z};
  };
  Element& element = scene.probe.elements[0];
  element.position = {1e-3, 0, 2e-3};
  element.normal = turned({0, 0, 1}), element.lateral = turned({1, 0, 0});
  request.points[0] = element.position + turned(request.points[0]);
  const auto rotated = scene.field(short_pulse(), request, Engine::FieldOutput::maps).continuous[0];
  EXPECT_LT(std::abs(rotated - straight) / std::abs(straight), 1e-9);
}

TEST(PhysicalField, IsZeroBehindAndFiniteOnTheElement) {
  Scene scene = point_scene(50e6);
  scene.probe = row_of_elements(1, 1e-3, 0.5e-3, 4e-3, f0);
  FieldRequest request;
  request.frequency = f0;
  request.points = {{0, 0, -1e-3}, {0, 0, 0}, {0.25e-3, 2e-3, 0}};
  const auto p = scene.field(short_pulse(), request, Engine::FieldOutput::maps).continuous;
  EXPECT_EQ(p[0], 0.0);
  const double k = 2 * pi * f0 / c;
  const double bound = std::hypot(0.25e-3, 2e-3);  // the integral of 1/(2 pi r) over the circle around the element
  for (int i : {1, 2}) {
    EXPECT_TRUE(std::isfinite(std::abs(p[i])));
    EXPECT_LT(std::abs(p[i]), bound);
    EXPECT_GT(k * std::abs(p[i]), 0.1);
  }
}

TEST(PhysicalField, PeakAndEnergyOfAPointSource) {
  Scene scene = point_scene(50e6);
  FieldRequest request;
  request.points = {{0, 0, 10e-3}, {0, 0, 30e-3}};
  const auto pulse = short_pulse();
  const auto field = scene.field(pulse, request, Engine::FieldOutput::maps);
  for (std::size_t i = 0; i < 2; ++i) {
    const double amplitude = 1e-10 / (2 * pi * request.points[i].z);
    // Energy of exp(-t^2 / (2 s^2)) cos(w t): s sqrt(pi) / 2 (1 + exp(-(w s)^2)).
    EXPECT_NEAR(field.peak[i] / amplitude, 1, 1e-4);
    EXPECT_NEAR(field.rms[i] / amplitude / std::sqrt(std::sqrt(pi) / 2 / f0 / (2 * pulse.half_duration())), 1, 1e-4);
  }
}

}  // namespace
}  // namespace sonoforge
