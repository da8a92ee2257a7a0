// Delay and sum against MUST's dasmtx, in double.
#include <cmath>
#include <complex>

#include "io/hdf5.hpp"
#include "recon/das_kernel.hpp"
#include "recon/iq.hpp"
#include "support.hpp"

namespace sonoforge {
namespace {

struct Case {
  const char* name;
  Interpolation interpolation;
  bool iq;
  bool bandwidth_cutoff;  ///< the low pass of the reference is half the probe's band, not min(fc, fs/4)
};

class DasReference : public ::testing::TestWithParam<Case> {};

TEST_P(DasReference, AgreesWithMust) {
  const Case& test = GetParam();
  SONOFORGE_REFERENCE_FILE(file, std::string("simus/") + test.name + ".h5");
  const Hdf5Reader h5(file);
  const auto scalar = [&](const char* name) { return h5.read_scalar<double>(std::string("in/") + name); };
  const double fs = scalar("fs"), fc = scalar("fc"), c = scalar("c"), t0 = scalar("t0"), f_number = scalar("fnumber");
  const auto shape = h5.shape("in/RF");
  const std::size_t samples = shape[0], channels = shape[1];
  const std::vector<double> rf = h5.read<double>("in/RF"), delays = h5.read<double>("in/TXdelay");
  const auto ex = h5.read<double>("in/element_x"), ez = h5.read<double>("in/element_z"),
             theta = h5.read<double>("in/element_theta"), xi = h5.read<double>("in/xi"), zi = h5.read<double>("in/zi");

  Probe probe;
  probe.kind = std::isfinite(scalar("radius")) ? Probe::Kind::curved : Probe::Kind::linear;
  Transmit transmit;
  transmit.laws.push_back({delays, std::vector<double>(channels, 1.0)});
  for (std::size_t m = 0; m < channels; ++m) {
    Element e;
    e.position = {ex[m], 0, ez[m]};
    e.normal = {std::sin(theta[m]), 0, std::cos(theta[m])};
    e.lateral = {std::cos(theta[m]), 0, -std::sin(theta[m])};
    probe.elements.push_back(e);
  }

  const double cutoff = test.bandwidth_cutoff ? fc * scalar("bandwidth") / 100 / 2 : std::min(fc, fs / 4);
  const Demodulator<double> demodulate(
      {.sampling_rate = fs, .frequency = fc, .low_pass = Demodulation::LowPass::butterworth, .cutoff = cutoff},
      samples);
  FrameInterleaved<double> data(1, channels, samples, 1);
  std::vector<double> record(samples);
  std::vector<std::complex<double>> signal(samples);
  const auto iq_every8 = h5.read<std::complex<double>>("out/IQ_every8");
  double worst_iq = 0, largest_iq = 0;
  for (std::size_t m = 0; m < channels; ++m) {
    for (std::size_t n = 0; n < samples; ++n) record[n] = rf[n * channels + m];
    demodulate(record, signal);
    for (std::size_t n = 0; n < samples; n += 8) {
      // The reference mixes with the absolute time, the demodulator with the time since the first sample.
      const auto mine = signal[n] * std::polar(1.0, -2 * M_PI * fc * t0), his = iq_every8[n / 8 * channels + m];
      worst_iq = std::max(worst_iq, std::abs(mine - his));
      largest_iq = std::max(largest_iq, std::abs(his));
    }
    if (!test.iq)
      for (std::size_t n = 0; n < samples; ++n) signal[n] = record[n];
    data.set(0, m, 0, signal);
  }
  EXPECT_LT(worst_iq, 1e-9 * largest_iq);

  DelayAndSumGeometry geometry;
  geometry.probe = &probe;
  geometry.arrivals.emplace_back(transmit, probe, c, TransmitDelay::earliest_arrival);
  geometry.start = {t0};
  geometry.sampling_rate = fs;
  geometry.rotation_frequency = test.iq ? fc : 0;
  geometry.sound_speed = c;
  geometry.f_number = f_number;
  geometry.interpolation = test.interpolation;
  std::vector<Vec3> points(xi.size());
  for (std::size_t i = 0; i < xi.size(); ++i) points[i] = {xi[i], 0, zi[i]};
  const auto image = delay_and_sum<double>(data, geometry, points);

  std::vector<std::complex<double>> reference;
  if (test.iq)
    reference = h5.read<std::complex<double>>("out/bf");
  else
    for (double v : h5.read<double>("out/bf")) reference.emplace_back(v);
  ASSERT_EQ(reference.size(), image.size());
  double worst = 0, largest = 0;
  std::size_t ties = 0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    largest = std::max(largest, std::abs(reference[i]));
    // An element on the very edge of the aperture is in or out by rounding: such pixels say nothing.
    bool tie = false;
    for (std::size_t m = 0; m < channels && f_number > 0; ++m) {
      const double angle = std::atan2(xi[i] - ex[m], zi[i] - ez[m]) - theta[m];
      tie |= std::abs(std::abs(std::tan(angle)) * 2 * f_number - 1) < 1e-9;
    }
    ties += tie;
    if (!tie) worst = std::max(worst, std::abs(image[i] - reference[i]));
  }
  EXPECT_LT(ties, image.size() / 20);
  EXPECT_GT(largest, 0);
  EXPECT_LT(worst, 1e-9 * largest);  // sums of up to 128 x 4 terms of double, in another order
  RecordProperty("worst_over_largest", std::to_string(worst / largest));
}

INSTANTIATE_TEST_SUITE_P(Must, DasReference,
                         ::testing::Values(Case{"das_pw_iq", Interpolation::linear, true, false},
                                           Case{"das_div_rf", Interpolation::linear, false, false},
                                           Case{"das_convex_iq", Interpolation::lanczos3, true, false},
                                           Case{"das_focused_iq_t0", Interpolation::quadratic, true, true}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace sonoforge
