#include "sim/attenuation.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstdlib>
#include <filesystem>
#include <numbers>

#include "core/error.hpp"
#include "core/fft.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {
namespace {

TEST(UniformMedium, WithoutAttenuationIsPlain) {
  const UniformMedium medium(1500, {}, 5e6, true);
  EXPECT_TRUE(medium.lossless());
  EXPECT_DOUBLE_EQ(medium.wavenumber(3e6), 2 * std::numbers::pi * 3e6 / 1500);
  EXPECT_EQ(medium.attenuation(3e6), 0);
}

TEST(UniformMedium, SpeedHoldsAtTheReferenceAndDispersionCanBeSwitchedOff) {
  for (double exponent : {0.5, 1.0, 1.1, 1.5, 2.0}) {
    const UniformMedium on(1540, {0.7, exponent}, 4e6, true), off(1540, {0.7, exponent}, 4e6, false);
    EXPECT_NEAR(on.slowness(4e6) * 1540, 1, 1e-15);
    EXPECT_DOUBLE_EQ(off.slowness(9e6) * 1540, 1);
    EXPECT_EQ(on.attenuation(9e6), off.attenuation(9e6));
  }
}

TEST(UniformMedium, IsContinuousInTheExponentAtOne) {
  // The law for y != 1 tends to the one for y = 1; its change with y is of the order of the dispersion itself (1e-3)
  // times the change of y.
  const UniformMedium one(1540, {1, 1}, 3e6, true), near(1540, {1, 1 + 1e-9}, 3e6, true);
  EXPECT_NEAR(near.slowness(8e6) / one.slowness(8e6), 1, 1e-11);
  EXPECT_LT(one.slowness(8e6), one.slowness(3e6));  // high frequencies are faster
}

TEST(UniformMedium, RefusesExponentsWithoutCausalLaw) {
  EXPECT_THROW(UniformMedium(1540, {1, 3.2}, 3e6, true), ConfigError);
}

TEST(UniformMedium, GroupSlownessIsTheDerivativeOfTheWavenumber) {
  // y = 1: dk/dw = 1/c0 - (2/pi) a0 (ln(w/w0) + 1).
  const UniformMedium medium(1540, {0.5, 1}, 3e6, true);
  const double a0 = 0.5 * 100 / (20 * std::log10(std::numbers::e)) / (2 * std::numbers::pi * 1e6);
  EXPECT_NEAR(medium.group_slowness(5e6) * 1540, 1 - 1540 * 2 / std::numbers::pi * a0 * (std::log(5.0 / 3.0) + 1),
              1e-9);
}

TEST(UniformMedium, ReferencePowerLaws) {
  const char* folder = std::getenv("SONOFORGE_REFERENCE");
  if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE names no folder of reference results.";
  const Hdf5Reader file(std::filesystem::path(folder) / "analytic/powerlaw.h5");
  const auto exponents = file.read<double>("in/y"), frequencies = file.read<double>("in/f");
  const auto losses = file.read<double>("out/alpha_Np_m"), speeds = file.read<double>("out/c");
  const auto pulses = file.read<double>("out/pulse");
  const double a0 = file.read_scalar<double>("in/a0"), c0 = file.read_scalar<double>("in/c0"),
               f0 = file.read_scalar<double>("in/f0"), fs = file.read_scalar<double>("in/fs"),
               length = file.read_scalar<double>("in/L"), sigma = file.read_scalar<double>("in/sigma");
  for (std::size_t i = 0; i < exponents.size(); ++i) {
    const UniformMedium medium(c0, {a0, exponents[i]}, f0, true);
    for (std::size_t j = 0; j < frequencies.size(); ++j) {
      const std::size_t at = i * frequencies.size() + j;
      // The same closed forms twice: rounding alone.
      EXPECT_NEAR(medium.attenuation(frequencies[j]) / losses[at], 1, 1e-10);
      EXPECT_NEAR(1 / medium.slowness(frequencies[j]) / speeds[at], 1, 1e-10);
    }
    // The pulse after the distance L: its spectrum times exp(-a L - i (k - w/c0) L), Gaussian centred at 8 sigma.
    constexpr std::size_t n = 4096;
    const RealFft<double> fft(n);
    std::vector<std::complex<double>> spectrum(fft.bins());
    for (std::size_t k = 0; k < fft.bins(); ++k) {
      const double f = static_cast<double>(k) * fs / n, w = 2 * std::numbers::pi * f;
      const double envelope = sigma * std::sqrt(2 * std::numbers::pi) / 2 *
                              (std::exp(-std::pow(2 * std::numbers::pi * (f - f0) * sigma, 2) / 2) +
                               std::exp(-std::pow(2 * std::numbers::pi * (f + f0) * sigma, 2) / 2));
      spectrum[k] = envelope * std::exp(-medium.attenuation(f) * length) *
                    std::polar(1.0, -(medium.wavenumber(f) - w / c0) * length - w * 8 * sigma) * (fs / n);
    }
    std::vector<double> pulse(n);
    fft.inverse(spectrum, pulse);
    double largest = 0, difference = 0;
    for (std::size_t j = 0; j < n; ++j) {
      largest = std::max(largest, std::abs(pulses[i * n + j]));
      difference = std::max(difference, std::abs(pulse[j] - pulses[i * n + j]));
    }
    // The dispersion at 0 Hz, where the phase has no meaning, makes the reference differ by 2e-9.
    EXPECT_LT(difference / largest, 1e-8) << "exponent " << exponents[i];
  }
}

}  // namespace
}  // namespace sonoforge
