// Data that this project did not make: images must come out right.
#include <cmath>
#include <numbers>

#include "core/fft.hpp"
#include "io/hdf5.hpp"
#include "io/mat.hpp"
#include "picture.hpp"
#include "recon/delay_and_sum.hpp"
#include "recon/doppler.hpp"
#include "recon/envelope.hpp"
#include "support.hpp"

namespace sonoforge {
namespace {

/// Plane waves of a linear array; delays (x sin a) / c, the first element firing at 0.
Transmit plane(const Probe& probe, double angle, double speed) {
  Transmit t;
  TransmitLaw law;
  for (const Element& e : probe.elements) law.delays.push_back(e.position.x * std::sin(angle) / speed);
  const double first = *std::min_element(law.delays.begin(), law.delays.end());
  for (double& d : law.delays) d -= first;
  law.apodization.assign(probe.size(), 1.0);
  t.laws.push_back(law);
  t.angle = angle;
  t.direction = {std::sin(angle), 0, std::cos(angle)};
  t.time_of_origin = -first;
  return t;
}

TEST(RotatingDisk, TurnsAsARigidBody) {
  SONOFORGE_REFERENCE_FILE(file, "third_party/PWI_disk.mat");
  auto variables = read_mat(file);
  const MatVariable& rf = variables.at("RF");
  const auto parameter = [&](const char* name) { return variables.at("param").fields.at(name).values.at(0); };
  ASSERT_EQ(rf.size, (std::vector<std::size_t>{334, 128, 32}));

  Acquisition a;
  a.probe = testing::flat_probe(128, parameter("pitch"), parameter("fc"));
  for (Element& e : a.probe.elements) e.width = parameter("width");
  a.probe.bandwidth = parameter("bandwidth") / 100;
  a.sampling_rate = parameter("fs");
  a.centre_frequency = parameter("fc");
  a.sound_speed = parameter("c");
  a.start = {parameter("t0")};
  a.sequence.transmits = {plane(a.probe, 0, a.sound_speed)};
  a.sequence.frame_rate = parameter("PRF");
  a.samples = NdArray<float, 4>({32, 1, 128, 334});  // column-major [sample, element, frame] is this order
  for (std::size_t i = 0; i < rf.values.size(); ++i) a.samples.data()[i] = static_cast<float>(rf.values[i]);

  PixelGrid grid;
  grid.x = {-12.5e-3, 0.1e-3, 251};
  grid.z = {10e-3, 0.1e-3, 251};
  DelayAndSum das;
  das.f_number =
      3;  // little obliquity: an element seen under the angle a measures only (1 + cos a) / 2 of the velocity
  const auto frames = das.beamform(a, grid);
  const DopplerMaps doppler = color_doppler(frames, parameter("PRF"), a.centre_frequency, a.sound_speed, 2);
  const RealMap decibels = log_compress(envelope(frames[0]));
  testing::write_grey("rotating_disk.png", decibels, 40);
  testing::write_signed("rotating_disk_velocity.png", doppler.velocity, 0.7);

  // Velocity towards the probe of a body that turns about a point: a plane in x and z whose slope along z is 0.
  double n = 0, sx = 0, sz = 0, sv = 0, sxx = 0, sxz = 0, szz = 0, sxv = 0, szv = 0, svv = 0;
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const double x = grid.x.at(ix), z = grid.z.at(iz) - 22.5e-3;
      if (std::hypot(x + 0.8e-3, z) > 8e-3) continue;
      const double v = static_cast<double>(doppler.velocity.values(iz, 0, ix));
      n += 1, sx += x, sz += z, sv += v, sxx += x * x, sxz += x * z, szz += z * z, sxv += x * v, szv += z * v,
          svv += v * v;
    }
  const double cxx = sxx - sx * sx / n, cxz = sxz - sx * sz / n, czz = szz - sz * sz / n, cxv = sxv - sx * sv / n,
               czv = szv - sz * sv / n, cvv = svv - sv * sv / n;
  const double determinant = cxx * czz - cxz * cxz;
  const double rotation = (cxv * czz - czv * cxz) / determinant, shear = (czv * cxx - cxv * cxz) / determinant;
  const double r2 = (rotation * cxv + shear * czv) / cvv;
  std::printf("rotating disk: %.2f rad/s, R^2 %.4f, slope along z %.2f 1/s\n", rotation, r2, shear);
  // The figure known for these data is 61.6 rad/s. The angles of an aperture of F 3 take up to 1 - (1 + cos 9.5 deg) /
  // 2 = 0.7 % off it, and choices of filter and region about as much.
  EXPECT_NEAR(rotation, -61.6, 0.9);
  EXPECT_GT(r2, 0.997);
  EXPECT_LT(std::abs(shear), 0.05 * std::abs(rotation));
}

/// Spectrum at frequency f of a signal sampled at `rate`, its first sample at time 0.
std::complex<double> spectrum(const std::vector<double>& signal, double rate, double f) {
  std::complex<double> sum = 0;
  for (std::size_t n = 0; n < signal.size(); ++n)
    sum += signal[n] * std::polar(1.0, -2 * std::numbers::pi * f * static_cast<double>(n) / rate);
  return sum;
}

TEST(FieldTwo, WiresOfAnotherSimulatorStandInTheirPlaces) {
  SONOFORGE_REFERENCE_FILE(file, "third_party/pybf.hdf5");
  const Hdf5Reader h5(file);
  const double fs = h5.read_scalar<double>("data/f_sampling"), f0 = h5.read_scalar<double>("trans_params/f_central"),
               start = h5.read_scalar<double>("sim_params/start_time"),
               fine = h5.read_scalar<double>("sim_params/f_sim_hz"), speed = 1540, wavelength = speed / f0;
  const auto angles = h5.read<double>("data/tx_mode/PW_3_12");
  const auto excitation = h5.read<double>("sim_params/excitation"),
             response = h5.read<double>("sim_params/electroacoustic_impulse_response"),
             scatterers = h5.read<double>("sim_params/scatters_data");
  const std::size_t count = scatterers.size() / 3, samples = 2313, channels = 192;

  Acquisition a;
  a.probe = testing::flat_probe(channels, h5.read_scalar<double>("trans_params/x_pitch"), f0);
  a.sampling_rate = fs;
  a.centre_frequency = f0;
  a.sound_speed = speed;
  a.samples = NdArray<float, 4>({1, angles.size(), channels, samples});

  // Matched filter with excitation and impulse response, once for transmit and once for receive: conj(E H H) moves the
  // pulse's centre to the time at which Field II counts it as sent.
  const RealFft<double> fft(good_fft_size(samples + 256));
  std::vector<std::complex<double>> filter(fft.bins());
  double filter_peak = 0;
  for (std::size_t k = 0; k < fft.bins(); ++k) {
    const double f = fs * static_cast<double>(k) / static_cast<double>(fft.size());
    const auto h = spectrum(response, fine, f);
    filter[k] = std::conj(spectrum(excitation, fine, f) * h * h);
    filter_peak = std::max(filter_peak, std::abs(filter[k]));
  }
  // The filter advances the pulses by their whole length of 5 us, so echoes need room in front: none lie there but the
  // wrapped-round start of the record, which no wire uses.
  for (std::size_t t = 0; t < angles.size(); ++t) {
    const auto rf = h5.read<double>("data/rf_data/frame_1/shot_" + std::to_string(t + 1));
    ASSERT_EQ(rf.size(), channels * samples);
    for (std::size_t m = 0; m < channels; ++m) {
      std::vector<double> record(fft.size());
      std::copy_n(rf.begin() + static_cast<std::ptrdiff_t>(m * samples), samples, record.begin());
      std::vector<std::complex<double>> bins(fft.bins());
      fft.forward(record, bins);
      for (std::size_t k = 0; k < bins.size(); ++k)
        bins[k] *= filter[k] / (filter_peak * static_cast<double>(fft.size()));
      fft.inverse(bins, record);
      for (std::size_t n = 0; n < samples; ++n) a.samples(0, t, m, n) = static_cast<float>(record[n]);
    }
    Transmit transmit = plane(a.probe, angles[t], speed);
    transmit.time_of_origin = 0;  // these times count from the instant at which the wave passes the array's centre
    a.sequence.transmits.push_back(transmit);
    a.start.push_back(start);
  }

  DelayAndSum das;
  das.f_number = 1.5;
  das.window = Window::hann;
  das.interpolation = Interpolation::cubic;
  PixelGrid overview;
  overview.x = {-22e-3, 0.1e-3, 441};
  overview.z = {1e-3, 0.05e-3, 961};
  testing::write_grey("field_ii_wires.png", log_compress(envelope(das.beamform(a, overview).at(0))), 60);

  std::size_t wires = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double x = scatterers[i], z = scatterers[2 * count + i];
    double nearest = 1;
    for (std::size_t j = 0; j < count; ++j)
      if (j != i) nearest = std::min(nearest, std::hypot(scatterers[j] - x, scatterers[2 * count + j] - z));
    if (nearest < 9 * wavelength) continue;
    ++wires;
    PixelGrid grid;
    const double step = wavelength / 40;
    grid.x = {x - 40 * step, step, 81};
    grid.z = {z - 40 * step, step, 81};
    const RealMap image = envelope(das.beamform(a, grid).at(0));
    const auto flat = image.values.flat();
    const auto peak = static_cast<std::size_t>(std::max_element(flat.begin(), flat.end()) - flat.begin());
    const double dx = grid.x.at(peak % 81) - x, dz = grid.z.at(peak / 81) - z;
    std::printf("wire at (%.2f, %.2f) mm: image off by %.4f and %.4f wavelengths\n", x * 1e3, z * 1e3, dx / wavelength,
                dz / wavelength);
    EXPECT_LT(std::abs(dx), wavelength / 10);
    EXPECT_LT(std::abs(dz), wavelength / 10);
  }
  EXPECT_EQ(wires, 4u);
}

}  // namespace
}  // namespace sonoforge
