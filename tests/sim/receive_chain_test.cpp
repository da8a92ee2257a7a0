#include "sim/receive_chain.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/noise.hpp"
#include "sim/record.hpp"
#include "tests/sim/physical_scene.hpp"

// Each step of the receive chain against its closed form, on records made for the purpose: no engine is needed.

namespace sonoforge {
namespace {

using namespace physical_test;
constexpr double pi = std::numbers::pi, f0 = 5e6;

/// A receiver of some elements that records one transmit.
struct Receiver {
  Scene scene;
  GaussianPulse pulse{f0, 1 / f0};

  explicit Receiver(std::size_t elements = 4, double rate = 40e6, std::int64_t samples = 4096) {
    scene.probe = row_of_elements(elements, 0.3e-3, 0.27e-3, 5e-3, f0);
    scene.add_transmit(std::vector<double>(elements, 0.0));
    scene.receive.sampling_rate = rate;
    scene.receive.samples = samples;
  }
  SimulationInput input() const { return {scene.phantom, scene.probe, pulse, scene.sequence, scene.receive}; }
  ReceiveChain chain(std::uint64_t seed = 1) const { return ReceiveChain(input(), RandomStream(seed, 0, "receiver")); }
  /// What an engine would hand over: a tone burst in every channel, silent at both ends, at the rate it is asked for.
  Acquisition tone(double frequency, double amplitude = 1) const {
    const ReceiveConfig record = chain().engine_record();
    Acquisition a = empty_acquisition({scene.phantom, scene.probe, pulse, scene.sequence, record});
    const std::size_t n = a.samples_per_channel();
    for (std::size_t m = 0; m < a.channels(); ++m)
      for (std::size_t i = n / 4; i < 3 * n / 4; ++i) {
        const double taper = std::pow(
            std::sin(pi * (static_cast<double>(i) - static_cast<double>(n) / 4) / (static_cast<double>(n) / 2)), 2);
        a.samples(0ul, 0ul, m, i) = static_cast<float>(
            amplitude * taper * std::cos(2 * pi * frequency * static_cast<double>(i) / a.sampling_rate));
      }
    return a;
  }
};

/// sum x(t) exp(-i 2 pi f t) of a channel, time zero at its first sample.
std::complex<double> spectrum(const Acquisition& a, std::size_t channel, double f) {
  std::complex<double> sum = 0;
  for (std::size_t i = 0; i < a.samples_per_channel(); ++i)
    sum += static_cast<double>(a.samples(0ul, 0ul, channel, i)) *
           std::polar(1.0, -2 * pi * f * static_cast<double>(i) / a.sampling_rate);
  return sum;
}

double power(const Acquisition& a) {
  double sum = 0;
  for (float v : a.samples.flat()) sum += static_cast<double>(v) * v;
  return sum / static_cast<double>(a.samples.size());
}

TEST(ReceiveChain, ChangesNothingByDefault) {
  const Receiver receiver;
  Acquisition a = receiver.tone(f0);
  const auto before = a.samples;
  receiver.chain().receive_and_digitise(a, RandomStream(1, 0, "noise"));
  EXPECT_EQ(a.samples, before);
}

TEST(ReceiveChain, GainsAndPhasesHaveTheirSpread) {
  // 2000 elements: the standard deviation of a sample of n normals is known to 1 / sqrt(2 n) = 1.6 %; five of those.
  Receiver receiver(2000, 20e6, 256);
  receiver.scene.receive.elements.gain_spread = 1.5;
  receiver.scene.receive.elements.phase_spread = 0.3;
  Acquisition a = receiver.tone(f0);
  const std::complex<double> before = spectrum(a, 0, f0);
  receiver.chain().receive(a);
  double gains = 0, phases = 0;
  for (std::size_t m = 0; m < a.channels(); ++m) {
    const auto ratio = spectrum(a, m, f0) / before;
    gains += std::pow(20 * std::log10(std::abs(ratio)), 2);
    phases += std::pow(std::arg(ratio), 2);
  }
  EXPECT_NEAR(std::sqrt(gains / 2000), 1.5, 1.5 * 0.08);
  EXPECT_NEAR(std::sqrt(phases / 2000), 0.3, 0.3 * 0.08);
}

TEST(ReceiveChain, DeadElementsAreSilentAndDrawnFromTheSeed) {
  Receiver receiver(64, 40e6, 256);
  receiver.scene.receive.elements.dead = {3, 17};
  receiver.scene.receive.elements.dead_count = 5;
  const auto silent = [&](std::uint64_t seed) {
    Acquisition a = receiver.tone(f0);
    receiver.chain(seed).receive(a);
    std::vector<std::size_t> channels;
    for (std::size_t m = 0; m < 64; ++m)
      if (std::ranges::all_of(a.samples.row(0ul, 0ul, m), [](float v) { return v == 0; })) channels.push_back(m);
    return channels;
  };
  const auto dead = silent(1);
  EXPECT_EQ(dead.size(), 7u);
  EXPECT_TRUE(std::ranges::count(dead, 3u) == 1 && std::ranges::count(dead, 17u) == 1);
  EXPECT_EQ(silent(1), dead);
  EXPECT_NE(silent(2), dead);
  receiver.scene.receive.elements.dead = {64};
  EXPECT_THROW(receiver.chain(), ConfigError);
  receiver.scene.receive.elements.dead = {};
  receiver.scene.receive.elements.dead_count = 65;
  EXPECT_THROW(receiver.chain(), ConfigError);
}

TEST(ReceiveChain, CrossTalkReachesNearestNeighboursOnly) {
  Receiver receiver(5);
  receiver.scene.receive.cross_talk.emplace().level = -20;
  Acquisition a = receiver.tone(f0);
  const float own = a.samples(0ul, 0ul, 2ul, 2048ul);
  for (std::size_t m : {0u, 1u, 3u, 4u}) std::ranges::fill(a.samples.row(0ul, 0ul, m), 0.0F);
  receiver.chain().receive(a);
  const double expected[] = {0, 0.1, 1, 0.1, 0};  // of the one channel that hears something
  for (std::size_t m = 0; m < 5; ++m) EXPECT_NEAR(a.samples(0ul, 0ul, m, 2048ul), expected[m] * own, 1e-7) << m;
}

TEST(ReceiveChain, FilterHasTheButterworthResponse) {
  // |H|^2 = 1 / (1 + (f / fc)^(2 n)) below and above the cutoff, and phase zero with slope zero at the pulse's
  // frequency.
  for (std::int64_t order : {1, 3, 6}) {
    Receiver receiver(1, 80e6, 8192);
    receiver.scene.receive.anti_alias.emplace();
    receiver.scene.receive.anti_alias->cutoff = 8e6;
    receiver.scene.receive.anti_alias->order = order;
    for (double f : {2e6, 5e6, 8e6, 11e6, 16e6}) {
      Acquisition a = receiver.tone(f);
      const double before = std::abs(spectrum(a, 0, f));
      receiver.chain().receive(a);
      // A tone of 51 us with a taper has a width of 40 kHz: the response changes by under 1e-3 across it.
      const double expected = 1 / std::sqrt(1 + std::pow(f / 8e6, 2 * static_cast<double>(order)));
      EXPECT_NEAR(std::abs(spectrum(a, 0, f)) / before, expected, 2e-3 * expected) << order << " " << f;
    }
  }
}

TEST(ReceiveChain, FilterKeepsEchoesInPlace) {
  Receiver receiver(1, 80e6, 4096);
  receiver.scene.receive.anti_alias.emplace();
  receiver.scene.receive.anti_alias->cutoff = 12e6;
  receiver.scene.receive.anti_alias->order = 4;
  Acquisition a = receiver.tone(f0);
  const auto centroid = [](const Acquisition& x) {
    double weight = 0, sum = 0;
    for (std::size_t i = 0; i < x.samples_per_channel(); ++i) {
      const double e = std::pow(x.samples(0ul, 0ul, 0ul, i), 2);
      weight += e, sum += e * static_cast<double>(i);
    }
    return sum / weight;
  };
  const double before = centroid(a);
  receiver.chain().receive(a);
  // The lag taken off is 4 samples; what is left is second order in the burst's bandwidth of 1 %.
  EXPECT_GT((Butterworth{12e6, 4}.group_delay(f0) * 80e6), 2.5);
  EXPECT_NEAR(centroid(a), before, 0.01);
}

TEST(ReceiveChain, FilterStandsBeforeTheSampling) {
  // 13 MHz sampled at 20 MHz would turn up at 7 MHz. Six poles at 5 MHz leave 1 / sqrt(1 + 2.6^12) = 3.2e-3 of it.
  Receiver receiver(1, 20e6, 2048);
  receiver.scene.receive.anti_alias.emplace();
  receiver.scene.receive.anti_alias->cutoff = 5e6;
  receiver.scene.receive.anti_alias->order = 6;
  EXPECT_EQ(receiver.chain().engine_record().sampling_rate, 40e6);
  Acquisition a = receiver.tone(13e6);
  const double before = std::abs(spectrum(a, 0, 13e6)) / 2;  // half as many samples afterwards
  receiver.chain().receive(a);
  EXPECT_EQ(a.samples_per_channel(), 2048u);
  EXPECT_EQ(a.sampling_rate, 20e6);
  EXPECT_NEAR(std::abs(spectrum(a, 0, 7e6)) / before, 1 / std::sqrt(1 + std::pow(2.6, 12)), 5e-5);
}

TEST(ReceiveChain, ThermalNoiseIsFkTBR) {
  Receiver receiver(16, 40e6, 16384);
  auto& receive = receiver.scene.receive;
  receive.sensitivity = 1e-5;
  receive.noise.figure = 3;
  receive.noise.temperature = 300;
  receive.noise.resistance = 50;
  // 10^0.3 x 1.380649e-23 J/K x 300 K x 20 MHz x 50 ohm = 8.264e-12 V^2
  Acquisition a = empty_acquisition(receiver.input());
  receiver.chain().receive_and_digitise(a, RandomStream(1, 0, "noise"));
  // The power of n = 262,144 normals is known to sqrt(2 / n) = 0.28 %; five of those.
  EXPECT_NEAR(power(a), 8.264e-12, 8.264e-12 * 0.014);
  // A filter leaves its noise bandwidth: (pi / 2n) / sin(pi / 2n) fc for Butterworth, here 1.0472 x 5 MHz of 20 MHz.
  receive.anti_alias.emplace();
  receive.anti_alias->cutoff = 5e6;
  Acquisition filtered = empty_acquisition(receiver.input());
  receiver.chain().receive_and_digitise(filtered, RandomStream(1, 0, "noise"));
  EXPECT_NEAR(power(filtered) / power(a), 1.0472 * 5 / 20, 0.01);
}

TEST(ReceiveChain, TgcFollowsSlopeAndTable) {
  TgcConfig slope;
  slope.slope = 100;  // 1 dB/cm
  slope.maximum = 3;
  EXPECT_DOUBLE_EQ(slope.gain_db(0.02), 2);
  EXPECT_DOUBLE_EQ(slope.gain_db(0.05), 3);
  TgcConfig table;
  table.depths = {0.01, 0.03};
  table.gains = {-6, 10};
  EXPECT_DOUBLE_EQ(table.gain_db(0.005), -6);
  EXPECT_DOUBLE_EQ(table.gain_db(0.02), 2);
  EXPECT_DOUBLE_EQ(table.gain_db(0.04), 10);
  Receiver receiver(1);
  receiver.scene.receive.tgc = slope;
  Acquisition a = receiver.tone(f0);
  const auto before = a.samples;
  receiver.chain().receive(a);
  // 1540 m/s: sample 1039 of 40 MHz stands for 2.0001 cm.
  const double depth = 1540 * 1039 / 40e6 / 2;
  EXPECT_NEAR(a.tgc_gain[1039], std::pow(10, depth * 100 / 20), 1e-12);
  for (std::size_t i = 0; i < before.size(); ++i)
    ASSERT_FLOAT_EQ(a.samples.flat()[i], before.flat()[i] * static_cast<float>(a.tgc_gain[i]));
}

TEST(ReceiveChain, ConverterReachesItsSignalToNoiseRatio) {
  // A sine that fills the range of b bits: SNR = 6.02 b + 1.76 dB, on average over its amplitude [bennett1948]. For one
  // amplitude A the error power step^2 / 12 is off by the factor 1 + (12 / pi^2) sum_k (-1)^k J0(2 pi k A / step) /
  // k^2, in dB at most 4.34 x 2 x sqrt(2 / (pi^2 2^b)) since |J0(z)| < sqrt(2 / (pi z)). 0.01 dB for the finite sum.
  for (std::int64_t bits : {6, 8, 12, 14}) {
    double signal = 0, error = 0;
    for (int i = 0; i < 100'000; ++i) {
      const double x = (1 - std::ldexp(1.0, -static_cast<int>(bits))) * std::sin(2 * pi * 0.0314159265358979 * i);
      signal += x * x, error += std::pow(quantised(x, 1, bits) - x, 2);
    }
    EXPECT_NEAR(10 * std::log10(signal / error), 6.0206 * static_cast<double>(bits) + 1.761,
                8.69 * std::sqrt(2 / (pi * pi * std::ldexp(1.0, static_cast<int>(bits)))) + 0.01)
        << bits;
  }
  EXPECT_EQ(quantised(2, 1, 8), 127.0 / 128);  // clipped: the topmost level is one step short of full scale
  EXPECT_EQ(quantised(-2, 1, 8), -1);
}

TEST(ReceiveChain, ConverterClipsWhereHeadroomIsNegative) {
  Receiver receiver(1);
  receiver.scene.receive.adc.emplace();
  receiver.scene.receive.adc->headroom = -6.0206;
  Acquisition a = receiver.tone(f0);
  receiver.chain().receive_and_digitise(a, RandomStream(1, 0, "noise"));
  double top = 0;
  for (float v : a.samples.flat()) top = std::max(top, static_cast<double>(std::abs(v)));
  EXPECT_NEAR(top, 0.5, 1e-3);  // half of the tone's peak of 1, which the samples miss by (2 pi / 16)^2 / 2 at worst
}

TEST(ReceiveChain, NoiseAndConverterNeedVoltsWhereTheyAreStatedInVolts) {
  ReceiveConfig receive;
  receive.sampling_rate = 40e6;
  receive.samples = 100;
  receive.noise.figure = 3;
  EXPECT_THROW(receive.check(), ConfigError);
  receive.noise.figure.reset();
  receive.adc.emplace().full_scale = 1;
  EXPECT_THROW(receive.check(), ConfigError);
  receive.sensitivity = 1e-5;
  EXPECT_NO_THROW(receive.check());
  NoiseConfig both;
  both.snr = 20, both.figure = 3;
  EXPECT_THROW(both.check(), ConfigError);
}

}  // namespace
}  // namespace sonoforge
