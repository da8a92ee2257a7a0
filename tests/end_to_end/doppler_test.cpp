#include "recon/doppler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "app/experiment.hpp"
#include "core/fft.hpp"
#include "phantoms/rotating_disk.hpp"
#include "sim/scan.hpp"

// From moving scatterers to velocity maps: phantom, engine, beamformer and autocorrelation must agree on what a metre
// a second is.

namespace sonoforge {
namespace {

/// Power-weighted mean frequency of RF [Hz]: what the phase of the autocorrelation counts [kasai1985].
double mean_frequency(const Acquisition& acquisition) {
  const std::size_t n = acquisition.samples_per_channel();
  const RealFft<double> fft(n);
  double weight = 0, sum = 0;
  std::vector<double> record(n);
  std::vector<std::complex<double>> spectrum(fft.bins());
  for (std::size_t m = 0; m < acquisition.channels(); ++m) {
    std::ranges::copy(acquisition.samples.row(0ul, 0ul, m), record.begin());
    fft.forward(record, spectrum);
    for (std::size_t k = 0; k < spectrum.size(); ++k) {
      weight += std::norm(spectrum[k]);
      sum += std::norm(spectrum[k]) * static_cast<double>(k) * acquisition.sampling_rate / static_cast<double>(n);
    }
  }
  return sum / weight;
}

Experiment experiment_of(const std::string& phantom) {
  return Experiment::build(ConfigTree::parse("sonoforge: 1\nphantom: " + phantom + R"(
probe: {type: linear_array, frequency: 5 MHz, elements: 64, pitch: 0.3 mm, width: 0.27 mm, height: 5 mm, response: {bandwidth: 60 %}}
pulse: {cycles: 4}
sequence: {type: plane_waves, angles: [0 deg], frames: {count: 8, rate: 2 kHz}}
receive: {sampling_rate: 20 MHz, depth: 28 mm}
engine: {type: exact, model: simus, dimensions: 2}
beamformer: {type: delay_and_sum, f_number: 3}
image: {x: [-5 mm, 5 mm, 0.2 mm], z: [14 mm, 26 mm, 0.1 mm]}
)"),
                           {"phantom", "probe", "sequence", "receive"});
}

DopplerMaps doppler_of(const Experiment& e, std::size_t smoothing) {
  const Acquisition rf = e.simulate();
  const auto maps = e.config.beamformer->beamform(rf, e.grid(rf));
  return color_doppler(maps, rf.sequence.frame_rate, mean_frequency(rf), rf.sound_speed, smoothing);
}

TEST(Doppler, UniformFlowGivesTheKasaiVelocity) {
  // Phase per frame: 4 pi 0.05 m/s 5 MHz / (1540 m/s 2 kHz) = 1.02 rad. One phase is read from the autocorrelation
  // summed over the whole image, so that the chance of single speckles averages out.
  Experiment e = experiment_of(
      "{type: scene, background: {sound_speed: 1540 m/s, scatterer_density: 20 /mm^3, scatterer_strength: 1}, "
      "extent: {x: [-8 mm, 8 mm], z: [12 mm, 28 mm]}}");
  for (double velocity : {0.05, -0.08}) {
    e.phantom.scatterers.velocities.assign(e.phantom.scatterers.size(), {0, 0, velocity});
    const DopplerMaps maps = doppler_of(e, 200);
    const float measured = maps.velocity.values(60ul, 0ul, 25ul);
    // Away from the probe is negative. The receive aperture of F 3 sees waves up to 9.5 degrees off: its mean path
    // factor (1 + cos) / 2 lies 0.4 % below 1.
    EXPECT_NEAR(measured, -velocity, 0.02 * std::abs(velocity));
  }
}

TEST(Doppler, RotatingDiskGivesAngularSpeedTimesRadius) {
  const Experiment e = experiment_of(
      "{type: rotating_disk, centre: [0 mm, 0 mm, 20 mm], radius: 5 mm, rate: 2 Hz, scatterer_density: 20 /mm^3, "
      "background: {sound_speed: 1540 m/s}}");
  const DopplerMaps maps = doppler_of(e, 3);
  // +z turns towards +x, so the velocity along z is -w (x - x0) and that towards the probe w (x - x0).
  const double w = 2 * std::numbers::pi * 2;
  double sx = 0, sv = 0, sxx = 0, sxv = 0, svv = 0, n = 0;
  const PixelGrid& grid = maps.velocity.grid;
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const double x = grid.x.at(ix), v = maps.velocity.values(iz, 0ul, ix);
      if (std::hypot(x, grid.z.at(iz) - 20e-3) > 4e-3) continue;
      n += 1, sx += x, sv += v, sxx += x * x, sxv += x * v, svv += v * v;
    }
  const double slope = (n * sxv - sx * sv) / (n * sxx - sx * sx);
  const double r_squared = std::pow(n * sxv - sx * sv, 2) / ((n * sxx - sx * sx) * (n * svv - sv * sv));
  EXPECT_NEAR(slope, w, 0.02 * w);
  EXPECT_GT(r_squared, 0.97);
}

TEST(Doppler, VesselFlowHasItsParabola) {
  // Mean 40 mm/s at 30 degrees: up to 40 mm/s along the beam at the axis. The map is compared with the true velocity at
  // each pixel of the lumen, which the beam blurs at the wall.
  const Experiment e = experiment_of(
      "{type: flow, centre: [0 mm, 0 mm, 20 mm], angle: 30 deg, length: 14 mm, radius: 3 mm, mean_velocity: 40 mm/s, "
      "scatterer_density: 20 /mm^3, background: {sound_speed: 1540 m/s}, extent: {x: [-9 mm, 9 mm], z: [12 mm, 28 "
      "mm]}}");
  const DopplerMaps maps = doppler_of(e, 3);
  const PixelGrid& grid = maps.velocity.grid;
  double error = 0, truth = 0;
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const double x = grid.x.at(ix), z = grid.z.at(iz) - 20e-3;
      const double along = x * std::cos(std::numbers::pi / 6) + z * 0.5,
                   offset = z * std::cos(std::numbers::pi / 6) - x * 0.5;
      if (std::abs(offset) > 2e-3 || std::abs(along) > 4e-3) continue;
      const double expected = -2 * 0.04 * (1 - std::pow(offset / 3e-3, 2)) * 0.5;
      error += std::pow(maps.velocity.values(iz, 0ul, ix) - expected, 2), truth += expected * expected;
    }
  EXPECT_LT(std::sqrt(error / truth), 0.1);
}

}  // namespace
}  // namespace sonoforge
