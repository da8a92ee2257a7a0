// Speckle of a uniform phantom, from YAML to the beamformed image: its envelope must be that of fully developed speckle
// where many scatterers share a resolution cell, and that of the K distribution where few do.
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "app/experiment.hpp"
#include "core/progress.hpp"
#include "recon/metrics.hpp"

namespace sonoforge {
namespace {

using std::numbers::pi;

struct Speckle {
  double snr = 0;    ///< mean over standard deviation of the envelope
  double cell = 0;   ///< area of a speckle [mm^2]
  double cells = 0;  ///< of them in the picture
};

/// A picture of 26 x 15 mm of uniform tissue, `density` scatterers a square millimetre.
Speckle speckle_of(int density) {
  set_quiet(true);
  const Experiment e = Experiment::build(
      ConfigTree::parse("sonoforge: 1\nphantom: {type: scene, background: {sound_speed: 1540 m/s, scatterer_density: " +
                        std::to_string(density) + R"( /mm^3, scatterer_strength: 1},
  extent: {x: [-16 mm, 16 mm], y: [0 mm, 0 mm], z: [11 mm, 28 mm]}}
probe: L11-5v
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 30 mm}
beamformer: {type: delay_and_sum, f_number: 1.5, window: hann}
image: {x: [-13 mm, 13 mm, 0.1 mm], z: [12 mm, 27 mm, 0.05 mm]}
)"),
      {"phantom", "probe", "sequence", "receive"});
  const Acquisition rf = e.simulate();
  const ComplexMap image = e.config.beamformer->beamform(rf, e.grid(rf)).at(0);
  const std::size_t nx = image.grid.x.count, nz = image.grid.z.count, n = nx * nz;

  // The mean level varies slowly, over depth with lens and aperture and over x with the edges of the plane wave: a
  // polynomial of degree 4 in either for the logarithm of the mean power, ten numbers out of thousands of speckles.
  constexpr std::size_t terms = 10;
  std::vector<double> power(n);
  std::vector<std::array<double, terms>> basis(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double z = 2 * static_cast<double>(i / nx) / static_cast<double>(nz - 1) - 1,
                 x = 2 * static_cast<double>(i % nx) / static_cast<double>(nx - 1) - 1;
    power[i] = std::norm(std::complex<double>(image.values.data()[i]));
    // Legendre's polynomials
    const auto p2 = [](double u) { return (3 * u * u - 1) / 2; };
    const auto p3 = [](double u) { return (5 * u * u - 3) * u / 2; };
    const auto p4 = [](double u) { return ((35 * u * u - 30) * u * u + 3) / 8; };
    basis[i] = {1, z, p2(z), p3(z), p4(z), x, p2(x), p3(x), p4(x), x * z};
  }
  // Maximum likelihood for exponential powers, by Fisher's scoring: exp(-fit) * power - 1 has no part along the basis.
  std::array<double, terms> fit{};
  for (double p : power) fit[0] += p / static_cast<double>(n);
  fit[0] = std::log(fit[0]);
  const auto level = [&](std::size_t i) {
    double sum = 0;
    for (std::size_t k = 0; k < terms; ++k) sum += fit[k] * basis[i][k];
    return std::exp(sum);
  };
  for (int iteration = 0; iteration < 60; ++iteration)
    for (std::size_t k = 0; k < terms; ++k) {
      double slope = 0, square = 0;
      for (std::size_t i = 0; i < n; ++i)
        slope += basis[i][k] * (power[i] / level(i) - 1), square += basis[i][k] * basis[i][k];
      fit[k] += slope / square;
    }

  std::vector<double> flat(n), envelope(n);
  for (std::size_t i = 0; i < n; ++i) flat[i] = power[i] / level(i), envelope[i] = std::sqrt(flat[i]);
  Speckle speckle;
  speckle.snr = speckle_snr(envelope);
  // Area of a speckle: the sum of the normalised autocovariance of the power [wagner1983], over lags within it.
  const auto covariance = [&](std::size_t dz, std::size_t dx, int sign) {
    double sum = 0, count = 0;
    for (std::size_t iz = 0; iz + dz < nz; ++iz)
      for (std::size_t ix = sign > 0 ? 0 : dx; ix + (sign > 0 ? dx : 0) < nx; ++ix) {
        const std::size_t other = (iz + dz) * nx + (sign > 0 ? ix + dx : ix - dx);
        sum += (flat[iz * nx + ix] - 1) * (flat[other] - 1), count += 1;
      }
    return sum / count;
  };
  const double variance = covariance(0, 0, 1);
  double sum = 0;
  for (std::size_t dz = 0; dz <= 8; ++dz)
    for (std::size_t dx = 0; dx <= 8; ++dx)
      for (int sign : {1, -1}) {
        if (sign < 0 && (dx == 0 || dz == 0)) continue;
        sum += covariance(dz, dx, sign) / variance * (dz == 0 && dx == 0 ? 1 : 2);
      }
  speckle.cell = sum * image.grid.x.step * image.grid.z.step * 1e6;
  speckle.cells = static_cast<double>(n) / sum;
  return speckle;
}

/// Of the K distribution with M clusters: <A>^2 / <A^2> = pi/4 Gamma(M + 1/2)^2 / (M Gamma(M)^2) [jakeman1976].
double snr_of_k(double clusters) {
  const double ratio = pi / 4 * std::exp(2 * (std::lgamma(clusters + 0.5) - std::lgamma(clusters))) / clusters;
  return std::sqrt(ratio / (1 - ratio));
}

/// Poisson places and normal strengths (<a^4> = 3 <a^2>^2): <I^2> / <I>^2 = 2 + 3 / (density * area), as of a
/// K distribution with M = 2/3 density * area.
double expected_snr(const Speckle& speckle, double density) {
  return snr_of_k(2.0 / 3 * density * speckle.cell);
}

/// Standard error of mean over deviation from n independent Rayleigh samples: by the delta method, with the skewness
/// 0.631 and kurtosis 3.245 of the distribution, SNR sqrt((1/SNR^2 + (3.245 - 1) / 4 - 0.631 / SNR) / n) = 1.36 /
/// sqrt(n).
double standard_error(const Speckle& speckle) {
  return 1.36 / std::sqrt(speckle.cells);
}

void tell(const Speckle& s, double density) {
  std::printf("SNR %.3f +- %.3f, expected %.3f; a speckle has %.4f mm^2, there are %.0f, %.1f scatterers in each\n",
              s.snr, standard_error(s), expected_snr(s, density), s.cell, s.cells, density * s.cell);
}

TEST(Speckle, IsFullyDevelopedWithManyScatterers) {
  constexpr int density = 1000;
  const Speckle s = speckle_of(density);
  tell(s, density);
  ASSERT_LT(standard_error(s), 0.05 / 2);
  EXPECT_NEAR(s.snr, expected_snr(s, density), 3 * standard_error(s));
  EXPECT_NEAR(s.snr, 1.91, 0.05);
}

TEST(Speckle, FollowsTheKDistributionWithFewScatterers) {
  constexpr int density = 50;
  const Speckle s = speckle_of(density);
  tell(s, density);
  // The tails of a K distribution spread its moments a little more than a Rayleigh's.
  EXPECT_NEAR(s.snr, expected_snr(s, density), 4 * standard_error(s));
  EXPECT_LT(s.snr, 1.75);
}

}  // namespace
}  // namespace sonoforge
