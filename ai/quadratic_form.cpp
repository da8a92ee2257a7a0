#include "ai/quadratic_form.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace sonoforge {

double positive_probability(const std::vector<double>& weights) {
  double largest = 0, mean = 0, variance = 0;
  for (const double a : weights) {
    if (!std::isfinite(a)) throw std::invalid_argument("positive_probability: a weight is not finite");
    largest = std::max(largest, std::abs(a));
    mean += a;
    variance += 2 * a * a;
  }
  if (largest == 0) return 0.5;
  bool positive = false, negative = false;
  for (const double a : weights) (a > 0 ? positive : negative) |= a != 0;
  if (!positive || !negative) return positive ? 1 : 0;
  // The rule takes the sum for periodic: with this step, values beyond half a period have a probability below 1e-12. A
  // weight's tail falls as exp(-q / 2a), the sum of many as a normal one.
  const double reach = std::abs(mean) + 9 * std::sqrt(variance) + 60 * largest;
  const double step = std::numbers::pi / reach;
  constexpr std::size_t most_terms = 400'000;
  constexpr double negligible = 1e-9;
  double sum = 0;
  for (std::size_t k = 0; k < most_terms; ++k) {
    const double u = (static_cast<double>(k) + 0.5) * step;
    double phase = 0, logarithm = 0;
    for (const double a : weights) {
      phase += 0.5 * std::atan(2 * a * u);
      logarithm += 0.25 * std::log1p(4 * a * a * u * u);
    }
    const double size = std::exp(-logarithm) / (std::numbers::pi * (static_cast<double>(k) + 0.5));
    sum += std::sin(phase) * size;
    if (size * static_cast<double>(k + 1) < negligible) break;
  }
  return std::clamp(0.5 + sum, 0.0, 1.0);
}

}  // namespace sonoforge
