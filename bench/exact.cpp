// How long does the exact engine take for the L11-5v, 128 elements, 40 x 40 mm, one plane wave, sampled at 4 fc?
#include "sim/exact.hpp"

#include <benchmark/benchmark.h>

#include <cmath>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <numbers>

#include "core/progress.hpp"
#include "scene.hpp"
#include "sim/simus_model.hpp"

namespace sonoforge {
namespace {

bench::Scene scene_of(std::size_t scatterers) {
  return {"L11-5v", scatterers, {20e-3, 0.5e-3, 40e-3, 0}};
}

/// The echo of one element at one frequency by the formula itself, term by term, against that in the samples.
void check_simus() {
  const bench::Scene scene = scene_of(50);
  const auto echoes = simus_echoes(scene.input(), {.dimensions = 2}, 0);
  const double c = scene.phantom.background.sound_speed, fc = scene.probe.frequency;
  const double width = scene.probe.elements[0].width, part = width / 2, duration = 1 / fc;
  double worst = 0;
  for (const std::size_t element : {0, 77}) {
    for (const std::size_t bin : {echoes.frequencies / 4, echoes.frequencies / 2, echoes.frequencies * 5 / 8}) {
      const double f = echoes.frequency_step * static_cast<double>(bin), k = 2 * std::numbers::pi * f / c;
      const auto green = [&](Vec3 x, std::size_t e) {
        std::complex<double> sum = 0;
        for (const double shift : {-part / 2, part / 2}) {
          const double dx = x.x - scene.probe.elements[e].position.x - shift, r = std::hypot(dx, x.z);
          const double argument = 2 * std::numbers::pi * fc / c * part / 2 * dx / r;
          const double sinc = argument == 0 ? 1 : std::sin(argument) / argument;
          sum += std::polar(x.z / r * sinc / std::sqrt(std::max(r, c / fc / 2)) / 2, k * r);
        }
        return sum;
      };
      std::complex<double> total = 0;
      for (std::size_t s = 0; s < scene.phantom.scatterers.size(); ++s) {
        std::complex<double> pressure = 0;
        for (std::size_t e = 0; e < scene.probe.size(); ++e)
          pressure += green(scene.phantom.scatterers.positions[s], e);
        total +=
            scene.phantom.scatterers.amplitudes[s] * pressure * green(scene.phantom.scatterers.positions[s], element);
      }
      const std::complex<double> drive = std::conj(scene.pulse->spectrum(f, 0)) * (2 / duration);
      total *= drive * scene.probe.two_way_response(f) * echoes.frequency_step * width;
      // The first half of the period holds all echoes: its transform at this frequency is the spectrum.
      std::complex<double> measured = 0;
      for (std::size_t n = 0; n < echoes.samples.extent(1); ++n)
        measured += echoes.samples(element, n) *
                    std::polar(1.0, 2 * std::numbers::pi * f * static_cast<double>(n) / echoes.effective_sampling_rate);
      worst = std::max(worst, std::abs(measured - total) / std::abs(total));
    }
  }
  if (!(worst < 1e-3)) {
    std::fprintf(stderr, "bench exact: model simus differs from its formula by %g\n", worst);
    std::exit(1);
  }
}

void simus(benchmark::State& state) {
  static const bool checked = (check_simus(), true);
  (void)checked;
  set_quiet(true);
  const bench::Scene scene = scene_of(static_cast<std::size_t>(state.range(0)));
  Exact engine;
  engine.model = Exact::Model::simus;
  engine.dimensions = state.range(1);
  for (auto _ : state) benchmark::DoNotOptimize(engine.simulate(scene.input()));
  state.counters["scatterers/s"] =
      benchmark::Counter(static_cast<double>(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(simus)->Args({1000, 2})->Args({10000, 2})->Args({10000, 3})->Unit(benchmark::kSecond)->UseRealTime();

void physical(benchmark::State& state) {
  set_quiet(true);
  const bench::Scene scene = scene_of(static_cast<std::size_t>(state.range(0)));
  Exact engine;
  engine.dimensions = state.range(1);
  for (auto _ : state) benchmark::DoNotOptimize(engine.simulate(scene.input()));
  state.counters["scatterers/s"] =
      benchmark::Counter(static_cast<double>(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(physical)->Args({1000, 3})->Args({10000, 3})->Unit(benchmark::kSecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace sonoforge

BENCHMARK_MAIN();
