// The PICMUS resolution phantom, simulated with 75 plane waves and imaged on the grid of its published Field II image
// [liebgott2016]: point targets must be as wide.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdlib>
#include <filesystem>
#include <numbers>

#include "io/hdf5.hpp"
#include "recon/delay_and_sum.hpp"
#include "recon/envelope.hpp"
#include "recon/metrics.hpp"
#include "sim/exact.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

using std::numbers::pi;

/// Drive and two passes through the transducer as the challenge's script states them: a square wave of 2.5 cycles,
/// phase pi/2, the impulse response a Gaussian pulse of bandwidth 0.67 over +-1 / (0.67 f0), and the band-pass of the
/// recorder.
class ChallengePulse : public Pulse {
 public:
  std::complex<double> spectrum(double f, std::size_t) const override {
    if (f <= 0) return 0;
    const double corners[] = {f0 * (1 - 0.7 * width), f0 * (1 - 0.5 * width), f0 * (1 + 0.5 * width),
                              f0 * (1 + 0.7 * width)};
    const double gain = std::clamp(
        std::min((f - corners[0]) / (corners[1] - corners[0]), (corners[3] - f) / (corners[3] - corners[2])), 0.0, 1.0);
    if (gain == 0) return 0;
    // Both signals are even about their centres, so their transforms are real cosine sums.
    double drive = 0, response = 0;
    constexpr int steps = 600;
    const double drive_half = 1.25 / f0, response_half = 1 / (width * f0);
    // gauspuls: exp(-t^2 / (2 v)) with -6 dB at f0 (1 +- width / 2)
    const double variance = 8 * std::log(std::pow(10, 6.0 / 20)) / std::pow(2 * pi * width * f0, 2);
    for (int i = 0; i < steps; ++i) {
      const double u = (i + 0.5) / steps * 2 - 1, t = u * drive_half, s = u * response_half;
      drive += drive_sign(t) * std::cos(2 * pi * f * t) * drive_half;
      response +=
          std::exp(-s * s / (2 * variance)) * std::cos(2 * pi * f0 * s) * std::cos(2 * pi * f * s) * response_half;
    }
    return gain * drive * response * response * 8.0 / std::pow(steps, 3);
  }
  double half_duration() const override { return 1.25 / f0 + 2 / (width * f0); }
  double frequency() const override { return f0; }

  static constexpr double f0 = 5.208e6, width = 0.67;

 private:
  /// A square wave of phase pi/2 at its middle: even about it.
  static double drive_sign(double t) { return std::cos(2 * pi * f0 * t) >= 0 ? 1.0 : -1.0; }
};

TEST(Picmus, PointTargetsAreAsWideAsInThePublishedImage) {
  const char* folder = std::getenv("SONOFORGE_REFERENCE");
  if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set, so there is nothing to compare with";
  const std::filesystem::path files = std::filesystem::path(folder) / "third_party";
  const Hdf5Reader phantom_file(files / "picmus_phantom_1.hdf5"), image_file(files / "picmus_das_1.hdf5");
  const std::string root = "US/US_DATASET0000/";
  const auto positions = phantom_file.read<double>(root + "scatterers_positions");
  const std::size_t count = positions.size() / 3;
  Phantom phantom;
  for (std::size_t i = 0; i < count; ++i)
    phantom.scatterers.positions.push_back({positions[i], positions[count + i], positions[2 * count + i]});
  phantom.scatterers.amplitudes = phantom_file.read<double>(root + "scatterers_amplitude");
  phantom.scatterers.regions.assign(count, -1);
  phantom.background.attenuation.db_per_cm = 0;
  phantom.background.scattering_exponent = 0;

  Probe probe;
  probe.frequency = ChallengePulse::f0;
  probe.elevation_focus = 20e-3;
  probe.baffle = 0;  // Field II's rigid plane
  probe.pitch = 0.3e-3;
  probe.elements.resize(128);
  for (std::size_t i = 0; i < 128; ++i) {
    probe.elements[i].position.x = (static_cast<double>(i) - 63.5) * 0.3e-3;
    probe.elements[i].width = 0.27e-3;
    probe.elements[i].height = 5e-3;
  }
  Sequence sequence;
  for (int k = 0; k < 75; ++k)
    sequence.transmits.push_back(
        plane_transmit(probe, std::vector<double>(128, 1.0), (k / 74.0 - 0.5) * 32 * pi / 180, 0, 1540));
  ReceiveConfig receive;
  receive.sampling_rate = 20.832e6;
  receive.duration = 75e-6;
  const ChallengePulse pulse;
  Exact engine;
  Acquisition acquisition = engine.simulate({phantom, probe, pulse, sequence, receive});

  const auto x = image_file.read<double>(root + "scan/x_axis"), z = image_file.read<double>(root + "scan/z_axis"),
             real = image_file.read<double>(root + "data/real");
  PixelGrid grid;
  grid.x = {x[0], (x.back() - x[0]) / static_cast<double>(x.size() - 1), x.size()};
  grid.z = {z[0], (z.back() - z[0]) / static_cast<double>(z.size() - 1), z.size()};
  DelayAndSum das;
  das.f_number = 1.75;
  das.window = Window::tukey25;
  const RealMap ours = log_compress(envelope(das.beamform(acquisition, grid).at(0)));
  RealMap published(grid);
  const std::size_t last = 3 * x.size() * z.size();  // the image of 75 waves; stored [image, x, z]
  for (std::size_t ix = 0; ix < x.size(); ++ix)
    for (std::size_t iz = 0; iz < z.size(); ++iz)
      published.values(iz, 0, ix) = static_cast<float>(std::abs(real[last + ix * z.size() + iz]));
  published = log_compress(published);

  struct Widths {
    double axial = 0, lateral = 0;
  };
  const auto mean_widths = [&](const RealMap& map) {
    Widths mean;
    double n = 0;
    for (const Vec3& target : phantom.scatterers.positions) {
      if (target.z < 12e-3) continue;  // on the upper edge of the image: its profile is cut off
      std::size_t bz = 0, bx = 0;
      float best = -1000;
      for (std::size_t iz = 0; iz < z.size(); ++iz)
        for (std::size_t ix = 0; ix < x.size(); ++ix)
          if (std::abs(x[ix] - target.x) < 1.8e-3 && std::abs(z[iz] - target.z) < 1.8e-3 &&
              map.values(iz, 0, ix) > best)
            best = map.values(iz, 0, ix), bz = iz, bx = ix;
      std::vector<double> along_z, along_x;
      for (std::size_t k = bz - 12; k <= std::min(bz + 12, z.size() - 1); ++k)
        along_z.push_back(static_cast<double>(map.values(k, 0, bx)));
      for (std::size_t k = bx - 12; k <= bx + 12; ++k) along_x.push_back(static_cast<double>(map.values(bz, 0, k)));
      mean.axial += picmus_width(along_z) * grid.z.step;
      mean.lateral += picmus_width(along_x) * grid.x.step;
      n += 1;
    }
    return Widths{mean.axial / n, mean.lateral / n};
  };
  const Widths mine = mean_widths(ours), theirs = mean_widths(published);
  std::printf("axial %.4f mm (published %.4f), lateral %.4f mm (published %.4f)\n", mine.axial * 1e3,
              theirs.axial * 1e3, mine.lateral * 1e3, theirs.lateral * 1e3);
  EXPECT_NEAR(mine.axial / theirs.axial, 1, 0.05);
  EXPECT_NEAR(mine.lateral / theirs.lateral, 1, 0.05);
}

}  // namespace
}  // namespace sonoforge
