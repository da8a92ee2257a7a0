#include <cmath>
#include <complex>
#include <functional>
#include <numbers>

#include "io/hdf5.hpp"
#include "support.hpp"
#include "transducers/burst.hpp"
#include "transducers/square_wave.hpp"

namespace sonoforge {
namespace {

using testing::library_probe;

/// integral over |t| < half of x(t) exp(-i 2 pi f t) dt by Simpson's rule on `panels` panels.
std::complex<double> fourier_integral(const std::function<double(double)>& x, double half, double f, int panels) {
  const double step = 2 * half / panels;
  std::complex<double> sum = 0;
  for (int i = 0; i <= panels; ++i) {
    const double t = -half + i * step;
    const double weight = i == 0 || i == panels ? 1 : (i % 2 ? 4 : 2);
    sum += weight * x(t) * std::polar(1.0, -2 * std::numbers::pi * f * t);
  }
  return sum * (step / 3);
}

TEST(Burst, SpectrumIsTheFourierTransformOfTheWindowedSine) {
  const Probe probe = library_probe("L11-5v");
  for (double cycles : {1.0, 2.5, 4.0})
    for (Window window : {Window::none, Window::hann, Window::hamming, Window::blackman}) {
      BurstConfig config;
      config.frequency = 5_MHz;
      config.cycles = cycles;
      config.amplitude = 3;
      config.window = window;
      const auto pulse = config.build(probe);
      const double half = pulse->half_duration();
      EXPECT_DOUBLE_EQ(half, cycles / 2 / 5e6);
      const auto wave = [&](double t) {
        return 3 * window_value(window, t / half) * std::sin(2 * std::numbers::pi * 5e6 * t);
      };
      for (double f : {0.0, 1e6, 4.9e6, 5e6, 7.3e6, 2e7}) {
        // Simpson on 20,000 panels: (2 pi f h)^4 / 180 is below 1e-12 of the peak amplitude * half, even at 20 MHz.
        const auto expected = fourier_integral(wave, half, f, 20'000);
        EXPECT_LT(std::abs(pulse->spectrum(f, 0) - expected), 1e-11 * 3 * half)
            << cycles << " cycles at " << f << " Hz";
      }
    }
}

TEST(SquareWave, SpectrumIsTheFourierTransformOfTheSignOfASine) {
  const Probe probe = library_probe("L11-5v");
  for (double cycles : {0.4, 1.0, 2.5})
    for (double phase : {-4.0, 0.0, 0.6, std::numbers::pi / 2}) {
      SquareWaveConfig config;
      config.frequency = 5_MHz;
      config.cycles = cycles;
      config.phase = phase;
      config.amplitude = 3;
      const auto pulse = config.build(probe);
      const double half = pulse->half_duration();
      EXPECT_DOUBLE_EQ(half, cycles / 2 / 5e6);
      const auto wave = [&](double t) { return std::sin(2 * std::numbers::pi * 5e6 * t + phase) >= 0 ? 3.0 : -3.0; };
      for (double f : {0.0, 1e6, 5e6, 1.5e7}) {
        // Each of at most six jumps of height 6, misplaced by up to a panel of 2 half / 40,000, is the error of the sum.
        const auto expected = fourier_integral(wave, half, f, 40'000);
        EXPECT_LT(std::abs(pulse->spectrum(f, 0) - expected), 36 * 2 * half / 40'000)
            << cycles << " cycles at " << f << " Hz, phase " << phase;
      }
    }
}

TEST(SquareWave, IsEvenAtNinetyDegrees) {
  SquareWaveConfig config;
  config.cycles = 2.5;
  config.phase = std::numbers::pi / 2;
  const auto pulse = config.build(library_probe("PICMUS-L11"));
  for (double f : {1e6, 5.208e6, 9e6}) EXPECT_LT(std::abs(pulse->spectrum(f, 0).imag()), 1e-20) << f;
  // Five half periods (two of them cut to quarters): at its own frequency 2/pi of the length, by Fourier's series.
  EXPECT_NEAR(pulse->spectrum(5.208e6, 0).real(), 2 / std::numbers::pi * 2.5 / 5.208e6, 1e-20);
}

TEST(Burst, AgreesWithTheReferenceSpectrumUpToScaleAndConjugation) {
  SONOFORGE_REFERENCE_FILE(file, "simus/mlt.h5");
  const Hdf5Reader reader(file);
  const auto f = reader.read<double>("pulse/f");
  const auto expected = reader.read<std::complex<double>>("pulse/pulse_spectrum");
  const Probe probe = library_probe("P4-2v");
  const auto pulse = BurstConfig{}.build(probe);
  // The reference lacks the factor T/2 and holds +i where the time factor exp(+i w t) gives -i.
  const double scale = 1 / probe.frequency / 2;
  for (std::size_t i = 0; i < f.size(); ++i)
    EXPECT_LT(std::abs(pulse->spectrum(f[i], 0) - scale * std::conj(expected[i])), 1e-14 * scale) << f[i];
}

TEST(Burst, TakesTheProbesFrequencyUnlessGiven) {
  const Probe probe = library_probe("P4-2v");
  EXPECT_EQ(BurstConfig{}.build(probe)->frequency(), 2.72e6);
  BurstConfig config;
  config.frequency = 2e6;
  EXPECT_EQ(config.build(probe)->frequency(), 2e6);
  EXPECT_FALSE(config.build(probe)->per_element());
}

TEST(Burst, TellsItsCyclesOnlyWherePlain) {
  const Probe probe = library_probe("P4-2v");
  BurstConfig config;
  config.cycles = 2;
  EXPECT_EQ(config.build(probe)->burst_cycles(), 2);
  config.window = Window::hann;
  EXPECT_EQ(config.build(probe)->burst_cycles(), 0);
  config.window = Window::tukey50;
  EXPECT_EQ(testing::error_key([&] { config.check(); }), "window");
}

}  // namespace
}  // namespace sonoforge
