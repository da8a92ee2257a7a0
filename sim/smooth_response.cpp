#include "sim/smooth_response.hpp"

#include <cmath>
#include <numbers>
#include <unordered_map>

#include "sim/lanes.hpp"

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
  // Behind the last, what has no weight.
  const std::size_t padded = (count + Vector<float>::lanes - 1) / Vector<float>::lanes * Vector<float>::lanes;
  float_points.assign(points.begin(), points.end()), float_weights.assign(weights.begin(), weights.end());
  float_points.resize(padded, 9), float_weights.resize(padded, 0);
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

void chebyshev_weights(std::size_t count, double x, double* weights) {
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
    weights[i] = barycentric[i] / difference;
    sum += weights[i];
  }
  const double inverse = 1 / sum;
  for (std::size_t i = 0; i < count; ++i) weights[i] *= inverse;
}

void chebyshev_weights(std::size_t count, double x, float* weights) {
  constexpr std::size_t lanes = Vector<float>::lanes;
  // A place this near to a point has that point's weight 1 to within the digits of a float.
  constexpr float nearest = 1e-9F;
  const ChebyshevRule& rule = chebyshev_rule(count);
  const V<float> place = static_cast<float>(x) - V<float>{};
  V<float> sums{};
  for (std::size_t i = 0; i < count; i += lanes) {
    V<float> difference = place - load(rule.float_points.data() + i);
    const V<float> magnitude = difference < 0 ? -difference : difference;
    difference = magnitude < nearest ? V<float>{} + nearest : difference;
    const V<float> weight = load(rule.float_weights.data() + i) / difference;
    store(weights + i, weight);
    sums += weight;
  }
  float sum = 0;
  for (std::size_t l = 0; l < lanes; ++l) sum += sums[l];
  const float inverse = 1 / sum;
  for (std::size_t i = 0; i < count; i += lanes) store(weights + i, load(weights + i) * inverse);
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
