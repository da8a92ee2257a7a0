#include "core/normal_distribution.hpp"

#include <cmath>
#include <limits>
#include <numbers>

namespace sonoforge {

double normal_probability(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double normal_quantile(double probability) {
  if (!(probability > 0 && probability < 1)) {
    if (probability == 0) return -std::numeric_limits<double>::infinity();
    if (probability == 1) return std::numeric_limits<double>::infinity();
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (probability > 0.5) return -normal_quantile(1 - probability);
  // A first guess within 3e-3 [abramowitz1964, 26.2.22], then Halley's method on the distribution function, whose error
  // is cubed by each step.
  const double t = std::sqrt(-2 * std::log(probability));
  double z = -(t - (2.30753 + 0.27061 * t) / (1 + t * (0.99229 + 0.04481 * t)));
  for (int step = 0; step < 4; ++step) {
    const double density = std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
    if (density == 0) break;
    const double newton = (normal_probability(z) - probability) / density;
    z -= newton / (1 + 0.5 * z * newton);
  }
  return z;
}

}  // namespace sonoforge
