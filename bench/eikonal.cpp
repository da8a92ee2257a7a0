// How do error and time of first arrivals depend on the grid's spacing? A plane of 40 mm x 45 mm in which the speed of
// sound grows by 5 m/s a mm; the answer, known in closed form, is checked before it is timed.
#include "core/eikonal.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>

namespace sonoforge {
namespace {

constexpr double surface_speed = 1450, gradient = 5000;

double speed(double z) {
  return surface_speed + gradient * z;
}

/// Rays are arcs of circles.
double exact_time(Vec3 source, Vec3 point) {
  const Vec3 d = point - source;
  return std::acosh(1 + gradient * gradient * dot(d, d) / (2 * speed(source.z) * speed(point.z))) / gradient;
}

void gradient_of_speed(benchmark::State& state) {
  const double spacing = static_cast<double>(state.range(0)) * 1e-6;
  const auto nodes = [&](double length) { return static_cast<std::size_t>(std::lround(length / spacing)) + 1; };
  const EikonalGrid grid{{-20e-3, 0, 0}, spacing, {nodes(40e-3), 1, nodes(45e-3)}};
  const Vec3 source{-6e-3, 0, 0};
  std::vector<double> slowness(grid.size());
  for (std::size_t k = 0; k < grid.counts[2]; ++k)
    for (std::size_t i = 0; i < grid.counts[0]; ++i)
      slowness[grid.index(i, 0, k)] = 1 / speed(grid.position(i, 0, k).z);
  const std::vector<std::vector<double>> rates(static_cast<std::size_t>(state.range(1)),
                                               std::vector<double>(grid.size(), 1.0));
  const FirstArrivals checked = first_arrivals(grid, slowness, rates, source);
  double sum = 0, largest = 0;
  for (std::size_t k = 0; k < grid.counts[2]; ++k)
    for (std::size_t i = 0; i < grid.counts[0]; ++i) {
      const Vec3 point = grid.position(i, 0, k);
      const double found = checked.source_slowness * norm(point - source) + checked.excess_time[grid.index(i, 0, k)];
      const double error = found - exact_time(source, point);
      sum += error * error, largest = std::max(largest, std::abs(error));
    }
  state.counters["rms_error_ns"] = 1e9 * std::sqrt(sum / static_cast<double>(grid.size()));
  state.counters["largest_error_ns"] = 1e9 * largest;
  if (!(largest < 1e-8)) {
    state.SkipWithError("travel times are wrong by more than 10 ns");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(first_arrivals(grid, slowness, rates, source));
}

BENCHMARK(gradient_of_speed)
    ->ArgNames({"spacing_um", "integrals"})
    ->ArgsProduct({{1000, 500, 200, 100}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sonoforge

BENCHMARK_MAIN();
