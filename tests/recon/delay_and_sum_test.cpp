#include "recon/delay_and_sum.hpp"

#include <cmath>
#include <numbers>

#include "core/parallel.hpp"
#include "io/config.hpp"
#include "recon/envelope.hpp"
#include "recon/iq.hpp"
#include "support.hpp"

namespace sonoforge {
namespace {

using std::numbers::pi;
using testing::flat_probe;

constexpr double c = 1540, f0 = 5e6;

/// A transmit of one law with unit weights.
Transmit transmit_of(std::vector<double> delays) {
  Transmit t;
  t.laws.push_back({delays, std::vector<double>(delays.size(), 1.0)});
  return t;
}

Transmit plane(const Probe& probe, double angle) {
  std::vector<double> delays;
  for (const Element& e : probe.elements)
    delays.push_back((e.position.x * std::sin(angle) + e.position.z * std::cos(angle)) / c);
  const double first = *std::min_element(delays.begin(), delays.end());
  for (double& d : delays) d -= first;
  Transmit t = transmit_of(delays);
  t.wave = Transmit::Wave::plane;
  t.angle = angle;
  t.direction = {std::sin(angle), 0, std::cos(angle)};
  t.time_of_origin = -first;
  return t;
}

/// Focused (sign -1) or diverging (sign +1) through a point.
Transmit spherical(const Probe& probe, Vec3 focus, double sign) {
  std::vector<double> delays;
  for (const Element& e : probe.elements) delays.push_back(sign * norm(e.position - focus) / c);
  const double first = *std::min_element(delays.begin(), delays.end());
  for (double& d : delays) d -= first;
  Transmit t = transmit_of(delays);
  t.wave = sign < 0 ? Transmit::Wave::focused : Transmit::Wave::diverging;
  t.focus = focus;
  t.direction = sign < 0 ? normalized(focus) : normalized(-focus);
  t.time_of_origin = -first;
  return t;
}

/// Gaussian pulse, 60 % bandwidth at -6 dB, centred at 0.
double pulse(double t) {
  const double sigma = std::sqrt(2 * std::log(2.0)) / (pi * 0.6 * f0);
  return std::exp(-t * t / (2 * sigma * sigma)) * std::cos(2 * pi * f0 * t);
}

/// Echoes of one point: the transmitted pulse passes it at `arrival[transmit]`.
Acquisition one_point(const Probe& probe, const std::vector<Transmit>& transmits, const std::vector<double>& arrival,
                      Vec3 point, double fs, double start, std::size_t samples) {
  Acquisition a;
  a.probe = probe;
  a.sequence.transmits = transmits;
  a.sampling_rate = fs;
  a.centre_frequency = f0;
  a.sound_speed = c;
  a.start.assign(transmits.size(), start);
  a.samples = NdArray<float, 4>({1, transmits.size(), probe.size(), samples});
  for (std::size_t t = 0; t < transmits.size(); ++t)
    for (std::size_t m = 0; m < probe.size(); ++m)
      for (std::size_t n = 0; n < samples; ++n)
        a.samples(0, t, m, n) = static_cast<float>(
            pulse(start + static_cast<double>(n) / fs - arrival[t] - norm(probe.elements[m].position - point) / c));
  return a;
}

PixelGrid grid_around(Vec3 point, double half, double step) {
  PixelGrid grid;
  const auto count = static_cast<std::size_t>(std::lround(2 * half / step)) + 1;
  grid.x = {point.x - half, step, count};
  grid.z = {point.z - half, step, count};
  return grid;
}

Vec3 peak_of(const ComplexMap& image, double* value = nullptr) {
  const RealMap e = envelope(image);
  const auto flat = e.values.flat();
  const auto i = static_cast<std::size_t>(std::max_element(flat.begin(), flat.end()) - flat.begin());
  if (value) *value = static_cast<double>(flat[i]);
  return image.grid.position(i / image.grid.x.count, 0, i % image.grid.x.count);
}

struct PointCase {
  const char* name;
  DelayAndSum::Signal signal;
  TransmitDelay delay;
  Interpolation interpolation;
};

class OnePoint : public ::testing::TestWithParam<PointCase> {};

TEST_P(OnePoint, StandsWhereItIsWithAllElementsInPhase) {
  const Probe probe = flat_probe(64, 0.3e-3, f0);
  const Vec3 point{2e-3, 0, 21e-3};
  const Vec3 source{-3e-3, 0, -12e-3}, deep{1e-3, 0, 30e-3};
  const std::vector<Transmit> transmits{plane(probe, 0), plane(probe, 0.15), spherical(probe, source, 1),
                                        spherical(probe, deep, -1)};
  // Written out by hand: instants at which the waves pass the point, the first firing at 0.
  const double edge = 63 * 0.15e-3;  // x of the outermost element
  const auto distance = [](double dx, double dz) { return std::hypot(dx, dz); };
  double nearest = 1e9, farthest = 0;
  for (int i = 0; i < 64; ++i) {
    const double x = -edge + 0.3e-3 * i;
    nearest = std::min(nearest, distance(x + 3e-3, 12e-3));
    farthest = std::max(farthest, distance(x - 1e-3, 30e-3));
  }
  const std::vector<double> arrival{21e-3 / c,
                                    (edge * std::sin(0.15) + 2e-3 * std::sin(0.15) + 21e-3 * std::cos(0.15)) / c,
                                    (distance(5e-3, 33e-3) - nearest) / c, (farthest - distance(1e-3, 9e-3)) / c};
  Acquisition acquisition = one_point(probe, transmits, arrival, point, 40e6, 4e-6, 1600);

  DelayAndSum das;
  das.f_number = 0;
  das.signal = GetParam().signal;
  das.transmit_delay = GetParam().delay;
  das.interpolation = GetParam().interpolation;
  const double step = 0.02e-3;
  double height = 0;
  const Vec3 peak = peak_of(das.beamform(acquisition, grid_around(point, 0.4e-3, step)).at(0), &height);
  EXPECT_LE(std::abs(peak.x - point.x), step / 2 + 1e-12);
  EXPECT_LE(std::abs(peak.z - point.z), step / 2 + 1e-12);
  // 4 transmits x 64 elements in phase give 256 times the pulse's envelope of 1, less what interpolation takes: at 40
  // MHz a straight line loses up to (pi f / fs)^2 / 2 = 8 % between RF samples, and nearest samples scatter in phase.
  EXPECT_NEAR(
      height, 256,
      GetParam().interpolation == Interpolation::nearest || GetParam().signal == DelayAndSum::Signal::rf ? 20.0 : 5.0);
}

INSTANTIATE_TEST_SUITE_P(
    Beams, OnePoint,
    ::testing::Values(
        PointCase{"iq", DelayAndSum::Signal::iq, TransmitDelay::virtual_source, Interpolation::linear},
        PointCase{"iq_nearest", DelayAndSum::Signal::iq, TransmitDelay::virtual_source, Interpolation::nearest},
        PointCase{"iq_cubic", DelayAndSum::Signal::iq, TransmitDelay::virtual_source, Interpolation::cubic},
        PointCase{"rf_linear", DelayAndSum::Signal::rf, TransmitDelay::virtual_source, Interpolation::linear},
        PointCase{"rf_quadratic", DelayAndSum::Signal::rf, TransmitDelay::virtual_source, Interpolation::quadratic},
        PointCase{"rf_lanczos3", DelayAndSum::Signal::rf, TransmitDelay::virtual_source, Interpolation::lanczos3}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(TransmitArrival, EarliestArrivalEqualsTheWaveWithinItsBeam) {
  const Probe probe = flat_probe(64, 0.3e-3, f0);
  const Vec3 x{1e-3, 0, 20e-3};  // inside the beams of all these waves
  for (const Transmit& t :
       {plane(probe, 0.1), spherical(probe, {0, 0, -15e-3}, 1), spherical(probe, {0, 0, -40e-3}, 1)}) {
    const TransmitArrival wave(t, probe, c, TransmitDelay::virtual_source),
        first(t, probe, c, TransmitDelay::earliest_arrival);
    // The nearest of the four times refined points is at most pitch/8 from the ray that truly arrives first; the wave
    // from there is late by at most (pitch/8)^2 (1/z + 1/R) / (2 c) = 5.4e-11 s, R >= 15 mm the distance of the virtual
    // source.
    EXPECT_NEAR(wave(x), first(x), 5.4e-11);
    EXPECT_GE(first(x), wave(x) - 1e-15);
  }
}

TEST(TransmitArrival, HasNoJumpNearAFocus) {
  const Probe probe = flat_probe(64, 0.3e-3, f0);
  const Vec3 focus{0, 0, 20e-3};
  const TransmitArrival t(spherical(probe, focus, -1), probe, c, TransmitDelay::virtual_source);
  for (double x : {0.0, 0.5e-3, 3e-3, 8e-3})
    for (int i = -400; i < 400; ++i) {
      const double z = 20e-3 + i * 0.01e-3, step = 0.01e-3;
      const double slope = (t({x, 0, z + step}) - t({x, 0, z})) * c / step;
      // On the axis exactly 1; beside it at most 1 / cos(half angle of the cone) = 1.11
      EXPECT_GE(slope, 0) << x << ' ' << z;
      EXPECT_LE(slope, 1.11) << x << ' ' << z;
    }
  // On the axis the pulse passes at the time of origin -+ distance.
  const double farthest = std::hypot(63 * 0.15e-3, 20e-3);
  EXPECT_NEAR(t(focus), farthest / c, 1e-15);
  EXPECT_NEAR(t({0, 0, 12e-3}), (farthest - 8e-3) / c, 1e-15);
  EXPECT_NEAR(t({0, 0, 33e-3}), (farthest + 13e-3) / c, 1e-15);
}

TEST(TransmitArrival, RecognisesTheWavesOfBareDelays) {
  const Probe flat = flat_probe(64, 0.3e-3, f0);
  Probe arc = flat;
  for (std::size_t i = 0; i < 64; ++i) {
    const double a = (static_cast<double>(i) - 31.5) * 0.01;
    arc.elements[i].position = {50e-3 * std::sin(a), 0, 50e-3 * (std::cos(a) - 1)};
    arc.elements[i].normal = {std::sin(a), 0, std::cos(a)};
  }
  for (const Probe& probe : {flat, arc})
    for (const Transmit& given : {plane(probe, 0.2), plane(probe, 0), spherical(probe, {3e-3, 0, 25e-3}, -1),
                                  spherical(probe, {-2e-3, 0, -30e-3}, 1)}) {
      const auto wave = recognise_wave(given.laws[0], probe, c);
      ASSERT_TRUE(wave);
      EXPECT_EQ(wave->wave, given.wave);
      EXPECT_LT(norm(wave->focus - given.focus), 1e-8);
      for (Vec3 x : {Vec3{0, 0, 10e-3}, Vec3{4e-3, 0, 40e-3}}) {
        Transmit custom = given;
        custom.wave = Transmit::Wave::custom;
        custom.focus = custom.direction = {};
        const double known = TransmitArrival(given, probe, c, TransmitDelay::virtual_source)({x});
        if (given.wave == Transmit::Wave::focused && x.x != 0) continue;  // outside the cone the axes differ
        EXPECT_NEAR(TransmitArrival(custom, probe, c, TransmitDelay::virtual_source)(x), known, 1e-11);
      }
    }
  std::vector<double> odd(64);
  for (std::size_t i = 0; i < 64; ++i) odd[i] = i % 2 ? 1e-7 : 0;
  EXPECT_FALSE(recognise_wave(transmit_of(odd).laws[0], flat, c));
}

TEST(IndexSpline, IsExactForCubicsAndFourthOrderOtherwise) {
  std::vector<double> cubic;
  const auto p = [](double u) { return 2 - u + 0.5 * u * u - 0.1 * u * u * u; };
  for (int i = 0; i < 9; ++i) cubic.push_back(p(i));
  for (std::size_t n : {4u, 5u, 6u, 9u}) {
    const IndexSpline spline(std::span<const double>(cubic).first(n));
    for (double u = 0; u <= static_cast<double>(n - 1); u += 0.13) EXPECT_NEAR(spline(u), p(u), 1e-12) << n << ' ' << u;
  }
  double error[2] = {};
  for (int level = 0; level < 2; ++level) {
    const int n = level ? 81 : 41;
    std::vector<double> wave;
    for (int i = 0; i < n; ++i) wave.push_back(std::sin(6.0 * i / (n - 1)));
    const IndexSpline spline(wave);
    for (double u = 0; u <= 6; u += 0.01)
      error[level] = std::max(error[level], std::abs(spline(u / 6 * (n - 1)) - std::sin(u)));
  }
  EXPECT_NEAR(std::log2(error[0] / error[1]), 4, 0.3);
}

TEST(Interpolation, HasItsOrder) {
  // One element at the origin, no rotation: the value at depth z is the signal at 2 z / c. Halving the sample distance
  // of a smooth signal divides the error by 2^order.
  const Probe probe = flat_probe(1, 0.3e-3, f0);
  struct Row {
    Interpolation interpolation;
    double order;
  };
  for (const Row& row : {Row{Interpolation::nearest, 1}, Row{Interpolation::linear, 2},
                         Row{Interpolation::quadratic, 3}, Row{Interpolation::cubic, 3}}) {
    double error[2] = {};
    for (int level = 0; level < 2; ++level) {
      const std::size_t samples = level ? 801 : 401;
      const double fs = level ? 80e6 : 40e6;
      const auto signal = [](double t) {
        return std::sin(2 * pi * 2e6 * t) * std::exp(-std::pow((t - 5e-6) / 1.2e-6, 2));
      };
      std::vector<std::complex<double>> record;
      for (std::size_t n = 0; n < samples; ++n) record.emplace_back(signal(static_cast<double>(n) / fs));
      FrameInterleaved<double> data(1, 1, samples, 1);
      data.set(0, 0, 0, record);
      DelayAndSumGeometry g;
      g.probe = &probe;
      g.arrivals.emplace_back(plane(probe, 0), probe, c, TransmitDelay::virtual_source);
      g.start = {0};
      g.sampling_rate = fs;
      g.sound_speed = c;
      g.interpolation = row.interpolation;
      std::vector<Vec3> points;
      for (int i = 0; i < 4000; ++i) points.push_back({0, 0, (3e-6 + 1e-9 * i) * c / 2});
      const auto values = delay_and_sum<double>(data, g, points);
      for (std::size_t i = 0; i < points.size(); ++i)
        error[level] = std::max(error[level], std::abs(values[i] - signal(3e-6 + 1e-9 * static_cast<double>(i))));
    }
    EXPECT_NEAR(std::log2(error[0] / error[1]), row.order, 0.15) << static_cast<int>(row.interpolation);
  }
}

TEST(DelayAndSum, ApertureFollowsFNumberAndNormals) {
  // Constant signals: the value of a pixel is the number of elements in its aperture.
  const auto count = [](const Probe& probe, Vec3 x, double f_number) {
    FrameInterleaved<double> data(1, probe.size(), 4000, 1);
    const std::vector<std::complex<double>> ones(4000, 1.0);
    for (std::size_t m = 0; m < probe.size(); ++m) data.set(0, m, 0, ones);
    DelayAndSumGeometry g;
    g.probe = &probe;
    g.arrivals.emplace_back(plane(probe, 0), probe, c, TransmitDelay::virtual_source);
    g.start = {0};
    g.sampling_rate = 40e6;
    g.sound_speed = c;
    g.f_number = f_number;
    return delay_and_sum<double>(data, g, {&x, 1})[0].real();
  };
  const Probe flat = flat_probe(128, 0.3e-3, f0);
  // |x_m| <= z / (2 F) = 5 mm; elements at +-0.15, +-0.45, ... +-4.95 mm
  EXPECT_DOUBLE_EQ(count(flat, {0, 0, 15e-3}, 1.5), 34);
  EXPECT_DOUBLE_EQ(count(flat, {0, 0, 15e-3}, 0), 128);
  EXPECT_DOUBLE_EQ(count(flat, {0, 0, 0}, 1.5), 0);
  // On a circle of radius R about (0, -R) the aperture of a point on the axis spans the angles a with
  // tan(angle between normal and ray) <= 1 / (2 F): sin(a) (R + z) <= ((R + z) cos(a) - R) / (2 F).
  Probe convex;
  convex.kind = Probe::Kind::curved;
  const double radius = 50e-3, z = 30e-3, f_number = 1;
  int expected = 0;
  for (int i = 0; i < 128; ++i) {
    const double a = (i - 63.5) * 0.01;
    Element e;
    e.position = {radius * std::sin(a), 0, radius * (std::cos(a) - 1)};
    e.normal = {std::sin(a), 0, std::cos(a)};
    e.lateral = {std::cos(a), 0, -std::sin(a)};
    convex.elements.push_back(e);
    expected += std::abs(std::sin(a)) * (radius + z) <= ((radius + z) * std::cos(a) - radius) / (2 * f_number);
  }
  EXPECT_GT(expected, 20);
  EXPECT_LT(expected, 60);
  EXPECT_DOUBLE_EQ(count(convex, {0, 0, z}, f_number), expected);
}

// One element alone: a pixel sees it in the part of its aperture that lies in the direction of the element.
TEST(DelayAndSum, PartsOfTheApertureAreDirections) {
  const Probe probe = flat_probe(64, 0.3e-3, f0);
  const PixelGrid grid = grid_around({0, 0, 12e-3}, 6e-3, 0.25e-3);
  const std::vector<Transmit> transmits{plane(probe, 0)};
  Acquisition a = one_point(probe, transmits, {12e-3 / c}, {0, 0, 12e-3}, 25e6, 0, 700);
  const std::size_t element = 20, parts = 5;
  for (std::size_t m = 0; m < probe.size(); ++m)
    for (std::size_t n = 0; n < 700; ++n) a.samples(0, 0, m, n) = m == element ? 1.0F : 0.0F;
  DelayAndSum das;
  das.f_number = 1;
  das.signal = DelayAndSum::Signal::rf;
  const auto maps = das.beamform_parts(a, grid, parts);
  const auto whole = das.beamform(a, grid);
  ASSERT_EQ(maps.size(), parts);
  std::size_t seen = 0;
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const Vec3 p = grid.position(iz, 0, ix);
      // Across an aperture as wide as deep, from -1 to 1.
      const double place = (probe.elements[element].position.x - p.x) / p.z * 2;
      for (std::size_t k = 0; k < parts; ++k) {
        const double from = -1 + 0.4 * static_cast<double>(k);
        if (std::abs(place - from) < 1e-9 || std::abs(place - from - 0.4) < 1e-9) continue;
        const bool inside = place > from && place < from + 0.4;
        EXPECT_EQ(maps[k].values(iz, 0, ix), inside ? whole[0].values(iz, 0, ix) : std::complex<float>())
            << place << " " << k;
        seen += inside && std::abs(whole[0].values(iz, 0, ix)) > 0.1F;
      }
    }
  EXPECT_GT(seen, 1000u);
  // Elements on the rim of the aperture, where rounding decides, count in an outer part wherever they count at all.
  std::fill(a.samples.flat().begin(), a.samples.flat().end(), 1.0F);
  for (const double f : {0.9, 1.0, 1.5}) {
    das.f_number = f;
    PixelGrid aligned;
    aligned.x = {-0.3e-3 * 19.5, 0.075e-3, 157};
    aligned.z = {0.225e-3 * 20, 0.225e-3, 60};
    const auto pieces = das.beamform_parts(a, aligned, 8);
    const auto sum = das.beamform(a, aligned);
    for (std::size_t i = 0; i < aligned.size(); ++i) {
      std::complex<float> added = 0;
      for (const auto& piece : pieces) added += piece.values.data()[i];
      EXPECT_NEAR(std::abs(added - sum[0].values.data()[i]), 0, 1e-3) << f << " " << i;
    }
  }
  das.compounding = DelayAndSum::Compounding::incoherent;
  EXPECT_NO_THROW(das.beamform_parts(a, grid, parts));  // one wave: nothing is compounded
  das.compounding = DelayAndSum::Compounding::coherent;
  a.probe.kind = Probe::Kind::ring;
  EXPECT_THROW(das.beamform_parts(a, grid, parts), UserError);
  a.probe.kind = Probe::Kind::linear;
  das.f_number = 0;
  EXPECT_THROW(das.beamform_parts(a, grid, parts), ConfigError);
  EXPECT_EQ(das.beamform_parts(a, grid, 1).at(0).values, das.beamform(a, grid).at(0).values);
}

Acquisition small_scene(std::size_t frames) {
  const Probe probe = flat_probe(32, 0.3e-3, f0);
  const std::vector<Transmit> transmits{plane(probe, 0), plane(probe, 0.1)};
  Acquisition a = one_point(probe, transmits, {10e-3 / c, 10e-3 / c}, {0, 0, 10e-3}, 25e6, 0, 500);
  NdArray<float, 4> many({frames, 2, 32, 500});
  for (std::size_t f = 0; f < frames; ++f)
    for (std::size_t i = 0; i < a.samples.size(); ++i)
      many.data()[f * a.samples.size() + i] = a.samples.data()[i] * static_cast<float>(f + 1);
  a.samples = std::move(many);
  return a;
}

TEST(DelayAndSum, SameBitsForAnyNumberOfThreads) {
  const Acquisition acquisition = small_scene(1);
  DelayAndSum das;
  das.window = Window::hann;
  const PixelGrid grid = grid_around({0, 0, 10e-3}, 4e-3, 0.1e-3);
  set_thread_count(1);
  const auto one = das.beamform(acquisition, grid);
  for (int threads : {2, 7}) {
    set_thread_count(threads);
    EXPECT_TRUE(das.beamform(acquisition, grid).at(0).values == one.at(0).values) << threads;
  }
  set_thread_count(0);
}

TEST(DelayAndSum, FramesAreIndependentAndLinear) {
  DelayAndSum das;
  const PixelGrid grid = grid_around({0, 0, 10e-3}, 1e-3, 0.1e-3);
  const auto images = das.beamform(small_scene(37), grid);  // more than one block of frames
  ASSERT_EQ(images.size(), 37u);
  const double largest = maximum(envelope(images[36]));
  for (std::size_t f = 0; f < 37; ++f)
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const auto expected = images[0].values.data()[i] * static_cast<float>(f + 1);
      // float sums of 2 x 32 terms: a few units of 6e-8 of the largest term
      EXPECT_NEAR(std::abs(images[f].values.data()[i] - expected), 0, 2e-6 * largest);
    }
}

TEST(DelayAndSum, IncoherentCompoundingAddsMagnitudes) {
  Acquisition acquisition = small_scene(1);
  const PixelGrid grid = grid_around({0, 0, 10e-3}, 1e-3, 0.1e-3);
  DelayAndSum das;
  das.compounding = DelayAndSum::Compounding::incoherent;
  const auto both = das.beamform(acquisition, grid).at(0);
  ComplexMap parts[2];
  for (std::size_t t = 0; t < 2; ++t) {
    Acquisition one = acquisition;
    one.sequence.transmits = {acquisition.sequence.transmits[t]};
    one.start = {0};
    one.samples = NdArray<float, 4>({1, 1, 32, 500});
    std::copy_n(acquisition.samples.row(0, t, 0).data(), 32 * 500, one.samples.data());
    parts[t] = das.beamform(one, grid).at(0);
  }
  for (std::size_t i = 0; i < grid.size(); ++i)
    EXPECT_NEAR(both.values.data()[i].real(), std::abs(parts[0].values.data()[i]) + std::abs(parts[1].values.data()[i]),
                1e-5);
}

TEST(DelayAndSum, NormalizationMakesTheMean) {
  // Records of ones: every pixel that any element sees is 1 in the mean, whatever its aperture and window.
  Acquisition acquisition = small_scene(1);
  acquisition.samples_q = NdArray<float, 4>(acquisition.samples.shape());
  std::fill(acquisition.samples.flat().begin(), acquisition.samples.flat().end(), 1.0f);
  DelayAndSum das;
  das.window = Window::hann;
  das.normalization = DelayAndSum::Normalization::weights;
  PixelGrid grid;
  grid.x = {-3e-3, 1e-3, 7};
  grid.z = {-1e-3, 2e-3, 7};  // the first row lies behind the probe
  for (auto compounding : {DelayAndSum::Compounding::coherent, DelayAndSum::Compounding::incoherent}) {
    das.compounding = compounding;
    const auto image = das.beamform(acquisition, grid).at(0);  // IQ at 0 Hz: no rotation
    for (std::size_t iz = 0; iz < 7; ++iz)
      for (std::size_t ix = 0; ix < 7; ++ix)
        EXPECT_NEAR(std::abs(image.values(iz, 0, ix)), iz == 0 ? 0 : 1, 1e-5) << iz << ' ' << ix;
  }
}

TEST(DelayAndSum, LineWeightsShareAPointBetweenItsNeighbours) {
  const std::vector<Vec3> origins{{-1e-3, 0, 0}, {0, 0, 0}, {1e-3, 0, 0}}, directions(3, Vec3{0, 0, 1});
  std::vector<double> w(3);
  line_weights(origins, directions, {0.25e-3, 0, 20e-3}, w);
  EXPECT_NEAR(w[0], 0, 1e-12);
  EXPECT_NEAR(w[1], 0.75, 1e-12);
  EXPECT_NEAR(w[2], 0.25, 1e-12);
  line_weights(origins, directions, {1.25e-3, 0, 20e-3}, w);
  EXPECT_NEAR(w[2], 0.75, 1e-12);  // a quarter of a line beyond the last one
  line_weights(origins, directions, {2.5e-3, 0, 20e-3}, w);
  EXPECT_EQ(w[0] + w[1] + w[2], 0);
  line_weights(origins, directions, {1e-3, 0, 20e-3}, w);
  EXPECT_NEAR(w[2], 1, 1e-12);  // on an axis that beam counts alone
}

TEST(DelayAndSum, RefusesWhatContradictsItself) {
  const PixelGrid grid = grid_around({0, 0, 10e-3}, 1e-3, 0.5e-3);
  const Acquisition good = small_scene(1);
  DelayAndSum das;
  Acquisition bad = good;
  bad.start = {0};
  EXPECT_THROW(das.beamform(bad, grid), UserError);
  bad = good;
  bad.probe.elements.pop_back();
  EXPECT_THROW(das.beamform(bad, grid), UserError);
  bad = good;
  bad.samples(0, 1, 3, 7) = std::nanf("");
  EXPECT_THROW(das.beamform(bad, grid), UserError);
  bad = good;
  bad.sampling_rate = 6.667e6;
  das.signal = DelayAndSum::Signal::rf;
  EXPECT_THROW(das.beamform(bad, grid), ConfigError);
  bad.sampling_rate = 10e6;  // 2 f0: the image of the band falls onto the band
  das.signal = DelayAndSum::Signal::iq;
  EXPECT_THROW(das.beamform(bad, grid), UserError);
}

TEST(DelayAndSum, RefusesMoreThanTheMachineHolds) {
  EXPECT_THROW(FrameInterleaved<float>(100'000, 1024, 100'000, 32), UserError);
  PixelGrid grid;
  grid.x.count = grid.z.count = 10'000'000;
  EXPECT_THROW(DelayAndSum().beamform(small_scene(1), grid), UserError);
}

TEST(DelayAndSum, ReadsItsKeys) {
  const auto read = [](const std::string& text) {
    auto das = std::dynamic_pointer_cast<DelayAndSum>(beamformer_catalog().find("delay_and_sum")->make());
    ConfigTree::parse(text).read(*das);
    return *das;
  };
  const DelayAndSum das = read(
      "{f_number: auto, window: hann, interpolation: lanczos3, signal: rf, sound_speed: 1480 m/s, compounding: "
      "incoherent, "
      "transmit_delay: earliest_arrival, demodulation_frequency: 5 MHz, normalization: weights}");
  EXPECT_EQ(das.f_number, DelayAndSum::auto_f_number);
  EXPECT_EQ(das.normalization, DelayAndSum::Normalization::weights);
  EXPECT_EQ(das.window, Window::hann);
  EXPECT_EQ(das.interpolation, Interpolation::lanczos3);
  EXPECT_EQ(das.signal, DelayAndSum::Signal::rf);
  EXPECT_EQ(das.sound_speed, 1480);
  EXPECT_EQ(das.compounding, DelayAndSum::Compounding::incoherent);
  EXPECT_EQ(das.transmit_delay, TransmitDelay::earliest_arrival);
  EXPECT_EQ(das.demodulation_frequency, 5e6);
  EXPECT_EQ(read("decimation: 4").decimation, 4);
  for (const char* text : {"f_number: -1", "decimation: 0", "{signal: rf, decimation: 2}", "window: hanning"})
    EXPECT_THROW(read(text), UserError) << text;
}

TEST(DelayAndSum, AutomaticFNumberFollowsTheDirectivity) {
  // An element much narrower than the wavelength: cos(a) = 0.71, F = 1 / (2 tan a) = 0.504.
  Probe probe = flat_probe(2, 1e-6, f0);
  EXPECT_NEAR(DelayAndSum::directivity_f_number(probe, c), 0.5 / std::tan(std::acos(0.71)), 1e-4);
  // One wavelength wide: cos(a) sinc(sin a) = 0.71.
  for (Element& e : probe.elements) e.width = c / f0;
  const double a = std::atan(0.5 / DelayAndSum::directivity_f_number(probe, c));
  EXPECT_NEAR(std::cos(a) * std::sin(pi * std::sin(a)) / (pi * std::sin(a)), 0.71, 1e-9);
}

TEST(Iq, EnvelopeAndPhaseOfAKnownPulse) {
  // Critically, also where the sampling rate is below twice the centre frequency (band-pass sampling).
  for (double fs : {40e6, 20e6, 4.0 / 3 * f0}) {
    const double start = 10e-6, centre = 30.37e-6;
    const std::size_t n = static_cast<std::size_t>(40e-6 * fs);
    const double sigma = 0.6e-6;  // narrow enough for every band above
    std::vector<double> rf(n);
    std::vector<std::complex<double>> iq(n);
    const auto shape = [&](double t) { return std::exp(-std::pow((t - centre) / sigma, 2) / 2); };
    for (std::size_t i = 0; i < n; ++i) {
      const double t = start + static_cast<double>(i) / fs;
      rf[i] = shape(t) * std::cos(2 * pi * f0 * (t - centre));
    }
    Demodulator<double>({.sampling_rate = fs, .frequency = f0}, n)(rf, iq);
    for (std::size_t i = 0; i < n; ++i) {
      const double t = start + static_cast<double>(i) / fs;
      const auto expected = std::polar(shape(t), 2 * pi * f0 * (start - centre));
      // The spectrum of the pulse at the narrowest pass band, 0.8 x 1.67 MHz: exp(-(2 pi 1.33e6 sigma)^2 / 2) = 3e-6,
      // and its image across the band is as small.
      EXPECT_LT(std::abs(iq[i] - expected), 1e-5) << fs << ' ' << i;
    }
  }
}

TEST(Iq, AnalyticSignalOfACosineIsItsPhasor) {
  const std::size_t n = 400;
  std::vector<double> rf(n);
  std::vector<std::complex<double>> z(n);
  const auto shape = [](double i) { return std::exp(-std::pow((i - 200) / 30, 2)); };
  for (std::size_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(i);
    rf[i] = shape(u) * std::cos(0.8 * u);
  }
  AnalyticSignal<double> analytic(n);
  analytic(rf, z);
  for (std::size_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(i);
    // Gaussian of width 30 samples: no energy below 0 rad/sample (exp(-(0.8 x 30)^2 / 4) = 1e-63)
    EXPECT_NEAR(std::abs(z[i] - std::polar(shape(u), 0.8 * u)), 0, 1e-12);
  }
}

}  // namespace
}  // namespace sonoforge
