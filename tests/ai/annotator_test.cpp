#include "ai/annotator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ai/labels.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

PixelGrid square(double half, double pixel) {
  PixelGrid grid;
  grid.x = Axis::from_to_step(-half, half, pixel);
  grid.z = Axis::from_to_step(-half, half, pixel);
  return grid;
}

/// Discs of one class, or each of its own.
LabelMap discs(const PixelGrid& grid, const std::vector<Vec3>& centres, double radius) {
  LabelMap map;
  map.name = "segmentation";
  map.grid = grid;
  map.channels = {"lesion"};
  map.values = NdArray<float, 4>({1, grid.z.count, 1, grid.x.count});
  for (std::size_t z = 0; z < grid.z.count; ++z)
    for (std::size_t x = 0; x < grid.x.count; ++x)
      for (const Vec3& c : centres)
        if (std::hypot(grid.x.at(x) - c.x, grid.z.at(z) - c.z) <= radius) map.values(0, z, 0, x) = 1;
  return map;
}

double area(const LabelMap& map) {
  double count = 0;
  for (float v : map.values.flat()) count += v != 0;
  return count * map.grid.x.step * map.grid.z.step;
}

/// Radius at which the drawing of a disc about the origin ends, in 90 directions.
std::vector<double> radii(const LabelMap& map) {
  std::vector<double> out;
  for (int i = 0; i < 90; ++i) {
    const double angle = 2 * pi * (i + 0.5) / 90, step = 0.02e-3;
    double r = 0;
    for (; r < 8e-3; r += step) {
      const auto x = static_cast<std::size_t>(std::lround(map.grid.x.index_of(r * std::cos(angle))));
      const auto z = static_cast<std::size_t>(std::lround(map.grid.z.index_of(r * std::sin(angle))));
      if (map.values(0, z, 0, x) == 0) break;
    }
    out.push_back(r);
  }
  return out;
}

// An outline moved by a constant is the disc of the larger radius: areas agree to a pixel along the outline, times 0.3
// for the signs.
TEST(Annotator, BiasMovesTheOutlineByItsLength) {
  const double pixel = 0.05e-3;
  const LabelMap truth = discs(square(9e-3, pixel), {{}}, 4e-3);
  for (double bias : {-0.5e-3, 0.3e-3, 1e-3}) {
    AnnotatorConfig reader;
    reader.jitter = 0, reader.bias = bias;
    const LabelMap drawn = reader.annotate(truth, RandomStream(1, 1, "annotator"));
    EXPECT_NEAR(area(drawn), pi * (4e-3 + bias) * (4e-3 + bias), 0.3 * pixel * 2 * pi * 5e-3) << bias;
  }
  AnnotatorConfig exact;
  exact.jitter = 0;
  EXPECT_EQ(area(exact.annotate(truth, RandomStream(1, 1, "annotator"))), area(truth));
}

// 60 readers, outline error in 90 directions: mean 0 and the rms asked for. About 2 pi 4 / 2 = 12 independent errors a
// reader at a correlation of 2 mm: 720 in all, a relative error of the rms of 1/sqrt(2 * 720) = 2.6 %, and of the mean
// of jitter / sqrt(720). Rounding to pixels adds pixel^2 / 12 to the variance, below 1 %. Four standard errors. Where
// the field's slope is steep, the normal's tilt lengthens the radius by a few per cent of the error: another 3 %.
TEST(Annotator, JitterHasItsSize) {
  const double pixel = 0.1e-3, jitter = 0.3e-3;
  const LabelMap truth = discs(square(8e-3, pixel), {{}}, 4e-3);
  AnnotatorConfig reader;
  reader.jitter = jitter, reader.correlation = 2e-3;
  double sum = 0, squares = 0, n = 0;
  for (std::uint64_t r = 0; r < 60; ++r)
    for (double radius : radii(reader.annotate(truth, RandomStream(1, r, "annotator")))) {
      sum += radius - 4e-3, squares += (radius - 4e-3) * (radius - 4e-3), ++n;
    }
  EXPECT_NEAR(sum / n, 0, 4 * jitter / std::sqrt(720.0) + pixel / 4);
  EXPECT_NEAR(std::sqrt(squares / n) / jitter, 1, 4 * 0.026 + 0.03);
}

// 400 drawings of nine discs: the number missed is binomial.
TEST(Annotator, MissesStructuresWithTheirProbability) {
  std::vector<Vec3> centres;
  for (double x : {-5e-3, 0.0, 5e-3})
    for (double z : {-5e-3, 0.0, 5e-3}) centres.push_back({x, 0, z});
  const LabelMap truth = discs(square(8e-3, 0.2e-3), centres, 1.5e-3);
  AnnotatorConfig reader;
  reader.jitter = 0, reader.missed = 0.2;
  double drawn = 0;
  const int readers = 400;
  for (std::uint64_t r = 0; r < readers; ++r)
    drawn += area(reader.annotate(truth, RandomStream(1, r, "annotator"))) / area(truth) * 9;
  EXPECT_NEAR(drawn, 0.8 * 9 * readers, 4 * std::sqrt(0.2 * 0.8 * 9 * readers));
}

// Discs of equal size in an empty picture large enough that overlaps are rare: their total area over that of one is
// Poisson.
TEST(Annotator, InventsAsManyAsAsked) {
  const LabelMap nothing = discs(square(40e-3, 0.5e-3), {}, 1e-3);
  AnnotatorConfig reader;
  reader.invented = 0.7, reader.invented_spread = 0, reader.invented_radius = 3e-3, reader.jitter = 0;
  double found = 0, none = 0;
  const int readers = 1000;
  for (std::uint64_t r = 0; r < readers; ++r) {
    const double share = area(reader.annotate(nothing, RandomStream(1, r, "annotator"))) / (pi * 9e-6);
    found += share, none += share == 0;
  }
  EXPECT_NEAR(none / readers, std::exp(-0.7), 4 * std::sqrt(0.25 / readers));
  // The edge of the picture cuts and overlaps hide a little: at most the border's share, 2 * 2 * 3 / 80, a half of it.
  EXPECT_NEAR(found / readers, 0.7, 4 * std::sqrt(0.7 / readers) + 0.7 * 0.075);
}

TEST(Annotator, FollowsFromItsStreamAlone) {
  const LabelMap truth = discs(square(8e-3, 0.1e-3), {{}, {5e-3, 0, 5e-3}}, 2e-3);
  AnnotatorConfig reader;
  reader.invented = 2, reader.missed = 0.3;
  set_thread_count(1);
  const LabelMap one = reader.annotate(truth, RandomStream(1, 5, "annotator"));
  set_thread_count(4);
  const LabelMap again = reader.annotate(truth, RandomStream(1, 5, "annotator")),
                 other = reader.annotate(truth, RandomStream(1, 6, "annotator"));
  set_thread_count(0);
  EXPECT_TRUE(std::ranges::equal(one.values.flat(), again.values.flat()));
  EXPECT_FALSE(std::ranges::equal(one.values.flat(), other.values.flat()));
  reader.classes = {"lesoin"};
  EXPECT_THROW(reader.annotate(truth, RandomStream(1, 5, "annotator")), ConfigError);
}

}  // namespace
}  // namespace sonoforge
