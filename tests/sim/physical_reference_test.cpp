#include <gtest/gtest.h>

#include <algorithm>

#include "io/hdf5.hpp"
#include "sim/scatterer_engine.hpp"
#include "tests/sim/physical_scene.hpp"

// The physical model against closed forms and independent quadratures, read from the folder of reference results.

namespace sonoforge {
namespace {

using namespace physical_test;
using Complex = std::complex<double>;
constexpr double pi = std::numbers::pi;

/// Keeps a measured error in the test's report.
void record(const std::string& name, double error) {
  ::testing::Test::RecordProperty(name, format_number(error));
}

struct Piston : ::testing::Test {
  std::optional<std::filesystem::path> folder = reference_folder();
  void SetUp() override {
    if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE names no folder of reference results.";
  }
  Hdf5Reader file(const char* name) const { return Hdf5Reader(*folder / "analytic" / name); }
};

/// Continuous-wave pressure over rho c v0 = i k G of a single element.
std::vector<Complex> normalised_pressure(Scene& scene, const std::vector<Vec3>& points, double f, double c,
                                         double tolerance) {
  scene.phantom.background.sound_speed = c;
  scene.sequence.transmits.clear();
  scene.add_transmit({0});
  FieldRequest request;
  request.points = points;
  request.frequency = f;
  const GaussianPulse pulse(f, 1 / f);
  auto p = scene.field(pulse, request, Engine::FieldOutput::maps, {.tolerance = tolerance}).continuous;
  for (Complex& value : p) value *= Complex(0, 2 * pi * f / c);
  return p;
}

double largest_difference(const std::vector<Complex>& a, const std::vector<Complex>& b) {
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference = std::max(difference, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return difference / largest;
}

TEST_F(Piston, CircularOnAxis) {
  const auto data = file("circ_piston_onaxis.h5");
  const double a = data.read_scalar<double>("in/a"), c = data.read_scalar<double>("in/c"),
               f = data.read_scalar<double>("in/f"), k = 2 * pi * f / c;
  Scene scene;
  Element disc;
  disc.shape = Element::Shape::disc;
  disc.width = disc.height = 2 * a;
  scene.probe.elements = {disc};
  scene.probe.frequency = f, scene.probe.baffle = 0;
  std::vector<Vec3> points;
  std::vector<Complex> expected;
  for (double z : data.read<double>("in/z")) {
    points.push_back({0, 0, z});
    expected.push_back(std::polar(1.0, -k * z) - std::polar(1.0, -k * std::hypot(z, a)));
  }
  // Quadrature errors stay below the tolerance asked for, and fall with it.
  double previous = 1;
  for (double tolerance : {1e-2, 1e-4, 1e-6}) {
    const double difference = largest_difference(normalised_pressure(scene, points, f, c, tolerance), expected);
    record("error at " + format_number(tolerance), difference);
    EXPECT_LT(difference, tolerance);
    EXPECT_LT(difference, previous);
    previous = difference;
  }
}

TEST_F(Piston, CircularDirectivity) {
  const auto data = file("circ_piston_onaxis.h5");
  const double a = data.read_scalar<double>("in/a"), c = data.read_scalar<double>("in/c"),
               f = data.read_scalar<double>("in/f");
  Scene scene;
  Element disc;
  disc.shape = Element::Shape::disc;
  disc.width = disc.height = 2 * a;
  scene.probe.elements = {disc};
  scene.probe.frequency = f, scene.probe.baffle = 0;
  const auto angles = data.read<double>("in/theta"), expected = data.read<double>("out/directivity");
  // The far field is reached as a^2 k / (2 r): 1e-5 of a radian at this range.
  const double range = 1e4;
  std::vector<Vec3> points{{0, 0, range}};
  for (double angle : angles) points.push_back({range * std::sin(angle), 0, range * std::cos(angle)});
  const auto p = normalised_pressure(scene, points, f, c, 1e-6);
  for (std::size_t i = 0; i < angles.size(); ++i)
    EXPECT_NEAR(std::abs(p[i + 1]) / std::abs(p[0]), std::abs(expected[i]), 1e-4) << angles[i];
}

TEST_F(Piston, BowlOnAxis) {
  const auto data = file("oneil_bowl.h5");
  const double a = data.read_scalar<double>("in/a"), c = data.read_scalar<double>("in/c"),
               f = data.read_scalar<double>("in/f"), radius = data.read_scalar<double>("in/R"), k = 2 * pi * f / c,
               h = radius - std::sqrt(radius * radius - a * a);
  Scene scene;
  Element bowl;
  bowl.shape = Element::Shape::bowl;
  bowl.width = bowl.height = 2 * a;
  bowl.curvature_radius = radius;
  scene.probe.elements = {bowl};
  scene.probe.frequency = f, scene.probe.baffle = 0;
  std::vector<Vec3> points;
  std::vector<Complex> expected;
  for (double z : data.read<double>("in/z")) {
    points.push_back({0, 0, z});
    const Complex difference = std::polar(1.0, -k * z) - std::polar(1.0, -k * std::hypot(z - h, a));
    expected.push_back(std::abs(z - radius) < 1e-9 ? Complex(0, k * h) * std::polar(1.0, -k * radius)
                                                   : difference / (1 - z / radius));
  }
  for (double tolerance : {1e-2, 1e-4, 1e-6}) {
    const double difference = largest_difference(normalised_pressure(scene, points, f, c, tolerance), expected);
    record("error at " + format_number(tolerance), difference);
    EXPECT_LT(difference, tolerance);
  }
}

TEST_F(Piston, RectangularContinuousWave) {
  const auto data = file("rect_piston.h5");
  const double c = data.read_scalar<double>("in/c"), f = data.read_scalar<double>("in/f");
  Scene scene;
  scene.probe = row_of_elements(1, 0.001, data.read_scalar<double>("in/a_x"), data.read_scalar<double>("in/b_y"), f);
  const auto coordinates = data.read<double>("in/points");
  std::vector<Vec3> points;
  for (std::size_t i = 0; i < coordinates.size(); i += 3)
    points.push_back({coordinates[i], coordinates[i + 1], coordinates[i + 2]});
  const auto expected = data.read<Complex>("out/p_cw");
  for (double tolerance : {1e-2, 1e-4, 1e-6}) {
    const double difference = largest_difference(normalised_pressure(scene, points, f, c, tolerance), expected);
    record("error at " + format_number(tolerance), difference);
    EXPECT_LT(difference, tolerance);
  }
}

// The closed form in time (arcs of circles within the rectangle): its transform is the pressure over i k. The reference
// holds means over bins of width d. Taking all of a bin's impulse response at its centre changes the transform at w by
// at most w d^2 / 4 times the response's change within the bin, which is below that from the bin before to the bin
// behind, and by (w d)^2 / 24 of what does not change.
TEST_F(Piston, RectangularImpulseResponse) {
  const auto data = file("rect_piston.h5");
  const double c = data.read_scalar<double>("in/c"), width = 1 / data.read_scalar<double>("in/fs");
  Scene scene;
  scene.probe = row_of_elements(1, 0.001, data.read_scalar<double>("in/a_x"), data.read_scalar<double>("in/b_y"), 3e6);
  const auto coordinates = data.read<double>("in/sir_points");
  std::vector<Vec3> points;
  for (std::size_t i = 0; i < coordinates.size(); i += 3)
    points.push_back({coordinates[i], coordinates[i + 1], coordinates[i + 2]});
  const auto responses = data.read<double>("out/sir_h_bin");
  const std::size_t bins = responses.size() / points.size();
  for (double f : {0.7e6, 3e6}) {
    const double w = 2 * pi * f, tolerance = 1e-6;
    const auto pressures = normalised_pressure(scene, points, f, c, tolerance);
    for (std::size_t p = 0; p < points.size(); ++p) {
      const double* h = responses.data() + p * bins;
      Complex transform = 0;
      double change = 0, whole = 0;
      for (std::size_t j = 0; j < bins; ++j) {
        transform += h[j] * width * std::polar(1.0, -w * (static_cast<double>(j) + 0.5) * width);
        change += std::abs(h[j + 1 < bins ? j + 1 : j] - h[j > 0 ? j - 1 : j]);
        whole += h[j] * width;
      }
      const double k = w / c;
      const double allowed =
          k * (w * width * width / 4 * change + w * width * w * width / 24 * whole + 2 * tolerance * whole);
      EXPECT_LT(std::abs(pressures[p] - Complex(0, k) * transform), allowed) << f << " Hz, point " << p;
      EXPECT_LT(allowed, 0.05 * k * whole);  // else the bound would prove little
    }
  }
}

class TransientArray : public Piston, public ::testing::WithParamInterface<const char*> {};

TEST_P(TransientArray, FieldAndEchoes) {
  const auto data = file((std::string("array_transient_") + GetParam() + ".h5").c_str());
  const double c = data.read_scalar<double>("in/c"), f0 = data.read_scalar<double>("in/f0"),
               fs = data.read_scalar<double>("in/fs"), t0 = data.read_scalar<double>("in/t0"),
               width = data.read_scalar<double>("in/width"), height = data.read_scalar<double>("in/height");
  const auto positions = data.read<double>("in/element_x"), delays = data.read<double>("in/tx_delay"),
             weights = data.read<double>("in/apod");
  Scene scene;
  scene.probe = row_of_elements(positions.size(), data.read_scalar<double>("in/pitch"), width, height, f0);
  for (std::size_t i = 0; i < positions.size(); ++i) scene.probe.elements[i].position.x = positions[i];
  scene.probe.elevation_focus = data.read_scalar<double>("in/lens_focus");
  scene.probe.baffle = GetParam() == std::string("soft") ? std::numeric_limits<double>::infinity() : 0;
  scene.phantom.background.sound_speed = c;
  scene.phantom.background.scattering_exponent = 0;
  scene.add_transmit(delays, weights);
  // p / rho is the time derivative of the velocity potential: the drive is v'(t).
  const GaussianPulse pulse(f0, data.read_scalar<double>("in/sigma"), true, t0);

  FieldRequest request;
  request.sampling_rate = fs;
  const auto coordinates = data.read<double>("in/field_points");
  for (std::size_t i = 0; i < coordinates.size(); i += 3)
    request.points.push_back({coordinates[i], coordinates[i + 1], coordinates[i + 2]});
  const auto p = data.read<double>("out/p_over_rho");
  const std::size_t samples = p.size() / request.points.size();
  const auto field = scene.field(pulse, request, Engine::FieldOutput::waveforms);
  // Both records are sampled at whole multiples of 1/fs.
  const auto shift = static_cast<std::ptrdiff_t>(std::lround(field.start * fs));
  double largest = 0, difference = 0;
  for (double value : p) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < request.points.size(); ++i) {
    for (std::ptrdiff_t n = 0; n < static_cast<std::ptrdiff_t>(samples); ++n) {
      const std::ptrdiff_t at = n - shift;
      const bool inside = at >= 0 && at < static_cast<std::ptrdiff_t>(field.waveforms.extent(1));
      const double value = inside ? field.waveforms(i, static_cast<std::size_t>(at)) : 0;
      difference = std::max(difference, std::abs(value - p[i * samples + static_cast<std::size_t>(n)]));
    }
    // Peak and energy of the same waveforms.
    double peak = 0, energy = 0;
    for (std::size_t n = 0; n < samples; ++n) {
      const double value = p[i * samples + n];
      peak = std::max(peak, std::abs(value)), energy += value * value / fs;
    }
    EXPECT_NEAR(field.rms[i], std::sqrt(energy / (2 * pulse.half_duration())), 1e-3 * field.rms[i]);
    EXPECT_NEAR(field.peak[i], peak, 0.04 * peak);  // the reference's samples lie up to 1/24 period off the peak
  }
  EXPECT_LT(difference / largest, 1e-3);
  record("field", difference / largest);

  const auto targets = data.read<double>("in/scatterers_xyzA");
  for (std::size_t i = 0; i < targets.size(); i += 4)
    scene.add_target({targets[i], targets[i + 1], targets[i + 2]}, targets[i + 3]);
  const auto rf = data.read<double>("out/rf_over_rho");
  scene.receive.sampling_rate = fs;
  scene.receive.start = 0;
  scene.receive.samples = static_cast<std::int64_t>(samples);
  double previous = 1;
  for (double tolerance : {1e-2, 1e-3, 1e-4}) {
    const auto echoes = scene.simulate(pulse, {.tolerance = tolerance});
    ASSERT_EQ(echoes.samples.size(), rf.size());
    largest = difference = 0;
    for (std::size_t i = 0; i < rf.size(); ++i) {
      largest = std::max(largest, std::abs(rf[i]));
      difference = std::max(difference, std::abs(2 * pi / (width * height) * echoes.samples.flat()[i] - rf[i]));
    }
    EXPECT_LT(difference / largest, tolerance);
    EXPECT_LE(difference / largest, previous);
    previous = difference / largest;
    record("echoes at " + format_number(tolerance), previous);
  }

  // The fast engine at the accuracies that it promises.
  const auto fast_difference = [&](double accuracy) {
    ScattererEngine engine;
    engine.accuracy = accuracy;
    const auto echoes = engine.simulate({scene.phantom, scene.probe, pulse, scene.sequence, scene.receive});
    double error = 0, size = 0;
    for (std::size_t i = 0; i < rf.size(); ++i) {
      const double fast = 2 * pi / (width * height) * static_cast<double>(echoes.samples.flat()[i]);
      error += (fast - rf[i]) * (fast - rf[i]), size += rf[i] * rf[i];
    }
    return std::sqrt(error / size);
  };
  for (double accuracy : {1e-2, 1e-3, 1e-4}) {
    const double found = fast_difference(accuracy);
    record("echoes of engine scatterers at " + format_number(accuracy), found);
    EXPECT_LT(found, accuracy);
  }
}
INSTANTIATE_TEST_SUITE_P(Baffles, TransientArray, ::testing::Values("rigid", "soft"));

TEST_F(Piston, LineSourceInTwoDimensions) {
  const auto data = file("green2d.h5");
  const double c = data.read_scalar<double>("in/c"), f0 = data.read_scalar<double>("in/f0"),
               fs = data.read_scalar<double>("in/fs"), t0 = data.read_scalar<double>("in/t0");
  // A very narrow strip is a line source of strength width: G = -(i/2) H0 width, twice free space's -(i/4) H0.
  const double width = 1e-6;
  Scene scene;
  scene.probe = row_of_elements(1, width, width, 0.005, f0);
  scene.phantom.background.sound_speed = c;
  scene.add_transmit({0});
  const GaussianPulse pulse(f0, data.read_scalar<double>("in/sigma"), false, t0);
  FieldRequest request;
  request.sampling_rate = fs;
  const auto ranges = data.read<double>("in/r");
  for (double r : ranges) request.points.push_back({0, 0, r});
  const auto expected = data.read<double>("out/p");
  const std::size_t samples = expected.size() / ranges.size();
  const auto field = scene.field(pulse, request, Engine::FieldOutput::waveforms, {.dimensions = 2, .tolerance = 1e-5});
  const auto shift = static_cast<std::ptrdiff_t>(std::lround(field.start * fs));
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    double largest = 0, difference = 0;
    for (std::size_t n = 0; n < samples; ++n) {
      const double value = 2 * width * expected[i * samples + n];
      largest = std::max(largest, std::abs(value));
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(n) - shift;
      const bool inside = at >= 0 && at < static_cast<std::ptrdiff_t>(field.waveforms.extent(1));
      difference =
          std::max(difference, std::abs((inside ? field.waveforms(i, static_cast<std::size_t>(at)) : 0) - value));
    }
    record("range " + format_number(ranges[i]), difference / largest);
    EXPECT_LT(difference / largest, 1e-3) << ranges[i];
  }
}

}  // namespace
}  // namespace sonoforge
