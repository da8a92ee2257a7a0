// What parts of the aperture tell of the sound speed.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "app/experiment.hpp"
#include "recon/delay_and_sum.hpp"

namespace sonoforge {
namespace {

// Speckle of one speed c under plane waves, beamformed with another, c0. The echo of a point at depth c / c0 z is
// focused at z, where an element at the lateral distance d hears it late by sqrt(z^2 / c0^2 + d^2 / c^2) - sqrt(z^2 +
// d^2) / c0, and the errors of the waves, even in their angles, cancel. Neighbouring parts of the aperture then differ
// by the phase of the difference of their delays. Speckle spreads it: in 10 x 8 mm there are about 80 / (0.6 x 0.25) =
// 500 cells of the compounded beam and the pulse, and parts that share no element correlate by about 0.6, so that one
// phase has an error of sqrt((1 - 0.6^2) / (2 0.6^2 500)) = 0.04, and the factor by which the seven phases follow the
// expected ones one of 0.04 / 2 (the root of the sum of their squares): 2 %. That factor is not 1: the correlation of
// two elements falls linearly to 0 where they are as far apart in tan(angle) as the waves are wide, W = 0.54, so that
// near pairs of two parts of width w = 1/8 count more than distant ones, and the mean distance is (w - (w^2 + w^2 / 6)
// / W) / (1 - w / W) = 0.95 w. What else the pulse and the waves' errors do is not modelled; 0.1 is allowed.
TEST(ApertureLag, NeighbouringPartsDifferByTheErrorOfTheirDelays) {
  constexpr double assumed = 1540, frequency = 5e6;
  for (const double speed : {1480.0, 1540.0, 1600.0}) {
    const RunResult result = run(
        Experiment::build(
            ConfigTree::parse(
                "sonoforge: 1\nseed: 8\n"
                "phantom: {type: scene, background: {type: soft_tissue, attenuation: 0 dB/cm/MHz, sound_speed: " +
                std::to_string(speed) +
                " m/s}, extent: {x: [-9 mm, 9 mm], y: [0 mm, 0 mm], z: [8 mm, 24 mm]}, scatterer_density: 20 /mm^3}\n"
                "probe: {type: linear_array, frequency: 5 MHz, elements: 96, pitch: 0.3 mm, width: 0.27 mm, response: "
                "{bandwidth: 60 %}}\n"
                "sequence: {type: plane_waves, angles: {from: -15 deg, to: 15 deg, count: 11}}\n"
                "receive: {sampling_rate: 20 MHz, depth: 28 mm}\nsound_speed: 1540 m/s\n"
                "engine: {type: scatterers, model: simus, dimensions: 2, accuracy: 1e-2}\n"
                "image: {x: [-5 mm, 5 mm, 0.2 mm], z: [12 mm, 20 mm, 0.1 mm]}\nlabels: []\n"),
            {"phantom", "probe", "sequence", "receive"}),
        false);
    DelayAndSum das;
    das.f_number = 1;
    const PixelGrid grid = result.file.images.front().grid;
    const std::size_t parts = 8;
    const auto maps = das.beamform_parts(result.file.acquisition, grid, parts);
    double along = 0, squares = 0;
    for (std::size_t k = 1; k < parts; ++k) {
      std::complex<double> found = 0, expected = 0;
      for (std::size_t iz = 0; iz < grid.z.count; ++iz) {
        const double z = grid.z.at(iz);
        const auto late = [&](double part) {
          const double d = (-0.5 + (part + 0.5) / static_cast<double>(parts)) * z;
          return std::hypot(z / assumed, d / speed) - std::hypot(z, d) / assumed;
        };
        expected += std::polar(
            1.0, 2 * std::numbers::pi * frequency * (late(static_cast<double>(k)) - late(static_cast<double>(k) - 1)));
        for (std::size_t ix = 0; ix < grid.x.count; ++ix)
          found += std::conj(std::complex<double>(maps[k].values(iz, 0, ix))) *
                   std::complex<double>(maps[k - 1].values(iz, 0, ix));
      }
      along += std::arg(found) * std::arg(expected);
      squares += std::arg(expected) * std::arg(expected);
      EXPECT_NEAR(std::arg(found), std::arg(expected), 4 * 0.04 + 0.1 * std::abs(std::arg(expected)))
          << speed << " " << k;
    }
    if (speed != assumed) {
      EXPECT_NEAR(along / squares, 0.95, 0.1) << speed;
    }
  }
}

}  // namespace
}  // namespace sonoforge
