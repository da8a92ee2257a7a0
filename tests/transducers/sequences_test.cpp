#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "io/hdf5.hpp"
#include "support.hpp"
#include "transducers/custom_sequence.hpp"
#include "transducers/diverging_waves.hpp"
#include "transducers/focused_beams.hpp"
#include "transducers/matrix_array.hpp"
#include "transducers/multi_line.hpp"
#include "transducers/synthetic_aperture.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

using testing::error_key;
using testing::library_probe;

constexpr double speed = 1540;
constexpr double degree = std::numbers::pi / 180;
/// Rounding of some ten operations on times of some 100 us, in double.
constexpr double rounding = 2e-19;

Probe matrix_probe() {
  MatrixArray config;
  config.frequency = 3e6;
  config.elements_x = 16;
  config.elements_y = 12;
  config.pitch_x = 0.3e-3;
  return config.build();
}

Probe row_column_probe() {
  RowColumnArray config;
  config.frequency = 3e6;
  config.columns = 16;
  config.rows = 24;
  config.pitch = 0.25e-3;
  return config.build();
}

/// Arrival times of all active elements at x.
std::vector<double> arrivals(const Probe& probe, const Transmit& transmit, Vec3 x) {
  std::vector<double> times;
  for (const TransmitLaw& law : transmit.laws)
    for (std::size_t i = 0; i < probe.size(); ++i)
      if (law.apodization[i] != 0) times.push_back(law.delays[i] + norm(x - probe.elements[i].position) / speed);
  return times;
}

/// What every law must keep: silent elements are NaN with weight 0, nobody fires before 0, somebody at 0.
void expect_clean(const Probe& probe, const Transmit& transmit) {
  double first = 1;
  for (const TransmitLaw& law : transmit.laws) {
    ASSERT_EQ(law.delays.size(), probe.size());
    ASSERT_EQ(law.apodization.size(), probe.size());
    for (std::size_t i = 0; i < probe.size(); ++i) {
      EXPECT_EQ(std::isnan(law.delays[i]), law.apodization[i] == 0);
      if (!std::isnan(law.delays[i])) first = std::min(first, law.delays[i]);
    }
  }
  EXPECT_EQ(first, 0);
  EXPECT_NEAR(norm(transmit.direction), 1, 1e-15);
}

/// MUST also fires elements that face away from the focus; ours are silent, so that another one may be the first.
void expect_delays(const Probe& probe, const Transmit& transmit, const std::vector<double>& expected,
                   const std::string& what) {
  ASSERT_EQ(transmit.laws.size(), 1u);
  const std::vector<double>& delays = transmit.laws[0].delays;
  double first = 1;
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!std::isnan(delays[i])) first = std::min(first, expected[i]);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Element& element = probe.elements[i];
    if (std::isnan(delays[i])) {
      EXPECT_LE(dot(element.normal, transmit.focus - element.position), 0) << what << ", element " << i;
    } else {
      EXPECT_NEAR(delays[i], expected[i] - first, 1e-15) << what << ", element " << i;
    }
  }
}

TEST(DivergingWaves, DelaysAgreeWithMust) {
  SONOFORGE_REFERENCE_FILE(file, "simus/txdelays.h5");
  const Hdf5Reader reader(file);
  for (const std::string name : {"L11-5v", "P4-2v"})
    for (const auto& [tilt, width] : {std::pair{0, 60}, {10, 45}}) {
      DivergingWaves config;
      config.angles = {tilt * degree};
      config.width = width * degree;
      const std::string key = "circular_tilt" + std::to_string(tilt) + "_width" + std::to_string(width);
      const Probe probe = library_probe(name);
      expect_delays(probe, config.build(probe, speed).transmits[0], reader.read<double>(name + "/" + key),
                    name + " " + key);
    }
}

TEST(FocusedBeams, DelaysAgreeWithMust) {
  SONOFORGE_REFERENCE_FILE(file, "simus/txdelays.h5");
  const Hdf5Reader reader(file);
  for (const std::string name : {"L11-5v", "P4-2v", "C5-2v"}) {
    const Probe probe = library_probe(name);
    const std::size_t middle = probe.size() / 2;
    // MUST counts z of a convex array from the chord between its ends, we count it from the apex.
    const double shift = probe.elements[middle].position.z - reader.read<double>(name + "/element_z")[middle];
    const std::vector<double> ones(probe.size(), 1.0);
    for (const auto& [key, focus] : {std::pair{"focus_x0.005_z0.02", Vec3{5e-3, 0, 20e-3 + shift}},
                                     {"focus_x0.0_z0.03", Vec3{0, 0, 30e-3 + shift}}})
      expect_delays(probe, focused_transmit(probe, ones, focus, {}, speed), reader.read<double>(name + "/" + key),
                    name + " " + key);
    if (reader.has(name + "/focus_x0.0_z-0.02"))
      expect_delays(probe, diverging_transmit(probe, ones, {0, 0, -20e-3}, {0, 0, 1}, speed),
                    reader.read<double>(name + "/focus_x0.0_z-0.02"), name + " source");
  }
}

TEST(DivergingWaves, OuterRaysSpanTheWidthAndTimesAreThoseOfTheSource) {
  for (const char* name : {"L11-5v", "P4-2v", "C5-2v"})
    for (double tilt : {-15.0, 0.0, 20.0}) {
      const Probe probe = library_probe(name);
      DivergingWaves config;
      config.angles = {tilt * degree};
      config.width = 80 * degree;
      const Transmit transmit = config.build(probe, speed).transmits[0];
      expect_clean(probe, transmit);
      EXPECT_EQ(transmit.wave, Transmit::Wave::diverging);
      EXPECT_LE(transmit.time_of_origin, 0);
      EXPECT_NEAR(transmit.angle, tilt * degree, 1e-15);
      const Vec3 left = probe.elements.front().position - transmit.focus,
                 right = probe.elements.back().position - transmit.focus;
      EXPECT_NEAR(std::atan2(left.x, left.z), (tilt - 40) * degree, 1e-12) << name;
      EXPECT_NEAR(std::atan2(right.x, right.z), (tilt + 40) * degree, 1e-12) << name;
      for (std::size_t i = 0; i < probe.size(); ++i)
        if (transmit.laws[0].apodization[i] != 0) {
          EXPECT_NEAR(transmit.laws[0].delays[i],
                      transmit.time_of_origin + norm(probe.elements[i].position - transmit.focus) / speed, rounding);
        }
      // No element is heard before the stated front anywhere, and on the ray through an element that one comes in it.
      for (double depth : {10e-3, 40e-3}) {
        const std::size_t i = probe.size() / 2;
        const Vec3 ray = normalized(probe.elements[i].position - transmit.focus);
        const Vec3 x = probe.elements[i].position + depth * ray;
        const auto times = arrivals(probe, transmit, x);
        EXPECT_NEAR(*std::min_element(times.begin(), times.end()),
                    transmit.time_of_origin + norm(x - transmit.focus) / speed, rounding);
      }
      // The axis passes the stated origin, which lies on the face.
      const Vec3 from_source = transmit.origin - transmit.focus;
      EXPECT_NEAR(norm(cross(normalized(from_source), transmit.direction)), 0, 1e-12);
      const double radius = probe.curvature_radius;
      if (std::isfinite(radius)) {
        EXPECT_NEAR(norm(transmit.origin - Vec3{0, 0, -radius}), radius, 1e-15);
      } else {
        EXPECT_NEAR(transmit.origin.z, 0, 1e-17);
      }
    }
}

TEST(DivergingWaves, SpreadInBothDirectionsOfAMatrixArray) {
  const Probe probe = matrix_probe();
  DivergingWaves config;
  config.angles = {0, 0.1};
  config.azimuths = {0.2};
  config.width = 60 * degree;
  for (const Transmit& transmit : config.build(probe, speed).transmits) {
    expect_clean(probe, transmit);
    EXPECT_NEAR(transmit.azimuth, 0.2, 1e-15);
    for (std::size_t i = 0; i < probe.size(); ++i)
      EXPECT_NEAR(transmit.laws[0].delays[i],
                  transmit.time_of_origin + norm(probe.elements[i].position - transmit.focus) / speed, rounding);
  }
  const Probe crossed = row_column_probe();
  config.angles = {0};
  const Transmit rows = config.build(crossed, speed).transmits[0];
  for (std::size_t i = 0; i < crossed.size(); ++i)
    EXPECT_EQ(rows.laws[0].apodization[i], i < 16 ? 0 : 1) << "an azimuth needs the rows";
  const Vec3 last = crossed.elements.back().position - rows.focus;
  EXPECT_NEAR(std::atan2(last.y, last.z), 0.2 + 30 * degree, 1e-12);
}

TEST(FocusedBeams, AllElementsMeetAtTheFocusAtTheStatedTime) {
  for (const char* name : {"L11-5v", "P4-2v", "C5-2v"}) {
    const Probe probe = library_probe(name);
    FocusedBeams across, fan;
    across.focus = fan.focus = 40e-3;
    across.lines = 7;
    across.aperture.f_number = 2;
    fan.angles = {-0.4, 0, 0.3};
    for (const FocusedBeams& config : {across, fan}) {
      const Sequence sequence = config.build(probe, speed);
      EXPECT_TRUE(sequence.lines);
      EXPECT_EQ(sequence.transmits.size(), config.lines ? 7u : 3u);
      for (const Transmit& transmit : sequence.transmits) {
        expect_clean(probe, transmit);
        EXPECT_EQ(transmit.wave, Transmit::Wave::focused);
        EXPECT_NEAR(norm(transmit.focus - transmit.origin), 40e-3, 1e-16);
        EXPECT_NEAR(norm(cross(normalized(transmit.focus - transmit.origin), transmit.direction)), 0, 1e-15);
        for (double time : arrivals(probe, transmit, transmit.focus))
          EXPECT_NEAR(time, transmit.time_of_origin, rounding);
      }
    }
  }
}

TEST(FocusedBeams, LinesReachFromTheFirstToTheLastElement) {
  for (const char* name : {"L11-5v", "C5-2v"}) {
    const Probe probe = library_probe(name);
    FocusedBeams config;
    config.focus = 30e-3;
    config.lines = static_cast<std::int64_t>(probe.size());
    const auto transmits = config.build(probe, speed).transmits;
    for (std::size_t i = 0; i < probe.size(); ++i) {
      EXPECT_NEAR(norm(transmits[i].origin - probe.elements[i].position), 0, 1e-15) << "a line an element";
      EXPECT_NEAR(norm(transmits[i].direction - probe.elements[i].normal), 0, 1e-12);
    }
    config.lines = 1;
    EXPECT_NEAR(norm(config.build(probe, speed).transmits[0].origin), 0, 1e-15) << "a single line is central";
  }
}

TEST(FocusedBeams, LinesMayCoverTheMiddleOfTheFace) {
  for (const char* name : {"L11-5v", "C5-2v"}) {
    const Probe probe = library_probe(name);
    FocusedBeams config;
    config.focus = 30_mm;
    config.lines = 11;
    config.span = 20_mm;
    const Sequence sequence = config.build(probe, 1540);
    const auto along = [&](const Transmit& transmit) {
      return std::isfinite(probe.curvature_radius)
                 ? probe.curvature_radius * std::atan2(transmit.direction.x, transmit.direction.z)
                 : transmit.origin.x;
    };
    for (std::size_t i = 0; i < 11; ++i)
      EXPECT_NEAR(along(sequence.transmits[i]), -10_mm + 2_mm * static_cast<double>(i), 1e-12) << name;
    config.span = 80_mm;
    EXPECT_EQ(error_key([&] { config.build(probe, 1540); }), "span");
    config.span = 20_mm;
    config.lines.reset();
    config.angles = {0};
    EXPECT_EQ(error_key([&] { config.build(probe, 1540); }), "span");
  }
}

TEST(FocusedBeams, ApertureFollowsTheFNumber) {
  const Probe probe = library_probe("L11-5v");
  FocusedBeams config;
  config.focus = 24e-3;
  config.lines = 1;
  config.aperture.f_number = 3;  // 8 mm wide
  config.aperture.window = Window::hann;
  const TransmitLaw law = config.build(probe, speed).transmits[0].laws[0];
  for (std::size_t i = 0; i < probe.size(); ++i) {
    const double x = probe.elements[i].position.x;
    const double expected = std::abs(x) < 4e-3 ? std::pow(std::cos(std::numbers::pi / 2 * x / 4e-3), 2) : 0;
    EXPECT_NEAR(law.apodization[i], expected, 1e-8) << "the edge is rounded outwards by 1e-9";
  }
  config.aperture.f_number = 1000;  // narrower than an element
  const TransmitLaw narrow = config.build(probe, speed).transmits[0].laws[0];
  EXPECT_EQ(std::count(narrow.apodization.begin(), narrow.apodization.end(), 0.0), 127);
  config.aperture.f_number.reset();
  const TransmitLaw all = config.build(probe, speed).transmits[0].laws[0];
  for (double weight : all.apodization) EXPECT_GT(weight, 0);
}

TEST(FocusedBeams, MatrixArraysScanAVolume) {
  const Probe probe = matrix_probe();
  FocusedBeams config;
  config.focus = 20e-3;
  config.lines = 3;
  config.lines_y = 2;
  const auto transmits = config.build(probe, speed).transmits;
  ASSERT_EQ(transmits.size(), 6u);
  EXPECT_NEAR(norm(transmits[1].origin - Vec3{0, -5.5 * 0.3e-3, 0}), 0, 1e-15) << "x fastest";
  EXPECT_NEAR(norm(transmits[5].origin - Vec3{7.5 * 0.3e-3, 5.5 * 0.3e-3, 0}), 0, 1e-15);
  FocusedBeams fan;
  fan.focus = 20e-3;
  fan.angles = {0.1, -0.2};
  fan.azimuths = {0.3, 0.1};
  for (const Transmit& transmit : fan.build(probe, speed).transmits)
    for (double time : arrivals(probe, transmit, transmit.focus)) EXPECT_NEAR(time, transmit.time_of_origin, rounding);
}

TEST(SyntheticAperture, OneElementAfterTheOther) {
  const Probe probe = library_probe("P4-2v");
  SyntheticAperture config;
  const auto all = config.build(probe, speed).transmits;
  ASSERT_EQ(all.size(), probe.size());
  config.elements = {5, 63, 0};
  const auto some = config.build(probe, speed).transmits;
  ASSERT_EQ(some.size(), 3u);
  for (const Transmit& transmit : some) expect_clean(probe, transmit);
  EXPECT_EQ(some[1].laws[0].apodization[63], 1);
  EXPECT_EQ(some[1].focus.x, probe.elements[63].position.x);
  EXPECT_EQ(arrivals(probe, some[0], {1e-3, 0, 30e-3}).size(), 1u);
  config.elements = {64};
  EXPECT_EQ(error_key([&] { (void)config.build(probe, speed); }), "elements");
  for (double bad : {-1.0, 0.5, std::nan(""), 1e300}) {
    config.elements = {bad};
    EXPECT_EQ(error_key([&] { config.check(); }), "elements");
  }
}

TEST(MultiLine, BeamsSentTogetherAreFarApartAndEachFocuses) {
  const Probe probe = library_probe("P4-2v");
  MultiLine config;
  config.focus = 60e-3;
  config.angles = {-0.5, -0.3, -0.1, 0.1, 0.3, 0.5};
  config.beams = 2;
  const Sequence sequence = config.build(probe, speed);
  ASSERT_EQ(sequence.transmits.size(), 3u);
  EXPECT_FALSE(sequence.lines);
  for (std::size_t t = 0; t < 3; ++t) {
    const Transmit& transmit = sequence.transmits[t];
    expect_clean(probe, transmit);
    ASSERT_EQ(transmit.laws.size(), 2u);
    for (std::size_t l = 0; l < 2; ++l) {
      const double angle = config.angles[t + 3 * l];
      Transmit alone = transmit;
      alone.laws = {transmit.laws[l]};
      expect_clean(probe, alone);
      const auto times = arrivals(probe, alone, {60e-3 * std::sin(angle), 0, 60e-3 * std::cos(angle)});
      EXPECT_NEAR(*std::min_element(times.begin(), times.end()), *std::max_element(times.begin(), times.end()),
                  rounding);
    }
  }
  MultiLine points;
  points.foci = {{-10e-3, 0, 40e-3}, {10e-3, 0, 60e-3}};
  EXPECT_EQ(points.build(probe, speed).transmits.size(), 1u) << "all at once";
}

TEST(MultiLine, RefusesWhatDoesNotFit) {
  MultiLine config;
  EXPECT_EQ(error_key([&] { config.check(); }), "foci");
  config.angles = {0, 0.1, 0.2};
  EXPECT_EQ(error_key([&] { config.check(); }), "focus");
  config.focus = 50e-3;
  EXPECT_EQ(error_key([&] { config.check(); }), "(none)");
  config.beams = 2;
  EXPECT_EQ(error_key([&] { config.check(); }), "beams");
  config.beams.reset();
  config.azimuths = {0.1};
  EXPECT_EQ(error_key([&] { (void)config.build(library_probe("P4-2v"), speed); }), "azimuths");
  config.foci = {{0, 0, 0.03}};
  EXPECT_EQ(error_key([&] { config.check(); }), "foci") << "not both";
  MultiLine behind;
  behind.foci = {{0, 0, -0.03}};
  EXPECT_EQ(error_key([&] { behind.check(); }), "foci");
}

TEST(DivergingWaves, RefusesWhatDoesNotFit) {
  DivergingWaves config;
  EXPECT_EQ(error_key([&] { config.check(); }), "width");
  config.width = 120 * degree;
  EXPECT_EQ(error_key([&] { config.check(); }), "(none)");
  config.angles = {0, 35 * degree};
  EXPECT_EQ(error_key([&] { config.check(); }), "width");
  config.angles = {};
  EXPECT_EQ(error_key([&] { config.check(); }), "angles");
  config.angles = {0};
  Probe one = library_probe("P4-2v");
  one.elements.resize(1);
  EXPECT_EQ(error_key([&] { (void)config.build(one, speed); }), "width");
}

TEST(FocusedBeams, RefusesWhatDoesNotFit) {
  const Probe probe = library_probe("L11-5v");
  FocusedBeams config;
  EXPECT_EQ(error_key([&] { config.check(); }), "focus");
  config.focus = 30e-3;
  EXPECT_EQ(error_key([&] { config.check(); }), "lines");
  config.lines = 3;
  config.angles = {0};
  EXPECT_EQ(error_key([&] { config.check(); }), "lines");
  config.angles = {};
  config.lines_y = 2;
  EXPECT_EQ(error_key([&] { (void)config.build(probe, speed); }), "lines_y");
  config.lines_y.reset();
  config.lines = 500'000;
  EXPECT_EQ(error_key([&] { (void)config.build(probe, speed); }), "lines") << "64 million delays";
}

class CustomSequenceFile : public ::testing::Test {
 protected:
  // Test programs may run side by side, each test in its own process.
  std::filesystem::path path =
      std::filesystem::path(::testing::TempDir()) / ("custom_sequence_" + std::to_string(getpid()) + ".h5");
  Probe probe = [] {
    Probe made = library_probe("P4-2v");
    made.elements.resize(4);
    return made;
  }();

  void write(const std::vector<double>& delays, const std::vector<std::size_t>& shape,
             const std::vector<double>& apodization = {}, const std::vector<double>& receive = {}) const {
    Hdf5Writer writer(path);
    writer.write<double>("delays", delays, shape);
    if (!apodization.empty()) writer.write<double>("apodization", apodization, {apodization.size() / 4, 4});
    if (!receive.empty()) writer.write<double>("receive_delays", receive, {receive.size()});
    writer.commit();
  }
  Sequence build() const {
    CustomSequence config;
    config.file = path;
    return config.build(probe, speed);
  }
  std::string refusal() const {
    try {
      (void)build();
    } catch (const UserError& error) {
      return error.what();
    }
    return "(none)";
  }
  void TearDown() override { std::filesystem::remove(path); }
};

TEST_F(CustomSequenceFile, IsReadAndStartsAtZero) {
  write({3e-6, 2e-6, NAN, 4e-6, 0, 1e-6, 2e-6, 3e-6}, {2, 4}, {1, 1, 1, -0.5, 0, 1, 1, 1}, {0, 1e-7, 2e-7, 3e-7});
  const Sequence sequence = build();
  ASSERT_EQ(sequence.transmits.size(), 2u);
  for (const Transmit& transmit : sequence.transmits) {
    expect_clean(probe, transmit);
    EXPECT_EQ(transmit.wave, Transmit::Wave::custom);
  }
  EXPECT_NEAR(sequence.transmits[0].laws[0].delays[3], 2e-6, 1e-20);
  EXPECT_EQ(sequence.transmits[0].laws[0].apodization[3], -0.5);
  EXPECT_NEAR(sequence.transmits[1].laws[0].delays[2], 1e-6, 1e-20) << "element 0 is silent, so element 1 is first";
  EXPECT_EQ(sequence.receive_delays, (std::vector<double>{0, 1e-7, 2e-7, 3e-7}));

  write({0, 1e-6, 2e-6, 3e-6, 3e-6, 2e-6, 1e-6, 5e-7}, {1, 2, 4});
  const Sequence two_laws = build();
  ASSERT_EQ(two_laws.transmits.size(), 1u);
  ASSERT_EQ(two_laws.transmits[0].laws.size(), 2u);
  EXPECT_EQ(two_laws.transmits[0].laws[1].delays[3], 5e-7) << "laws keep their mutual times";
}

TEST_F(CustomSequenceFile, RefusesWhatCannotBeUsed) {
  EXPECT_NE(refusal(), "(none)") << "no file";
  write({0, 0, 0}, {1, 3});
  EXPECT_NE(refusal().find("/delays has the shape [1, 3]"), std::string::npos) << refusal();
  write({0, 0, 0, 0}, {4});
  EXPECT_NE(refusal().find("/delays has the shape [4]"), std::string::npos);
  write({}, {0, 4});
  EXPECT_NE(refusal().find("/delays has the shape [0, 4]"), std::string::npos);
  write({NAN, NAN, NAN, NAN}, {1, 4});
  EXPECT_NE(refusal().find("no element fires in transmit 0"), std::string::npos);
  write({0, 0, 0, INFINITY}, {1, 4});
  EXPECT_NE(refusal().find("transmit 0, element 3"), std::string::npos);
  write({0, 0, 0, 2.5}, {1, 4});
  EXPECT_NE(refusal().find("2.5 s"), std::string::npos) << "microseconds, most likely";
  write({0, 0, 0, 0}, {1, 4}, {1, 1, 1, 1, 1, 1, 1, 1});
  EXPECT_NE(refusal().find("/apodization has the shape [2, 4]"), std::string::npos);
  write({0, 0, 0, 0}, {1, 4}, {1, 1, NAN, 1});
  EXPECT_NE(refusal().find("apodization of transmit 0, element 2"), std::string::npos);
  write({0, 0, 0, 0}, {1, 4}, {1, 1, 1.5, 1});
  EXPECT_NE(refusal().find("apodization of transmit 0, element 2"), std::string::npos);
  write({0, 0, 0, 0}, {1, 4}, {}, {0, 0, 0});
  EXPECT_NE(refusal().find("/receive_delays has the shape [3]"), std::string::npos);
  write({0, 0, 0, 0}, {1, 4}, {}, {0, 0, NAN, 0});
  EXPECT_NE(refusal().find("/receive_delays[2]"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
