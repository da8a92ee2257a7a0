#include "sim/smooth_response.hpp"

#include <cmath>
#include <numbers>

namespace sonoforge {

constexpr double pi = std::numbers::pi;

double chebyshev_point(std::size_t count, std::size_t i) {
  return -std::cos(pi * (2 * static_cast<double>(i) + 1) / (2 * static_cast<double>(count)));
}

void chebyshev_weights(std::size_t count, double x, double* weights) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double difference = x - chebyshev_point(count, i);
    if (std::abs(difference) < 1e-15) {
      for (std::size_t j = 0; j < count; ++j) weights[j] = j == i ? 1 : 0;
      return;
    }
    const double turn = pi * (2 * static_cast<double>(i) + 1) / (2 * static_cast<double>(count));
    weights[i] = (i % 2 ? -1 : 1) * std::sin(turn) / difference;
    sum += weights[i];
  }
  for (std::size_t i = 0; i < count; ++i) weights[i] /= sum;
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
