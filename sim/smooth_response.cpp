#include "sim/smooth_response.hpp"

#include <cmath>
#include <numbers>
#include <unordered_map>

namespace sonoforge {

namespace {

constexpr double pi = std::numbers::pi;
constexpr std::size_t tabulated = 64;

}  // namespace

ChebyshevRule::ChebyshevRule(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const double turn = pi * (2 * static_cast<double>(i) + 1) / (2 * static_cast<double>(count));
    points.push_back(-std::cos(turn));
    weights.push_back((i % 2 ? -1 : 1) * std::sin(turn));
  }
}

const ChebyshevRule& chebyshev_rule(std::size_t count) {
  static const std::vector<ChebyshevRule> rules = [] {
    std::vector<ChebyshevRule> made;
    for (std::size_t n = 0; n <= tabulated; ++n) made.emplace_back(n);
    return made;
  }();
  if (count <= tabulated) return rules[count];
  thread_local std::unordered_map<std::size_t, ChebyshevRule> large;
  return large.try_emplace(count, count).first->second;
}

double chebyshev_point(std::size_t count, std::size_t i) {
  return chebyshev_rule(count).points[i];
}

namespace {

template <class T>
void interpolation_weights(std::size_t count, double x, T* weights) {
  const ChebyshevRule& rule = chebyshev_rule(count);
  const double* const points = rule.points.data();
  const double* const barycentric = rule.weights.data();
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double difference = x - points[i];
    if (std::abs(difference) < 1e-15) {
      for (std::size_t j = 0; j < count; ++j) weights[j] = j == i ? 1 : 0;
      return;
    }
    const double weight = barycentric[i] / difference;
    weights[i] = static_cast<T>(weight);
    sum += weight;
  }
  const T inverse = static_cast<T>(1 / sum);
  for (std::size_t i = 0; i < count; ++i) weights[i] *= inverse;
}

}  // namespace

void chebyshev_weights(std::size_t count, double x, double* weights) {
  interpolation_weights(count, x, weights);
}

void chebyshev_weights(std::size_t count, double x, float* weights) {
  interpolation_weights(count, x, weights);
}

FrequencyNodes frequency_nodes(double low, double high, std::size_t count, const WaveLaw& law) {
  FrequencyNodes nodes;
  for (std::size_t i = 0; i < count; ++i) {
    const double f = (low + high) / 2 + (high - low) / 2 * chebyshev_point(count, i);
    nodes.frequency.push_back(f);
    nodes.wavenumber.push_back(law.wavenumber(f));
    nodes.attenuation.push_back(law.attenuation(f));
  }
  return nodes;
}

}  // namespace sonoforge
