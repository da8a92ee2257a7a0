#include <cmath>
#include <numbers>

#include "recon/doppler.hpp"
#include "recon/envelope.hpp"
#include "core/scan_conversion.hpp"
#include "support.hpp"

namespace sonoforge {
namespace {

TEST(Envelope, LogCompressionInDecibels) {
  PixelGrid grid;
  grid.x.count = 4;
  ComplexMap image(grid);
  image.values(0, 0, 0) = {3, 4};
  image.values(0, 0, 1) = {0, -0.5};
  image.values(0, 0, 2) = {0.05f, 0};
  const RealMap e = envelope(image);
  EXPECT_FLOAT_EQ(e.values(0, 0, 0), 5);
  const RealMap db = log_compress(e);
  EXPECT_FLOAT_EQ(db.values(0, 0, 0), 0);
  EXPECT_FLOAT_EQ(db.values(0, 0, 1), -20);
  EXPECT_FLOAT_EQ(db.values(0, 0, 2), -40);
  EXPECT_FLOAT_EQ(db.values(0, 0, 3), -200);
  EXPECT_FLOAT_EQ(log_compress(e, 50).values(0, 0, 0), -20);
  EXPECT_FLOAT_EQ(log_compress(RealMap(grid)).values(0, 0, 0), -200);
}

PixelGrid sector(std::size_t ranges, std::size_t angles) {
  PixelGrid grid;
  grid.kind = PixelGrid::Kind::polar;
  grid.apex_depth = -0.01;
  grid.x = {-0.6, 1.2 / static_cast<double>(angles - 1), angles};
  grid.z = {0.02, 0.06 / static_cast<double>(ranges - 1), ranges};
  return grid;
}

TEST(ScanConversion, ReproducesASmoothFunctionToSecondOrder) {
  const auto f = [](Vec3 p) { return std::sin(300 * p.x) * std::cos(250 * p.z); };
  double error[2] = {};
  for (int level = 0; level < 2; ++level) {
    const PixelGrid polar = level ? sector(401, 321) : sector(201, 161);
    RealMap map(polar);
    for (std::size_t iz = 0; iz < polar.z.count; ++iz)
      for (std::size_t ix = 0; ix < polar.x.count; ++ix)
        map.values(iz, 0, ix) = static_cast<float>(f(polar.position(iz, 0, ix)));
    const PixelGrid target = enclosing_grid(polar, 0.5e-3);
    const RealMap image = scan_convert(map, target, -99);
    std::size_t inside = 0, outside = 0;
    for (std::size_t iz = 0; iz < target.z.count; ++iz)
      for (std::size_t ix = 0; ix < target.x.count; ++ix) {
        const Vec3 p = target.position(iz, 0, ix);
        const double range = std::hypot(p.x, p.z + 0.01), angle = std::atan2(p.x, p.z + 0.01);
        const bool reached = range >= 0.02 && range <= 0.08 && std::abs(angle) <= 0.6;
        (reached ? inside : outside)++;
        const double value = static_cast<double>(image.values(iz, 0, ix));
        if (reached)
          error[level] = std::max(error[level], std::abs(value - f(p)));
        else
          EXPECT_TRUE(value == -99 || std::abs(range - 0.02) < 1e-9 || std::abs(range - 0.08) < 1e-9 ||
                      std::abs(std::abs(angle) - 0.6) < 1e-9);
      }
    EXPECT_GT(inside, 1000u);
    EXPECT_GT(outside, 1000u);
  }
  // Linear interpolation: h^2 / 8 x (second derivative), h = 0.3 mm in range and 0.6 mm across: 0.6e-3^2 x 300^2 / 8
  EXPECT_LT(error[0], 6e-3);
  EXPECT_NEAR(std::log2(error[0] / error[1]), 2, 0.2);
}

TEST(ScanConversion, EnclosingGridHoldsTheWholeSector) {
  const PixelGrid polar = sector(50, 40), grid = enclosing_grid(polar);
  EXPECT_NEAR(grid.x.last(), 0.08 * std::sin(0.6), grid.x.step);
  EXPECT_NEAR(grid.z.from, -0.01 + 0.02 * std::cos(0.6), 1e-12);
  EXPECT_GE(grid.z.last(), 0.07 - 1e-12);  // the deepest point lies on the axis, between two rims
  EXPECT_THROW(enclosing_grid(polar, 1e-9), UserError);
}

TEST(Doppler, FindsAConstantVelocityWithItsSign) {
  // A plug of echoes moves away at v: the phase of a frame is -4 pi f0 v k / (c rate).
  const double f0 = 5e6, c = 1480, rate = 4e3, v = 0.1;
  PixelGrid grid;
  grid.x.count = 5;
  grid.z.count = 7;
  std::vector<ComplexMap> frames;
  for (int k = 0; k < 8; ++k) {
    ComplexMap frame(grid);
    for (std::size_t i = 0; i < grid.size(); ++i)
      frame.values.data()[i] = std::complex<float>(
          std::polar(2.0, 0.7 * static_cast<double>(i) - 4 * std::numbers::pi * f0 * v * k / (c * rate)));
    frames.push_back(frame);
  }
  for (std::size_t smoothing : {0u, 2u}) {
    const DopplerMaps maps = color_doppler(frames, rate, f0, c, smoothing);
    for (float value : maps.velocity.values.flat()) EXPECT_NEAR(value, -v, 1e-6);
    for (float value : maps.power.values.flat()) EXPECT_NEAR(value, 4, 1e-5);
    for (float value : maps.variance.values.flat()) EXPECT_NEAR(value, 0, 1e-6);
  }
  EXPECT_THROW(color_doppler({frames[0]}, rate, f0, c), UserError);
  EXPECT_THROW(color_doppler(frames, 0, f0, c), UserError);
}

}  // namespace
}  // namespace sonoforge
