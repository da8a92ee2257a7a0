// Points that stand for scatterers: sums over either are the same for all waves that the grid is made for.
#include "sim/equivalent_points.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "core/random.hpp"
#include "sim/surface_quadrature.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<double>;

struct Crowd {
  std::vector<Vec3> positions;
  std::vector<double> strengths;
  double size = 0;  // sum of |strength|

  Crowd(const Cell& box, std::size_t count) {
    RandomStream random(5, 0, "crowd");
    for (std::size_t i = 0; i < count; ++i) {
      const double x = random.uniform(-1, 1), y = random.uniform(-1, 1), z = random.uniform(-1, 1);
      positions.push_back(box.centre + Vec3{x * box.half.x, y * box.half.y, z * box.half.z});
      strengths.push_back(random.normal());
      size += std::abs(strengths.back());
    }
    // The corner and a point of the grid's middle line.
    positions[0] = box.centre + box.half, positions[1] = box.centre;
  }
};

template <class T>
double worst_difference(const Cell& box, Vec3 carrier, Vec3 reach, double tolerance) {
  PointGrid grid;
  grid.carrier = carrier;
  grid.counts = {static_cast<std::size_t>(oscillation_terms(reach.x * box.half.x, tolerance) + 1), 1,
                 static_cast<std::size_t>(oscillation_terms(reach.z * box.half.z, tolerance) + 1)};
  if (box.half.y > 0) grid.counts[1] = static_cast<std::size_t>(oscillation_terms(reach.y * box.half.y, tolerance) + 1);
  const Crowd crowd(box, 1003);
  SpreadWorkspace<T> workspace;
  std::vector<EchoPoint<T>> points;
  spread<T>(box, grid, crowd.positions, crowd.strengths, workspace, points);
  EXPECT_EQ(points.size(), grid.size());
  double worst = 0;
  for (double a : {-1.0, 0.3, 1.0})
    for (double b : {-1.0, 0.0, 1.0})
      for (double c : {-1.0, -0.2, 1.0}) {
        const Vec3 q = carrier + Vec3{a * reach.x, b * reach.y, c * reach.z};
        Complex direct = 0, gridded = 0;
        for (std::size_t s = 0; s < crowd.positions.size(); ++s)
          direct += crowd.strengths[s] * std::polar(1.0, -dot(q, crowd.positions[s] - box.centre));
        for (const auto& p : points)
          gridded += Complex(static_cast<double>(p.real), static_cast<double>(p.imaginary)) *
                     std::polar(1.0, -(q.x * static_cast<double>(p.x) + q.y * static_cast<double>(p.y) +
                                       q.z * static_cast<double>(p.z)));
        worst = std::max(worst, std::abs(direct - gridded) / crowd.size);
      }
  return worst;
}

// The error of an axis of Chebyshev interpolation stays below the tolerance of oscillation_terms times at most 2
// (aliasing of what is left out), for each of three axes.
TEST(EquivalentPoints, SumOverPointsIsTheSumOverScatterers) {
  const Cell box{{1e-3, -2e-3, 20e-3}, {0.5e-3, 0.2e-3, 0.7e-3}}, flat{{0, 0, 30e-3}, {0.6e-3, 0, 0.6e-3}};
  for (double tolerance : {1e-2, 1e-4}) {
    EXPECT_LE((worst_difference<float>(box, {3e3, 0, 30e3}, {9e3, 5e3, 11e3}, tolerance)), 6 * tolerance);
    EXPECT_LE((worst_difference<float>(flat, {0, 0, 25e3}, {20e3, 0, 9e3}, tolerance)), 6 * tolerance);
  }
  EXPECT_LE((worst_difference<double>(box, {3e3, 0, 30e3}, {9e3, 5e3, 11e3}, 1e-10)), 6e-10);
  // Float: phases of tens of radians and sums of a thousand terms keep 1e-5.
  EXPECT_LE((worst_difference<float>(box, {3e3, 0, 30e3}, {9e3, 5e3, 11e3}, 1e-7)), 1e-5);
}

}  // namespace
}  // namespace sonoforge
