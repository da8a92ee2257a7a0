// How long does delay and sum take on 63,001 pixels x 128 elements x 32 frames of IQ data, linear interpolation, F 1.0?
// The yardstick of the mach beamformer's benchmark; with SONOFORGE_REFERENCE set on its very data, the rotating disk.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numbers>

#include "core/parallel.hpp"
#include "core/random.hpp"
#include "io/mat.hpp"
#include "recon/das_kernel.hpp"
#include "recon/iq.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t elements = 128, samples = 334, frames = 32;
constexpr double fs = 20e6 / 3, fc = 5e6, speed = 1480, start = 9.95e-6, pitch = 0.298e-3, f_number = 1;

struct Scene {
  Probe probe;
  std::vector<std::vector<std::complex<float>>> records;  ///< [frame * elements + element]
  FrameInterleaved<float> data{1, elements, samples, frames};
  DelayAndSumGeometry geometry;
  std::vector<Vec3> points;
};

std::unique_ptr<Scene> make_scene() {
  auto made = std::make_unique<Scene>();
  Scene& s = *made;
  std::vector<double> rf;
  if (const char* folder = std::getenv("SONOFORGE_REFERENCE"))
    rf = read_mat(std::filesystem::path(folder) / "third_party/PWI_disk.mat").at("RF").values;
  if (rf.size() != frames * elements * samples) {
    std::fputs("SONOFORGE_REFERENCE is not set: noise in place of the rotating disk\n", stderr);
    const RandomStream random(1, 0, "bench");
    rf.resize(frames * elements * samples);
    for (std::size_t i = 0; i < rf.size(); ++i) rf[i] = random.normal_pair_at(i)[0];
  }
  s.probe.elements.resize(elements);
  for (std::size_t m = 0; m < elements; ++m)
    s.probe.elements[m].position.x = (static_cast<double>(m) - (elements - 1) / 2.0) * pitch;
  const Demodulator<float> demodulate({.sampling_rate = fs, .frequency = fc}, samples);
  for (std::size_t f = 0; f < frames; ++f)
    for (std::size_t m = 0; m < elements; ++m) {
      std::vector<float> record(samples);
      for (std::size_t n = 0; n < samples; ++n) record[n] = static_cast<float>(rf[(f * elements + m) * samples + n]);
      std::vector<std::complex<float>> iq(samples);
      demodulate(record, iq);
      s.data.set(0, m, f, iq);
      s.records.push_back(std::move(iq));
    }
  s.geometry.probe = &s.probe;
  Transmit plane;
  plane.laws.push_back({std::vector<double>(elements, 0.0), std::vector<double>(elements, 1.0)});
  s.geometry.arrivals.emplace_back(plane, s.probe, speed, TransmitDelay::virtual_source);
  s.geometry.start = {start};
  s.geometry.sampling_rate = fs;
  s.geometry.rotation_frequency = fc;
  s.geometry.sound_speed = speed;
  s.geometry.f_number = f_number;
  for (int iz = 0; iz < 251; ++iz)
    for (int ix = 0; ix < 251; ++ix) s.points.push_back({-12.5e-3 + 0.1e-3 * ix, 0, 10e-3 + 0.1e-3 * iz});
  return made;
}

/// The same sum written down plainly in double, for one pixel and frame; `term_sum` is the sum of magnitudes.
std::complex<double> plain_sum(const Scene& s, std::size_t pixel, std::size_t frame, double& term_sum) {
  const Vec3 x = s.points[pixel];
  std::complex<double> sum = 0;
  for (std::size_t m = 0; m < elements; ++m) {
    const double dx = x.x - s.probe.elements[m].position.x;
    if (std::abs(dx) * 2 * f_number > x.z) continue;
    const double t = (x.z + std::hypot(dx, x.z)) / speed - start, index = t * fs;
    const auto k = static_cast<std::ptrdiff_t>(std::floor(index));
    if (k < 0 || index > samples - 2) continue;
    const auto& r = s.records[frame * elements + m];
    const double u = index - static_cast<double>(k);
    const auto i = static_cast<std::size_t>(k);
    const std::complex<double> value = (1 - u) * std::complex<double>(r[i]) + u * std::complex<double>(r[i + 1]);
    sum += value * std::polar(1.0, 2 * std::numbers::pi * fc * t);
    term_sum += std::abs(value);
  }
  return sum;
}

void rotating_disk(benchmark::State& state) {
  static const std::unique_ptr<Scene> made = make_scene();
  const Scene& scene = *made;
  set_thread_count(static_cast<int>(state.range(0)));
  std::vector<std::complex<float>> image(scene.points.size() * frames);
  delay_and_sum<float>(scene.data, scene.geometry, scene.points, image);
  double worst = 0;
  for (std::size_t pixel = 0; pixel < scene.points.size(); pixel += 97)
    for (std::size_t frame : {0u, 13u, 31u}) {
      double terms = 0;
      const auto expected = plain_sum(scene, pixel, frame, terms);
      const auto got = std::complex<double>(image[pixel * frames + frame]);
      if (terms > 0) worst = std::max(worst, std::abs(got - expected) / terms);
    }
  if (!(worst < 2e-6)) {
    state.SkipWithError(("wrong answer: off by " + std::to_string(worst) + " of the sum of magnitudes").c_str());
    return;
  }
  for (auto _ : state) delay_and_sum<float>(scene.data, scene.geometry, scene.points, image);
  state.counters["error"] = worst;
  state.counters["pixels x frames / s"] = benchmark::Counter(static_cast<double>(scene.points.size() * frames),
                                                             benchmark::Counter::kIsIterationInvariantRate);
  set_thread_count(0);
}
/// One frame of 75 plane waves on 256 x 256 pixels with f-number 1.75, as PICMUS compounds them; noise for data, since
/// only the time is of interest here: the answer of the same code is checked above.
void compounded_frame(benchmark::State& state) {
  static constexpr std::size_t waves = 75, length = 1300;
  constexpr double rate = 20.832e6;
  static const auto data = [] {
    auto made = std::make_unique<FrameInterleaved<float>>(waves, elements, length, 1);
    const RandomStream random(2, 0, "bench");
    std::vector<std::complex<float>> record(length);
    for (std::size_t i = 0; i < waves * elements; ++i) {
      for (std::size_t n = 0; n < length; ++n) {
        const auto pair = random.normal_pair_at(i * length + n);
        record[n] = {static_cast<float>(pair[0]), static_cast<float>(pair[1])};
      }
      made->set(i / elements, i % elements, 0, record);
    }
    return made;
  }();
  set_thread_count(static_cast<int>(state.range(0)));
  Probe probe;
  probe.elements.resize(elements);
  for (std::size_t m = 0; m < elements; ++m)
    probe.elements[m].position.x = (static_cast<double>(m) - (elements - 1) / 2.0) * 0.3e-3;
  DelayAndSumGeometry geometry;
  geometry.probe = &probe;
  for (std::size_t k = 0; k < waves; ++k) {
    const double angle = (static_cast<double>(k) / (waves - 1) - 0.5) * 32 * std::numbers::pi / 180;
    Transmit plane;
    plane.direction = {std::sin(angle), 0, std::cos(angle)};
    plane.laws.push_back({std::vector<double>(elements, 0.0), std::vector<double>(elements, 1.0)});
    geometry.arrivals.emplace_back(plane, probe, 1540, TransmitDelay::virtual_source);
    geometry.start.push_back(0);
  }
  geometry.sampling_rate = rate;
  geometry.rotation_frequency = 5.208e6;
  geometry.f_number = 1.75;
  geometry.window = Window::tukey25;
  std::vector<Vec3> points;
  for (int iz = 0; iz < 256; ++iz)
    for (int ix = 0; ix < 256; ++ix) points.push_back({-18e-3 + 36e-3 * ix / 255, 0, 10e-3 + 36e-3 * iz / 255});
  std::vector<std::complex<float>> image(points.size());
  for (auto _ : state) delay_and_sum<float>(*data, geometry, points, image);
  state.counters["pixels x waves / s"] =
      benchmark::Counter(static_cast<double>(points.size() * waves), benchmark::Counter::kIsIterationInvariantRate);
  set_thread_count(0);
}
BENCHMARK(compounded_frame)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

BENCHMARK(rotating_disk)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace sonoforge

BENCHMARK_MAIN();
