#include "core/eikonal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <stdexcept>

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

/// 40 mm x 45 mm (x 10 mm in space) below a probe.
EikonalGrid grid_of(double spacing, bool plane = true) {
  const auto nodes = [&](double length) { return static_cast<std::size_t>(std::lround(length / spacing)) + 1; };
  return {{-20e-3, plane ? 0 : -5e-3, 0}, spacing, {nodes(40e-3), plane ? 1 : nodes(10e-3), nodes(45e-3)}};
}

/// Means over the nodes' cells by n x n samples.
std::vector<double> sampled(const EikonalGrid& grid, int n, const std::function<double(Vec3)>& value) {
  std::vector<double> values(grid.size());
  const auto offset = [&](int i) { return ((i + 0.5) / n - 0.5) * grid.spacing; };
  for (std::size_t k = 0; k < grid.counts[2]; ++k)
    for (std::size_t j = 0; j < grid.counts[1]; ++j)
      for (std::size_t i = 0; i < grid.counts[0]; ++i) {
        double sum = 0;
        for (int a = 0; a < n; ++a)
          for (int b = 0; b < n; ++b) sum += value(grid.position(i, j, k) + Vec3{offset(a), 0, offset(b)});
        values[grid.index(i, j, k)] = sum / (n * n);
      }
  return values;
}

double interpolated(const EikonalGrid& grid, const std::vector<double>& values, Vec3 point) {
  const EikonalStencil stencil = stencil_at(grid, point);
  double sum = 0;
  for (std::size_t i = 0; i < stencil.count; ++i) sum += stencil.weight[i] * values[stencil.node[i]];
  return sum;
}

double time_at(const EikonalGrid& grid, const FirstArrivals& arrivals, Vec3 point) {
  return arrivals.source_slowness * norm(point - arrivals.source) + interpolated(grid, arrivals.excess_time, point);
}
double integral_at(const EikonalGrid& grid, const FirstArrivals& arrivals, Vec3 point) {
  return arrivals.source_rates[0] * norm(point - arrivals.source) +
         interpolated(grid, arrivals.excess_integrals[0], point);
}

/// Root of the mean square difference from the truth over points off the nodes.
double rms_error(const std::function<double(Vec3)>& found, const std::function<double(Vec3)>& truth, double y = 0) {
  double sum = 0;
  int count = 0;
  for (double x = -19.03e-3; x < 19.5e-3; x += 1.37e-3)
    for (double z = 1.01e-3; z < 44.5e-3; z += 1.19e-3, ++count) {
      const double difference = found({x, y, z}) - truth({x, y, z});
      sum += difference * difference;
    }
  return std::sqrt(sum / count);
}

TEST(Eikonal, UniformMediumIsExact) {
  for (const bool plane : {true, false}) {
    const EikonalGrid grid = grid_of(1e-3, plane);
    const std::vector<double> slowness(grid.size(), 1 / 1540.0);
    const std::vector<std::vector<double>> rates{std::vector<double>(grid.size(), 40.0)};
    const FirstArrivals arrivals = first_arrivals(grid, slowness, rates, {-7.3e-3, 0, 0});
    double time = 0, integral = 0;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      time = std::max(time, std::abs(arrivals.excess_time[i]));
      integral = std::max(integral, std::abs(arrivals.excess_integrals[0][i]));
    }
    // 60 mm take 4e-5 s, their integral is 2.4: some hundred roundings of these.
    EXPECT_LT(time, 4e-5 * 1e-14);
    EXPECT_LT(integral, 2.4 * 1e-13);
  }
}

/// c = c0 + g z: rays are arcs of circles.
struct Gradient {
  double c0 = 1450, g = 5000;  // 225 m/s over 45 mm
  Vec3 source{-6e-3, 0, 0};
  double speed(double z) const { return c0 + g * z; }
  double time(Vec3 p) const {
    const Vec3 d = p - source;
    return std::acosh(1 + g * g * dot(d, d) / (2 * speed(source.z) * speed(p.z))) / g;
  }
  double length(Vec3 p) const {
    // The centre of the arc lies where c = 0, as far along from both ends.
    const Vec3 d = p - source;
    const double along = std::hypot(d.x, d.y), h = speed(source.z) / g, h2 = h + d.z;
    if (along < 1e-12) return std::abs(d.z);
    const double centre = (along * along + h2 * h2 - h * h) / (2 * along);
    const double radius = std::hypot(centre, h);
    return 2 * radius * std::asin(norm(d) / (2 * radius));
  }
};

TEST(Eikonal, GradientConvergesWithTheSquareOfTheSpacing) {
  const Gradient medium;
  std::vector<double> times, lengths;
  for (const double spacing : {1e-3, 0.5e-3, 0.25e-3, 0.125e-3}) {
    const EikonalGrid grid = grid_of(spacing);
    const auto slowness = sampled(grid, 1, [&](Vec3 p) { return 1 / medium.speed(p.z); });
    const std::vector<std::vector<double>> rates{std::vector<double>(grid.size(), 1.0)};
    const FirstArrivals arrivals = first_arrivals(grid, slowness, rates, medium.source);
    times.push_back(
        rms_error([&](Vec3 p) { return time_at(grid, arrivals, p); }, [&](Vec3 p) { return medium.time(p); }));
    lengths.push_back(
        rms_error([&](Vec3 p) { return integral_at(grid, arrivals, p); }, [&](Vec3 p) { return medium.length(p); }));
  }
  // Truncation of second order adds up to h^2 ln(r / h) along a ray, as third derivatives grow as 1/r towards the
  // source: with r = 45 mm, ln 45 / ln 360 takes 0.21 off the order 2 between the coarsest and the finest grid.
  const auto order = [](const std::vector<double>& errors) { return std::log2(errors.front() / errors.back()) / 3; };
  EXPECT_NEAR(order(times), 1.79, 0.1);
  EXPECT_NEAR(order(lengths), 1.79, 0.1);
  // A hundredth of a nanosecond, of up to 35 us.
  EXPECT_LT(times.back(), 1e-11);
}

TEST(Eikonal, GradientInSpaceConvergesToo) {
  const Gradient medium;
  std::vector<double> times;
  for (const double spacing : {1e-3, 0.5e-3, 0.25e-3}) {
    const EikonalGrid grid = grid_of(spacing, false);
    const auto slowness = sampled(grid, 1, [&](Vec3 p) { return 1 / medium.speed(p.z); });
    const FirstArrivals arrivals = first_arrivals(grid, slowness, {}, medium.source);
    times.push_back(
        rms_error([&](Vec3 p) { return time_at(grid, arrivals, p); }, [&](Vec3 p) { return medium.time(p); }, 2.3e-3));
  }
  // As in the plane: 2 + log2(ln 45 / ln 180) / 2 = 1.77, and a little more as the first grid is coarse.
  const double order = std::log2(times.front() / times.back()) / 2;
  EXPECT_GT(order, 1.67);
  EXPECT_LT(order, 2.1);
}

double smallest(const std::function<double(double)>& f, double low, double high) {
  for (int i = 0; i < 200; ++i) {
    const double a = low + 0.381966 * (high - low), b = high - 0.381966 * (high - low);
    (f(a) < f(b) ? high : low) = f(a) < f(b) ? b : a;
  }
  return f((low + high) / 2);
}

/// A layer over a half space: the way of least time through the boundary, or along it where that is faster.
double layered_time(Vec3 source, Vec3 p, double depth, double above, double below) {
  const double x = std::abs(p.x - source.x);
  const auto through = [&](double at) {
    return std::hypot(at, depth - source.z) / above + std::hypot(x - at, p.z - depth) / below;
  };
  if (p.z > depth) return smallest(through, 0, x);
  const double direct = std::hypot(x, p.z - source.z) / above;
  if (below <= above) return direct;
  const double sine = above / below, cosine = std::sqrt(1 - sine * sine);
  const double legs = (depth - source.z) + (depth - p.z);
  // The head wave exists from the critical distance on.
  return x < legs * sine / cosine ? direct : std::min(direct, x / below + legs * cosine / above);
}

TEST(Eikonal, LayerOverHalfSpaceFollowsSnell) {
  const Vec3 source{-18e-3, 0, 0};
  for (const auto& [above, below] : {std::pair{1450.0, 1600.0}, std::pair{1600.0, 1450.0}}) {
    std::vector<double> errors;
    for (const double spacing : {0.8e-3, 0.4e-3, 0.2e-3, 0.1e-3}) {
      const EikonalGrid grid = grid_of(spacing);
      const double depth = 8.13e-3;
      const auto slowness = sampled(grid, 16, [&](Vec3 p) { return 1 / (p.z < depth ? above : below); });
      const FirstArrivals arrivals = first_arrivals(grid, slowness, {}, source);
      errors.push_back(rms_error([&](Vec3 p) { return time_at(grid, arrivals, p); },
                                 [&](Vec3 p) { return layered_time(source, p, depth, above, below); }));
    }
    // The boundary lies between nodes: of first order at least. The largest part
    // are head waves just above the boundary, which travel a cell too deep or too high.
    EXPECT_GT(std::log2(errors.front() / errors.back()) / 3, 1.0);
    EXPECT_LT(errors.back(), 2e-9);
  }
}

/// A disc: the least time over the places where a ray enters and leaves it.
double disc_time(Vec3 source, Vec3 p, Vec3 centre, double radius, double outside, double inside) {
  const auto at = [&](double angle) { return centre + radius * Vec3{std::sin(angle), 0, -std::cos(angle)}; };
  // Straight past it.
  const Vec3 d = p - source;
  const double t = std::clamp(dot(centre - source, d) / dot(d, d), 0.0, 1.0);
  double best = norm(source + t * d - centre) >= radius ? norm(d) / outside : 1e300;
  double in = 0, out = 0;
  const bool inner = norm(p - centre) < radius;
  const auto time = [&](double a, double b) {
    if (inner) return norm(at(a) - source) / outside + norm(p - at(a)) / inside;
    return norm(at(a) - source) / outside + norm(at(b) - at(a)) / inside + norm(p - at(b)) / outside;
  };
  double span = pi, least = 1e300;
  for (int level = 0; level < 12; ++level) {
    const double in0 = in, out0 = out;
    for (int i = -12; i <= 12; ++i)
      for (int j = -12; j <= 12; ++j) {
        const double a = in0 + span * i / 12, b = out0 + span * j / 12, here = time(a, b);
        // Only chords that do not cross the disc outside it: entering on the near side, leaving on the far.
        if (dot(at(a) - source, at(a) - centre) > 0 || (!inner && dot(p - at(b), at(b) - centre) < 0)) continue;
        if (here < least) least = here, in = a, out = b;
      }
    span /= 4;
  }
  return std::min(best, least);
}

TEST(Eikonal, DiscRefractsAsFermatSays) {
  const Vec3 source{-4e-3, 0, 0}, centre{1.3e-3, 0, 20e-3};
  const double radius = 6e-3;
  for (const double inside : {1640.0, 1500.0}) {
    std::vector<double> errors;
    for (const double spacing : {0.8e-3, 0.4e-3, 0.2e-3, 0.1e-3}) {
      const EikonalGrid grid = grid_of(spacing);
      const auto slowness = sampled(grid, 8, [&](Vec3 p) { return 1 / (norm(p - centre) < radius ? inside : 1540.0); });
      const FirstArrivals arrivals = first_arrivals(grid, slowness, {}, source);
      errors.push_back(rms_error([&](Vec3 p) { return time_at(grid, arrivals, p); },
                                 [&](Vec3 p) { return disc_time(source, p, centre, radius, 1540, inside); }));
    }
    EXPECT_GT(std::log2(errors.front() / errors.back()) / 3, 1.0);
    EXPECT_LT(errors.back(), 1e-9);
  }
}

TEST(Eikonal, RefusesWhatIsNotAMedium) {
  const EikonalGrid grid = grid_of(5e-3);
  std::vector<double> slowness(grid.size(), 1 / 1540.0);
  EXPECT_THROW(first_arrivals(grid, slowness, {}, {30e-3, 0, 0}), std::invalid_argument);
  EXPECT_THROW(first_arrivals(grid, std::span(slowness).first(5), {}, {}), std::invalid_argument);
  const std::vector<std::vector<double>> short_rates{{1.0}};
  EXPECT_THROW(first_arrivals(grid, slowness, short_rates, {}), std::invalid_argument);
  slowness[7] = 0;
  EXPECT_THROW(first_arrivals(grid, slowness, {}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace sonoforge
