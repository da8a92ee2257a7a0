#include "sim/mechanical_index.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sonoforge {

double derating(double depth, double frequency) {
  return std::pow(10.0, -0.3 * std::max(depth, 0.0) * 100 * frequency / 1e6 / 20);
}

MechanicalIndex mechanical_index(const Engine& engine, const SimulationInput& input, std::span<const Vec3> points,
                                 std::size_t transmit) {
  MechanicalIndex index;
  if (points.empty()) return index;
  Phantom water = input.phantom.with({});
  water.background.attenuation = {};
  const SimulationInput free_field{water, input.probe, input.pulse, input.sequence, input.receive};
  const double frequency = input.pulse.frequency();
  FieldRequest request;
  request.points.assign(points.begin(), points.end());
  const auto peaks = engine.field(free_field, request, transmit, Engine::FieldOutput::maps).peak;

  // Where the derated magnitude is nearly largest: rarefaction is not above magnitude, and waveforms of all points
  // would be many.
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto level = [&](std::size_t i) { return peaks[i] * derating(points[i].z, frequency); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return level(a) > level(b); });
  constexpr std::size_t together = 64;
  request.sampling_rate = 32 * std::max(frequency, input.probe.frequency);
  for (std::size_t begin = 0; begin < order.size() && level(order[begin]) > index.pressure; begin += together) {
    const std::size_t end = std::min(begin + together, order.size());
    request.points.clear();
    for (std::size_t i = begin; i < end; ++i) request.points.push_back(points[order[i]]);
    const FieldResult waves = engine.field(free_field, request, transmit, Engine::FieldOutput::waveforms);
    for (std::size_t i = 0; i < request.points.size(); ++i) {
      double lowest = 0;
      for (std::size_t n = 0; n < waves.waveforms.extent(1); ++n)
        lowest = std::min(lowest, static_cast<double>(waves.waveforms(i, n)));
      const double pressure = -lowest * derating(request.points[i].z, frequency);
      if (pressure > index.pressure) index.pressure = pressure, index.place = request.points[i];
    }
  }
  index.value = index.pressure / 1e6 / std::sqrt(frequency / 1e6);
  return index;
}

}  // namespace sonoforge
