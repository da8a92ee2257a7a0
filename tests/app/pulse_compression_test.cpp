// A chirp from the config to the image.
#include <gtest/gtest.h>

#include <cmath>

#include "app/experiment.hpp"
#include "recon/envelope.hpp"

namespace sonoforge {
namespace {

constexpr double depth = 20e-3, bandwidth = 3e6, speed = 1540, step = 0.02e-3;

struct Line {
  double peak_depth = 0, width = 0;  ///< of the envelope over depth at 2 / pi of its peak [m]
};

Line axial(const std::string& pulse, const std::string& image) {
  const ConfigTree tree = ConfigTree::parse(
      "phantom: {type: points, background: {sound_speed: 1540 m/s, density: 1000 kg/m^3, attenuation: 0 dB/cm/MHz, "
      "scattering_exponent: 0}, positions: [[0 mm, 0 mm, 20 mm]]}\n"
      "probe: {type: linear_array, elements: 1, pitch: 0.1 mm, width: 0.1 mm, height: 0.1 mm, elevation_focus: none, "
      "frequency: 5 MHz, baffle: rigid, response: none}\n"
      "pulse: " + pulse + "\nsequence: {type: plane_waves, angles: [0 deg]}\n"
      "receive: {sampling_rate: 40 MHz, depth: 40 mm}\nengine: {type: exact}\n"
      "image: {x: [0 mm, 0.1 mm, 0.1 mm], z: [5 mm, 35 mm, 0.02 mm]" + image + "}\nlabels: []\n");
  const Experiment experiment = Experiment::build(tree, {"phantom", "probe", "sequence", "receive"});
  const RunResult result = run(experiment, false);
  const RealMap levels = envelope(result.beamformed.front());
  Line line;
  std::size_t top = 0;
  const std::size_t count = levels.grid.z.count;
  const auto level = [&](std::size_t i) { return static_cast<double>(levels.values(i, std::size_t{0}, std::size_t{0})); };
  for (std::size_t i = 1; i < count; ++i)
    if (level(i) > level(top)) top = i;
  line.peak_depth = levels.grid.z.at(top);
  const double edge = 2 / M_PI * level(top);
  std::size_t first = top, last = top;
  while (first > 0 && level(first - 1) > edge) --first;
  while (last + 1 < count && level(last + 1) > edge) ++last;
  line.width = static_cast<double>(last - first + 1) * step;
  return line;
}

// The line 1 / B long in time is c / (2 B) = 257 um deep; pixels of 20 um count it to one pixel at either end.
TEST(PulseCompression, ChirpsBecomePointsByThemselves) {
  const std::string chirp = "{type: chirp, frequency_from: 3.5 MHz, frequency_to: 6.5 MHz, duration: 15 us, window: none}";
  for (const char* image : {"", ", pulse_compression: on"}) {
    const Line line = axial(chirp, image);
    EXPECT_NEAR(line.peak_depth, depth, step / 2 + 1e-9) << image;
    EXPECT_NEAR(line.width, speed / (2 * bandwidth), 2 * step) << image;
  }
  // Left alone it is as long as the chirp: 11.55 mm.
  EXPECT_GT(axial(chirp, ", pulse_compression: off").width, 0.5 * speed * 15e-6 / 2);
}

// A Barker code of 13 chips, two periods each: the triangle of a chip is at 2 / pi of its peak over 2 (1 - 2 / pi) chips.
TEST(PulseCompression, CodesBecomeOneChip) {
  const Line line = axial("{type: coded, code: barker13, cycles: 2}", "");
  EXPECT_NEAR(line.peak_depth, depth, step / 2 + 1e-9);
  EXPECT_NEAR(line.width, 2 * (1 - 2 / M_PI) * (2 / 5e6) * speed / 2, 2 * step);
}

// A burst stays as it is unless it is asked for.
TEST(PulseCompression, BurstsAreLeftAlone) {
  ExperimentConfig config;
  EXPECT_FALSE(compresses_pulse(config));
  config.image.pulse_compression = true;
  EXPECT_TRUE(compresses_pulse(config));
  config.image.pulse_compression.reset();
  config.pulse = Typed<PulseConfig>::make(pulse_catalog(), "chirp");
  EXPECT_TRUE(compresses_pulse(config));
}

}  // namespace
}  // namespace sonoforge
