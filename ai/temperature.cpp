#include "ai/temperature.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {

double cross_entropy_at(const std::vector<std::vector<float>>& logits, const std::vector<std::vector<float>>& truths, std::int64_t channels,
                        double temperature) {
  double sum = 0;
  std::size_t count = 0;
  const auto n = static_cast<std::size_t>(channels);
  for (std::size_t s = 0; s < logits.size(); ++s) {
    const std::size_t pixels = logits[s].size() / n;
    count += pixels;
    for (std::size_t p = 0; p < pixels; ++p) {
      if (n == 1) {
        // log(1 + exp(-z)) of the signed logit, without overflow.
        const double z = (truths[s][p] != 0 ? 1 : -1) * double{logits[s][p]} / temperature;
        sum += std::max(-z, 0.0) + std::log1p(std::exp(-std::abs(z)));
        continue;
      }
      double largest = -1e300, right = 0, total = 0;
      for (std::size_t c = 0; c < n; ++c) largest = std::max(largest, logits[s][c * pixels + p] / temperature);
      for (std::size_t c = 0; c < n; ++c) {
        const double z = logits[s][c * pixels + p] / temperature;
        total += std::exp(z - largest);
        if (truths[s][c * pixels + p] != 0) right = z;
      }
      sum += largest + std::log(total) - right;
    }
  }
  return sum / static_cast<double>(count);
}

double best_temperature(const std::vector<std::vector<float>>& logits, const std::vector<std::vector<float>>& truths, std::int64_t channels) {
  // The cross entropy is convex in 1 / T, so it has one minimum in log T: golden section.
  const auto at = [&](double t) { return cross_entropy_at(logits, truths, channels, std::exp(t)); };
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.05), high = std::log(20.0);
  double a = high - golden * (high - low), b = low + golden * (high - low), fa = at(a), fb = at(b);
  while (high - low > 1e-4) {
    if (fa <= fb) {
      high = b, b = a, fb = fa;
      a = high - golden * (high - low), fa = at(a);
    } else {
      low = a, a = b, fa = fb;
      b = low + golden * (high - low), fb = at(b);
    }
  }
  return std::exp((low + high) / 2);
}

}  // namespace sonoforge
