#pragma once
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "core/random.hpp"
#include "sim/scatterer_engine.hpp"

// Engine scatterers against engine exact.

namespace sonoforge::against_exact {

struct Setting {
  Phantom phantom;
  Probe probe;
  std::shared_ptr<const Pulse> pulse;
  Sequence sequence;
  ReceiveConfig receive;
  ScattererEngine engine;
  std::string what;

  SimulationInput input() const { return {phantom, probe, *pulse, sequence, receive}; }
};

/// |a - b| / |b| of two records.
inline double relative_difference(const Acquisition& a, const Acquisition& b) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < b.samples.size(); ++i) {
    const double x = a.samples.flat()[i], y = b.samples.flat()[i];
    error += (x - y) * (x - y), size += y * y;
  }
  return size > 0 ? std::sqrt(error / size) : (error > 0 ? std::numeric_limits<double>::infinity() : 0.0);
}

inline double difference_from_exact(const Setting& setting) {
  Exact exact;
  exact.dimensions = setting.engine.dimensions;
  exact.model = setting.engine.model;
  exact.dispersion = setting.engine.dispersion;
  exact.full_frequency_directivity = setting.engine.full_frequency_directivity;
  exact.accuracy = 0.01 * setting.engine.accuracy;
  return relative_difference(setting.engine.simulate(setting.input()), exact.simulate(setting.input()));
}

/// Draws one thing after another from a stream, so that a set-up depends on its number alone.
class Draw {
 public:
  explicit Draw(std::uint64_t number) : random_(7, number, "set-up") {}
  double between(double low, double high) { return random_.uniform(low, high); }
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.integer_below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool chance(double probability) { return random_.uniform() < probability; }
  double normal() { return random_.normal(); }

 private:
  RandomStream random_;
};

}  // namespace sonoforge::against_exact
