#include "app/resolution_truth.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "app/image_truth.hpp"
#include "recon/metrics.hpp"

namespace sonoforge {
namespace {

Experiment experiment(const std::string& text) {
  return Experiment::build(ConfigTree::parse(text), {"phantom", "probe", "sequence", "receive"});
}

// A narrow band, so that one wavelength counts; narrow elements, nearly the same in all directions; no loss.
std::string scene(const std::string& angles, double f_number, const std::string& more = "") {
  return "sonoforge: 1\nphantom: {type: points, background: {type: soft_tissue, sound_speed: 1540 m/s, attenuation: 0 "
         "dB/cm/MHz}, "
         "positions: [[0 mm, 0 mm, 20 mm]]}\n"
         "probe: {type: linear_array, frequency: 5 MHz, elements: 160, pitch: 0.2 mm, width: 0.05 mm, response: "
         "{bandwidth: 60 %}}\n"
         "pulse: {cycles: 8}\nsequence: {type: plane_waves, angles: " +
         angles +
         "}\nreceive: {sampling_rate: 20 MHz, depth: 34 mm}\n"
         "engine: {type: exact, model: simus, dimensions: 2}\n"
         "beamformer: {type: delay_and_sum, f_number: " +
         std::to_string(f_number) +
         ", interpolation: lanczos3}\n"
         "image: {x: [-4 mm, 4 mm, 0.5 mm], z: [14 mm, 28 mm, 0.5 mm]}\nlabels: [resolution]\n" +
         more;
}

// x where sinc(pi x)^power has fallen to half, both sides.
double half_width_of_sinc(double power) {
  double low = 1e-3, high = 1;
  for (int i = 0; i < 60; ++i) {
    const double x = (low + high) / 2, a = std::numbers::pi * x;
    (std::pow(std::sin(a) / a, power) > 0.5 ? low : high) = x;
  }
  return 2 * low;
}

// One plane wave: the elements within an f-number F span sines from -s to s, s = 1 / sqrt(1 + 4 F^2), and the image of
// a point is sinc(2 s x / wavelength), 1.207 wavelength / (2 s) wide. Elements count whole: the aperture is known to
// half a pitch at each rim, 0.2 mm of z / F. Sines crowd towards the rim by 1 - s^2 on average against 1 in the middle,
// under s^2, and the directivity of 0.05 mm changes by s^2 / 2; the wave of 8 cycles spreads the wavelength by 1/8
// about its mean, whose square, 1.6 %, counts.
TEST(ResolutionTruth, LateralWidthOfAPlaneWaveIsThatOfItsReceiveAperture) {
  const double wavelength = 1540 / 5e6;
  for (const double f_number : {2.0, 3.0}) {
    const Experiment e = experiment(scene("[0 deg]", f_number));
    for (const double z : {16e-3, 24e-3}) {
      const double s = 1 / std::sqrt(1 + 4 * f_number * f_number);
      const double expected = half_width_of_sinc(1) * wavelength / (2 * s);
      const double tolerance = 0.2e-3 / (z / f_number) + 1.5 * s * s + 0.016;
      const PointWidths found = point_widths(e, image_grid(e.config.image, {}), 0, {z}).front();
      EXPECT_NEAR(found.lateral, expected, tolerance * expected) << f_number << " " << z;
    }
  }
}

// Plane waves from -a to a with 2 sin(a) = 1 / F, many of them: transmission has the sinc of reception, and the image
// is its square.
TEST(ResolutionTruth, CompoundingSquaresTheSinc) {
  const double wavelength = 1540 / 5e6, f_number = 3, s = 1 / std::sqrt(1 + 4 * f_number * f_number);
  const std::string edge = std::to_string(std::asin(s) * 180 / std::numbers::pi);
  const Experiment e = experiment(scene("{from: -" + edge + " deg, to: " + edge + " deg, count: 17}", f_number));
  const PointWidths found = point_widths(e, image_grid(e.config.image, {}), 0, {20e-3}).front();
  const double expected = half_width_of_sinc(2) * wavelength / (2 * s);
  // As above, and 17 angles span 18 / 17 of what an integral from edge to edge does: half of the width's share is
  // theirs.
  EXPECT_NEAR(found.lateral, expected, (0.2e-3 * f_number / 20e-3 + 1.5 * s * s + 0.016 + 0.03) * expected);
}

// The drive of 8 cycles is 8 periods long; a probe of 60 % bandwidth (a time constant of about a period) leaves its
// flanks where they are at half height, to a twentieth of a period each. The way there and back halves it: 4
// wavelengths.
TEST(ResolutionTruth, AxialWidthIsHalfThePulse) {
  const Experiment e = experiment(scene("[0 deg]", 3));
  const PointWidths found = point_widths(e, image_grid(e.config.image, {}), 0, {20e-3}).front();
  EXPECT_NEAR(found.axial, 4 * 1540 / 5e6, 4 * 1540 / 5e6 * (0.1 / 8 + 0.02));
}

// Places recorded together do not disturb each other, a wrong sound speed of the scanner is followed to where the point
// shows, and the map between its places stays with what is found there: within an f-number widths hardly change.
TEST(ResolutionTruth, MapAgreesWithPointsOfTheirOwn) {
  const Experiment e = experiment(scene("[0 deg]", 3, "sound_speed: 1480 m/s\n"));
  const PixelGrid grid = image_grid(e.config.image, {});
  const LabelMap map = resolution_map(e, grid);
  ASSERT_EQ(map.channels, (std::vector<std::string>{"lateral", "axial"}));
  for (const std::size_t iz : {0, 4, 9, 14, 28})
    for (const std::size_t ix : {8, 11}) {
      const PointWidths own = point_widths(e, grid, grid.x.at(ix), {grid.z.at(iz)}).front();
      const bool node = (iz == 4 || iz == 0 || iz == 28) && ix == 8;
      // Between places the number of whole elements within the f-number jumps by one of 23 to 47.
      EXPECT_NEAR(map.values(0, iz, 0, ix), own.lateral, (node ? 2e-3 : 0.05) * own.lateral) << iz << " " << ix;
      EXPECT_NEAR(map.values(1, iz, 0, ix), own.axial, (node ? 2e-3 : 0.02) * own.axial) << iz << " " << ix;
    }
  // The same again comes from memory, and from another beamformer it does not.
  EXPECT_TRUE(std::ranges::equal(resolution_map(e, grid).values.flat(), map.values.flat()));
  const Experiment other = experiment(scene("[0 deg]", 2, "sound_speed: 1480 m/s\n"));
  EXPECT_LT(resolution_map(other, grid).values(0, 14, 0, 8), 0.8F * map.values(0, 14, 0, 8));
}

// A sector of a phased array, polar and Cartesian: on the axis both see the same point.
TEST(ResolutionTruth, PolarGridsCountMetres) {
  const std::string sector =
      "sonoforge: 1\nphantom: {type: points, background: {type: soft_tissue, attenuation: 0 dB/cm/MHz}, positions: [[0 "
      "mm, 0 mm, 50 mm]]}\n"
      "probe: P4-2v\nsequence: {type: diverging_waves, angles: [0 deg], width: 60 deg}\n"
      "receive: {sampling_rate: 10.88 MHz, depth: 90 mm}\nengine: {type: scatterers, model: simus, dimensions: 2}\n";
  const Experiment polar =
      experiment(sector + "image: {angle: [-30 deg, 30 deg, 1 deg], range: [20 mm, 80 mm, 1 mm]}\n");
  const Experiment plain = experiment(sector + "image: {x: [-30 mm, 30 mm, 1 mm], z: [20 mm, 80 mm, 1 mm]}\n");
  Acquisition scanner;
  scanner.probe = polar.probe;
  const PointWidths a = point_widths(polar, image_grid(polar.config.image, scanner), 0, {50e-3}).front();
  const PointWidths b = point_widths(plain, image_grid(plain.config.image, scanner), 0, {50e-3}).front();
  EXPECT_GT(a.lateral, 0);
  EXPECT_NEAR(a.lateral, b.lateral, 0.01 * b.lateral);
  EXPECT_NEAR(a.axial, b.axial, 0.01 * b.axial);
}

// A disc whose pixels are independent complex Gaussians of `contrast` dB beside those around it: exponential powers, so
// that the closed form holds. Of n and m pixels in B bins a histogram overlaps too little by at most 0.4 sqrt(B (1/n +
// 1/m)), all of it where both laws are equal; means over 20 draws scatter by 0.5 sqrt((1/n + 1/m) / 20).
TEST(ImageGcnr, DiscOfKnownContrastAgreesWithTheory) {
  const Experiment e = experiment(
      "sonoforge: 1\nphantom:\n  type: scene\n  background: liver\n  regions:\n"
      "    - {shape: {type: cylinder, centre: [-4 mm, 0 mm, 16 mm], radius: 3 mm}, tissue: liver, label: disc}\n"
      "    - {shape: {type: cylinder, centre: [5 mm, 0 mm, 16 mm], radius: 3 mm}, tissue: liver, label: disc}\n"
      "    - {shape: {type: cylinder, centre: [50 mm, 0 mm, 16 mm], radius: 3 mm}, tissue: liver, label: far}\n"
      "  extent: {x: [-1 mm, 1 mm], y: [0 mm, 0 mm], z: [15 mm, 16 mm]}\n  scatterer_density: 1 /mm^3\n"
      "probe: {type: linear_array, frequency: 5 MHz, elements: 8, pitch: 0.3 mm, width: 0.27 mm}\n"
      "sequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: 20 MHz, depth: 20 mm}\n"
      "image: {x: [-12 mm, 12 mm, 0.05 mm], z: [8 mm, 24 mm, 0.05 mm]}\nlabels: [gcnr]\n");
  const PixelGrid grid = image_grid(e.config.image, {});
  const double n = std::numbers::pi * 9 / 0.0025, m = std::numbers::pi * (25 - 9) / 0.0025;
  for (const double contrast : {0.0, -6.0, -14.0, 9.0}) {
    double left = 0;
    for (int draw = 0; draw < 20; ++draw) {
      const RandomStream random(static_cast<std::uint64_t>(draw), 0, "pixels");
      ComplexMap image(grid);
      for (std::size_t i = 0; i < grid.size(); ++i) {
        const Vec3 p = grid.position(i / grid.x.count, 0, i % grid.x.count);
        // The second disc stays as bright as what is around it.
        const double power = e.phantom.region_at(p) == 0 ? std::pow(10, contrast / 10) : 1;
        const auto [re, im] = random.normal_pair_at(i);
        image.values.flat()[i] = static_cast<float>(std::sqrt(power / 2)) *
                                 std::complex<float>(static_cast<float>(re), static_cast<float>(im));
      }
      const ImageTruth truth = image_truth(e, {}, image, image);
      ASSERT_EQ(truth.labels.size(), 1u);
      ASSERT_EQ(truth.measurements.size(), 1u) << "the class outside of the image has no value";
      EXPECT_EQ(truth.measurements.front().name, "disc.gcnr");
      const auto at = [&](double x) {
        return truth.labels.front().values(0, static_cast<std::size_t>(std::lround(grid.z.index_of(16e-3))), 0,
                                           static_cast<std::size_t>(std::lround(grid.x.index_of(x))));
      };
      EXPECT_EQ(at(0.5e-3), 0);
      left += at(-4e-3) / 20;
      EXPECT_LT(at(5e-3), 0.4 * std::sqrt(45 * (1 / n + 1 / m)) + 4 * 0.5 * std::sqrt(1 / n + 1 / m));
    }
    const double theory = speckle_gcnr(1, std::pow(10, contrast / 10)), bins = 2 * std::cbrt(n);
    EXPECT_GT(left, theory - 4 * 0.5 * std::sqrt((1 / n + 1 / m) / 20) - 0.5 / bins) << contrast;
    EXPECT_LT(left, theory + 0.4 * std::sqrt(bins * (1 / n + 1 / m)) + 4 * 0.5 * std::sqrt((1 / n + 1 / m) / 20))
        << contrast;
  }
}

}  // namespace
}  // namespace sonoforge
