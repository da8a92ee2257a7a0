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
  das.f_number = 3;  // little obliquity: an element seen under the angle a measures only (1 + cos a) / 2 of the velocity
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
      n += 1, sx += x, sz += z, sv += v, sxx += x * x, sxz += x * z, szz += z * z, sxv += x * v, szv += z * v, svv += v * v;
    }
  const double cxx = sxx - sx * sx / n, cxz = sxz - sx * sz / n, czz = szz - sz * sz / n, cxv = sxv - sx * sv / n,
               czv = szv - sz * sv / n, cvv = svv - sv * sv / n;
  const double determinant = cxx * czz - cxz * cxz;
  const double rotation = (cxv * czz - czv * cxz) / determinant, shear = (czv * cxx - cxv * cxz) / determinant;
  const double r2 = (rotation * cxv + shear * czv) / cvv;
  std::printf("rotating disk: %.2f rad/s, R^2 %.4f, slope along z %.2f 1/s\n", rotation, r2, shear);
  // The figure known for these data is 61.6 rad/s. The angles of an aperture of F 3 take up to 1 - (1 + cos 9.5 deg) / 2 =
  // 0.7 % off it, and choices of filter and region about as much.
  EXPECT_NEAR(rotation, -61.6, 0.9);
  EXPECT_GT(r2, 0.997);
  EXPECT_LT(std::abs(shear), 0.05 * std::abs(rotation));
}

}  // namespace
}  // namespace sonoforge
