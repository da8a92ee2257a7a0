// How long does engine scatterers take, at an error of 1e-3, for the scenes that peers quote: P4-2v and L11-5v, one
// plane wave, scatterers all over the plane (with a spread of +-2 mm in elevation for model physical in three
// dimensions)?
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "core/progress.hpp"
#include "scene.hpp"
#include "sim/scatterer_engine.hpp"

namespace sonoforge {
namespace {

using bench::Region, bench::Scene;
using Model = Exact::Model;
constexpr double accuracy = 1e-3;

double half_elevation(Model model) {
  return model == Model::physical ? 2e-3 : 0;
}
Region whole(const std::string& probe, Model model) {
  return probe == "P4-2v" ? Region{20e-3, 1e-3, 80e-3, half_elevation(model)}
                          : Region{20e-3, 0.5e-3, 40e-3, half_elevation(model)};
}

ScattererEngine engine_of(Model model) {
  ScattererEngine engine;
  engine.model = model;
  engine.dimensions = model == Model::physical ? 3 : 2;
  engine.accuracy = accuracy;
  return engine;
}

double relative_difference(const Acquisition& a, const Acquisition& b) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < b.samples.size(); ++i) {
    const double x = a.samples.flat()[i], y = b.samples.flat()[i];
    error += (x - y) * (x - y), size += y * y;
  }
  return std::sqrt(error / size);
}

/// A thin scene that covers the region and a patch as dense as 2 million scatterers are, against engine exact.
double check(const std::string& probe, Model model) {
  set_quiet(true);
  const ScattererEngine engine = engine_of(model);
  Exact exact;
  exact.model = model;
  exact.dimensions = engine.dimensions;
  exact.accuracy = accuracy / 100;
  double worst = 0;
  const Region patch{2e-3, 28e-3, 31e-3, half_elevation(model)};
  for (const auto& [count, region] : {std::pair{std::size_t{500}, whole(probe, model)}, {std::size_t{4000}, patch}}) {
    const Scene scene(probe, count, region);
    worst = std::max(worst, relative_difference(engine.simulate(scene.input()), exact.simulate(scene.input())));
  }
  if (!(worst <= accuracy)) {
    std::fprintf(stderr, "bench scatterers: %s differs from engine exact by %g\n", probe.c_str(), worst);
    std::exit(1);
  }
  return worst;
}

void scan(benchmark::State& state, const std::string& probe, Model model) {
  static std::map<std::pair<std::string, Model>, double> errors;
  const auto [error, fresh] = errors.try_emplace({probe, model}, 0);
  if (fresh) error->second = check(probe, model);
  const auto count = static_cast<std::size_t>(state.range(0));
  const Scene scene(probe, count, whole(probe, model));
  const ScattererEngine engine = engine_of(model);
  for (auto _ : state) benchmark::DoNotOptimize(engine.simulate(scene.input()));
  state.counters["scatterers/s"] =
      benchmark::Counter(static_cast<double>(count), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["error"] = error->second;
}

void p4_simus(benchmark::State& state) {
  scan(state, "P4-2v", Model::simus);
}
void p4_physical(benchmark::State& state) {
  scan(state, "P4-2v", Model::physical);
}
void l11_simus(benchmark::State& state) {
  scan(state, "L11-5v", Model::simus);
}
void l11_physical(benchmark::State& state) {
  scan(state, "L11-5v", Model::physical);
}
BENCHMARK(p4_simus)->Arg(100'000)->Arg(200'000)->Arg(2'000'000)->Unit(benchmark::kSecond)->UseRealTime();
BENCHMARK(p4_physical)->Arg(100'000)->Arg(200'000)->Arg(2'000'000)->Unit(benchmark::kSecond)->UseRealTime();
BENCHMARK(l11_simus)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kSecond)->UseRealTime();
BENCHMARK(l11_physical)->Arg(100'000)->Unit(benchmark::kSecond)->UseRealTime();

}  // namespace
}  // namespace sonoforge

BENCHMARK_MAIN();
