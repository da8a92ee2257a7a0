#include "recon/image_filter.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/random.hpp"
#include "recon/envelope.hpp"

namespace sonoforge {
namespace {

Typed<ImageFilter> filter_of(const std::string& name) {
  return Typed<ImageFilter>::make(image_filter_catalog(), name);
}

PixelGrid plane(double dx, double dz, std::size_t nx, std::size_t nz) {
  PixelGrid grid;
  grid.x = {0, dx, nx};
  grid.z = {0.01, dz, nz};
  return grid;
}

RealMap filled(const PixelGrid& grid, float value) {
  RealMap map(grid);
  for (auto& v : map.values.flat()) v = value;
  return map;
}

/// Full width at half maximum of a sampled Gaussian from its peak and the pixel beside it: v1 / v0 = 2^(-4 / width^2)
/// [pixels].
double width_of(const std::vector<double>& profile) {
  const auto top = std::max_element(profile.begin(), profile.end());
  return 2 / std::sqrt(std::log2(*top / *(top + 1)));
}

TEST(ImageFilter, AConstantStaysWhatItIs) {
  for (const char* name : {"gaussian", "median", "lee"}) {
    const RealMap out = filter_of(name)->apply(filled(plane(0.1e-3, 0.05e-3, 40, 60), 3.5F));
    for (float v : out.values.flat()) EXPECT_FLOAT_EQ(v, 3.5F) << name;
  }
}

// A point becomes the filter's kernel: its width at half maximum is the one asked for, on pixels of any shape, to
// float's digits.
TEST(ImageFilter, AGaussianHasItsWidthInMillimetres) {
  RealMap in = filled(plane(0.1e-3, 0.05e-3, 61, 81), 0);
  in.values(40, 0, 30) = 1;
  const RealMap out = filter_of("gaussian")->apply(in);  // 0.3 mm
  std::vector<double> lateral, axial;
  double sum = 0;
  for (std::size_t i = 0; i < 61; ++i) lateral.push_back(out.values(40, 0, i));
  for (std::size_t i = 0; i < 81; ++i) axial.push_back(out.values(i, 0, 30));
  for (float v : out.values.flat()) sum += v;
  EXPECT_NEAR(width_of(lateral) * 0.1e-3, 0.3e-3, 1e-5 * 0.3e-3);
  EXPECT_NEAR(width_of(axial) * 0.05e-3, 0.3e-3, 1e-5 * 0.3e-3);
  EXPECT_NEAR(sum, 1, 1e-6);
}

TEST(ImageFilter, OnPolarGridsWidthsAreThoseOfTheTissue) {
  PixelGrid grid;
  grid.kind = PixelGrid::Kind::polar;
  grid.x = {-0.3, 0.002, 301};
  grid.z = {0.02, 0.1e-3, 401};  // 20 to 60 mm
  RealMap in = filled(grid, 0);
  for (std::size_t iz : {std::size_t{50}, std::size_t{350}}) in.values(iz, 0, 150) = 1;
  const RealMap out = filter_of("gaussian")->apply(in);
  for (std::size_t iz : {std::size_t{50}, std::size_t{350}}) {
    std::vector<double> profile;
    for (std::size_t i = 0; i < 301; ++i) profile.push_back(out.values(iz, 0, i));
    EXPECT_NEAR(width_of(profile) * grid.x.step * grid.z.at(iz), 0.3e-3, 1e-5 * 0.3e-3) << iz;
  }
}

TEST(ImageFilter, AMedianRemovesPointsAndKeepsEdges) {
  RealMap in = filled(plane(0.1e-3, 0.1e-3, 40, 40), 1);
  for (std::size_t iz = 0; iz < 40; ++iz)
    for (std::size_t ix = 20; ix < 40; ++ix) in.values(iz, 0, ix) = 5;
  const RealMap clean = in;
  in.values(10, 0, 8) = 100;
  in.values(20, 0, 30) = 0;
  const RealMap out = filter_of("median")->apply(in);  // 0.3 mm: 3 x 3 pixels
  for (std::size_t i = 0; i < out.values.size(); ++i) EXPECT_EQ(out.values.flat()[i], clean.values.flat()[i]) << i;
}

// Rayleigh speckle has the spread that the filter takes for noise: it becomes the local mean, but where the 11 x 11
// pixels happen to spread wider. A mean of N independent pixels spreads by 1 / (1.913 sqrt(N)).
TEST(ImageFilter, LeeSmoothsSpeckleAndKeepsPoints) {
  auto lee = filter_of("lee");
  const PixelGrid grid = plane(0.06e-3, 0.06e-3, 120, 120);  // 0.6 mm: 11 x 11 pixels
  RealMap in(grid);
  RandomStream random(3, 0, "speckle");
  for (auto& v : in.values.flat()) v = static_cast<float>(std::hypot(random.normal(), random.normal()));
  in.values(60, 0, 60) = 60;
  const RealMap out = lee->apply(in);
  double n = 0, sum = 0, squares = 0;
  for (std::size_t iz = 6; iz < 48; ++iz)
    for (std::size_t ix = 6; ix < 114; ++ix) {
      const double v = out.values(iz, 0, ix);
      n += 1, sum += v, squares += v * v;
    }
  const double mean = sum / n, snr = mean / std::sqrt(squares / n - mean * mean);
  EXPECT_NEAR(mean, std::sqrt(std::numbers::pi / 2),
              0.03);  // of the Rayleigh law; speckle of 42 x 108 pixels: 0.8 % of it
  EXPECT_GT(snr, 8);  // 1.913 before; 21 where the gain were 0 everywhere
  EXPECT_LT(snr, 21.5);
  // A point of 60 among 120 pixels of mean 1.2533 and mean square 2 keeps what [lee1980] leaves of it.
  const double local_mean = (60 + 120 * 1.2533) / 121, variance = (3600 + 120 * 2) / 121.0 - local_mean * local_mean;
  const double noise = 1 / (1.913 * 1.913);
  const double gain = (variance - local_mean * local_mean * noise) / (1 + noise) / variance;
  EXPECT_NEAR(out.values(60, 0, 60), local_mean + gain * (60 - local_mean),
              0.5);  // the mean of 120 Rayleigh values: 0.06, its square 0.18
}

TEST(ImageFilter, NeighbourhoodsAreBounded) {
  for (const char* name : {"gaussian", "median", "lee"}) {
    const RealMap in = filled(plane(1e-6, 1e-6, 400, 400), 1);
    try {
      filter_of(name)->apply(in);
      FAIL() << name;
    } catch (const UserError& error) {
      EXPECT_NE(std::string(error.what()).find("pixels on each side"), std::string::npos);
    }
  }
}

TEST(ImageFilter, FiltersFollowOneAnother) {
  RealMap in = filled(plane(0.1e-3, 0.1e-3, 30, 30), 0);
  in.values(15, 0, 15) = 1;
  const std::vector<Typed<ImageFilter>> both{filter_of("median"), filter_of("gaussian")};
  const RealMap none = filtered(in, both);
  for (float v : none.values.flat()) EXPECT_EQ(v, 0);  // the median takes the point, nothing is left to smear
  const std::vector<Typed<ImageFilter>> reversed{filter_of("gaussian"), filter_of("median")};
  EXPECT_GT(maximum(filtered(in, reversed)), 0);
}

}  // namespace
}  // namespace sonoforge
