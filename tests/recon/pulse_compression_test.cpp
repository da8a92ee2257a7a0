// Compressed chirps and codes against their closed forms.
#include "recon/pulse_compression.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "recon/iq.hpp"
#include "support.hpp"
#include "transducers/chirp.hpp"
#include "transducers/coded.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi, rate = 80e6, arrival = 20.0037e-6, amplitude = 3;
constexpr std::size_t samples = 3600;  // 45 us

/// One record that holds amplitude * x(t - arrival).
template <class Wave>
Acquisition record_of(const Wave& x) {
  Acquisition a;
  a.probe = testing::flat_probe(1, 0.3e-3, 5e6);
  a.sampling_rate = rate;
  a.centre_frequency = 5e6;
  a.start = {0};
  a.samples = NdArray<float, 4>({1, 1, 1, samples});
  for (std::size_t n = 0; n < samples; ++n)
    a.samples.data()[n] = static_cast<float>(amplitude * x(static_cast<double>(n) / rate - arrival));
  return a;
}

std::vector<std::complex<double>> analytic(const Acquisition& a, double frequency) {
  const Demodulator<double> demodulate({.sampling_rate = rate, .frequency = frequency}, samples);
  std::vector<double> rf(a.samples.data(), a.samples.data() + samples);
  std::vector<std::complex<double>> iq(samples);
  demodulate(rf, iq);
  return iq;
}

ChirpConfig chirp() {
  ChirpConfig config;
  config.frequency_from = 3.5e6, config.frequency_to = 6.5e6, config.duration = 20e-6;
  config.window = Window::none;
  return config;
}
constexpr double bandwidth = 3e6, duration = 20e-6;
double chirp_wave(double t) {
  return std::abs(t) < duration / 2 ? std::sin(2 * pi * (5e6 * t + bandwidth / duration * t * t / 2)) : 0;
}

// The autocorrelation of exp(i pi k t^2) over a duration T is sin(pi k tau (T - |tau|)) / (pi k tau T), k T the
// bandwidth B: 2 / pi at tau = +-1 / (2 B), up to the triangle (T - |tau|) / T.
TEST(PulseCompression, AChirpBecomesOneOverItsBandwidthLong) {
  const auto pulse = chirp().build(testing::flat_probe(1, 0.3e-3, 5e6));
  const auto compressed = analytic(compress_pulse(record_of(chirp_wave), *pulse), 5e6);
  double worst = 0, peak = 0, peak_time = 0;
  for (std::size_t n = 0; n < samples; ++n) {
    const double tau = static_cast<double>(n) / rate - arrival;
    if (std::abs(compressed[n]) > peak) peak = std::abs(compressed[n]), peak_time = tau;
    if (std::abs(tau) > duration) continue;
    const double k = bandwidth / duration, u = pi * k * tau * (duration - std::abs(tau));
    const double expected = tau == 0 ? 1 : std::abs(std::sin(u) / (pi * k * tau * duration));
    worst = std::max(worst, std::abs(std::abs(compressed[n]) / amplitude - expected));
  }
  // Real chirps add the overlap with their negative frequencies, 1 / (2 pi 2 fm T) = 0.8e-3 of the peak each way, and
  // their abrupt ends what lies beyond 40 MHz: the amplitude of an edge over that of the plateau, as small.
  EXPECT_LT(worst, 3e-3);
  EXPECT_NEAR(peak, amplitude, 3e-3 * amplitude);
  EXPECT_LE(std::abs(peak_time), 0.5 / rate);
  // Width at 2 / pi of the peak, by linear interpolation between samples: 1 / B, within the errors above over the slope
  // of 1.27 B there, and 1 / (B T) for the triangle.
  double left = 0, right = 0;
  for (std::size_t n = 1; n < samples; ++n) {
    const double a = std::abs(compressed[n - 1]) / amplitude - 2 / pi, b = std::abs(compressed[n]) / amplitude - 2 / pi;
    const double t = (static_cast<double>(n - 1) + a / (a - b)) / rate - arrival;
    if (a < 0 && b >= 0) left = t;
    if (a >= 0 && b < 0) right = t;
  }
  EXPECT_NEAR((right - left) * bandwidth, 1, 2 * 3e-3 / 1.27 + 1 / (bandwidth * duration));
}

// At whole chips the envelope is the autocorrelation of the code: 13 at the middle, 0 or 1 beside it.
TEST(PulseCompression, ABarkerCodeHasSideLobesOfOneChip) {
  CodedConfig config;
  config.frequency = 5e6, config.cycles = 5;
  const double chip = 5 / 5e6;
  const auto signs = config.signs();
  const auto wave = [&](double t) {
    const double at = t / chip + 6.5;
    if (at < 0 || at >= 13) return 0.0;
    // Each chip is a sine about its own middle.
    return signs[static_cast<std::size_t>(at)] * std::sin(2 * pi * 5e6 * (at - std::floor(at) - 0.5) * chip);
  };
  const auto pulse = config.build(testing::flat_probe(1, 0.3e-3, 5e6));
  const auto compressed = analytic(compress_pulse(record_of(wave), *pulse), 5e6);
  for (int shift = -12; shift <= 12; ++shift) {
    double expected = 0;
    for (int i = 0; i < 13; ++i)
      if (i + shift >= 0 && i + shift < 13)
        expected += signs[static_cast<std::size_t>(i)] * signs[static_cast<std::size_t>(i + shift)];
    const auto n = static_cast<std::size_t>(std::lround((arrival + shift * chip) * rate));
    // Half a sample beside a whole chip the envelope, which runs straight from chip to chip, has moved by (1 / 13 + 1)
    // 0.5 / (rate chip) = 6.7e-3 at the most. The autocorrelation of a chip of real sines has sin(w |tau|) / (w chip)
    // beside the triangle, cut off at one chip: half of it stands there in the envelope, 1 / (4 pi cycles) = 1.6e-2.
    EXPECT_NEAR(std::abs(compressed[n]) / amplitude, std::abs(expected) / 13, 2.3e-2) << shift;
  }
}

TEST(PulseCompression, BasebandIsTheSameAsRf) {
  const auto pulse = chirp().build(testing::flat_probe(1, 0.3e-3, 5e6));
  const Acquisition rf = record_of(chirp_wave);
  const auto expected = analytic(compress_pulse(rf, *pulse), 5e6);
  Acquisition iq = rf;
  iq.demodulation_frequency = 5e6;
  iq.samples_q = NdArray<float, 4>({1, 1, 1, samples});
  const auto baseband = analytic(rf, 5e6);
  for (std::size_t n = 0; n < samples; ++n) {
    iq.samples.data()[n] = static_cast<float>(baseband[n].real());
    iq.samples_q.data()[n] = static_cast<float>(baseband[n].imag());
  }
  const Acquisition found = compress_pulse(iq, *pulse);
  // Both low-passes are one to rounding within the chirp's band; its spectrum beyond is below 1e-3 of the whole.
  for (std::size_t n = 0; n < samples; ++n) {
    EXPECT_NEAR(static_cast<double>(found.samples.data()[n]), expected[n].real(), 3e-3 * amplitude) << n;
    EXPECT_NEAR(static_cast<double>(found.samples_q.data()[n]), expected[n].imag(), 3e-3 * amplitude) << n;
  }
}

}  // namespace
}  // namespace sonoforge
