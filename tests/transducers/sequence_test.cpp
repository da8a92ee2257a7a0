#include <algorithm>
#include <cmath>
#include <numbers>

#include "io/hdf5.hpp"
#include "support.hpp"
#include "transducers/plane_waves.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

using testing::error_key;
using testing::library_probe;

constexpr double speed = 1540;
/// Rounding of times of some 50 us in double.
constexpr double rounding = 3e-20;

PlaneWaves plane_waves(std::vector<double> angles) {
  PlaneWaves config;
  config.angles = std::move(angles);
  return config;
}

TEST(PlaneWaves, DelaysAgreeWithMust) {
  SONOFORGE_REFERENCE_FILE(file, "simus/txdelays.h5");
  const Hdf5Reader reader(file);
  for (const std::string name : {"L11-5v", "P4-2v", "C5-2v"})
    for (int angle : {-5, 0, 10}) {
      const auto expected = reader.read<double>(name + "/plane_" + std::to_string(angle) + "deg");
      const Probe probe = library_probe(name);
      const Sequence sequence = plane_waves({angle * std::numbers::pi / 180}).build(probe, speed);
      for (std::size_t i = 0; i < probe.size(); ++i)
        EXPECT_NEAR(sequence.transmits[0].laws[0].delays[i], expected[i], rounding) << name << ' ' << angle << " deg";
    }
}

TEST(PlaneWaves, FrontIsPlanarAndPassesTheOriginWhenStated) {
  for (const char* name : {"L11-5v", "C5-2v"})
    for (double degrees : {-20.0, 0.0, 7.5}) {
      const double angle = degrees * std::numbers::pi / 180;
      const Probe probe = library_probe(name);
      const Sequence sequence = plane_waves({angle}).build(probe, speed);
      const Transmit& transmit = sequence.transmits[0];
      EXPECT_EQ(transmit.wave, Transmit::Wave::plane);
      EXPECT_EQ(transmit.angle, angle);
      double first = 1;
      for (std::size_t i = 0; i < probe.size(); ++i) {
        // The front is x sin(a) + z cos(a) = c (t - time_of_origin): each element fires as it passes.
        const Vec3 p = probe.elements[i].position;
        const double passes = transmit.time_of_origin + (p.x * std::sin(angle) + p.z * std::cos(angle)) / speed;
        EXPECT_NEAR(transmit.laws[0].delays[i], passes, rounding) << name;
        EXPECT_EQ(transmit.laws[0].apodization[i], 1);
        first = std::min(first, transmit.laws[0].delays[i]);
      }
      EXPECT_EQ(first, 0);
    }
}

TEST(PlaneWaves, FramesRepeat) {
  PlaneWaves config = plane_waves({0, 0.1});
  config.frames.count = 32;
  config.frames.rate = 10e3;
  const Sequence sequence = config.build(library_probe("L11-5v"), speed);
  EXPECT_EQ(sequence.transmits.size(), 2u);
  EXPECT_EQ(sequence.frames, 32u);
  EXPECT_EQ(sequence.frame_rate, 10e3);
  EXPECT_FALSE(sequence.lines);
}

TEST(PlaneWaves, RefusesWhatDoesNotFit) {
  const Probe probe = library_probe("L11-5v");
  EXPECT_EQ(error_key([&] { plane_waves({}).check(); }), "angles");
  PlaneWaves config = plane_waves({0, 0.1, 0.2});
  config.azimuths = {0, 0.1};
  EXPECT_EQ(error_key([&] { config.check(); }), "azimuths");
  config.azimuths = {0.1};
  EXPECT_EQ(error_key([&] { (void)config.build(probe, speed); }), "azimuths") << "a row of elements cannot steer in y";
  config = plane_waves(std::vector<double>(500'000, 0.0));
  EXPECT_EQ(error_key([&] { (void)config.build(probe, speed); }), "angles") << "64 million delays";
}

}  // namespace
}  // namespace sonoforge
