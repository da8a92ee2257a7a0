#include "ai/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <stdexcept>

#include "core/parallel.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

double quantile(std::vector<double> values, double probability) {
  if (values.empty()) return nan;
  std::sort(values.begin(), values.end());
  const double position = static_cast<double>(values.size() - 1) * std::clamp(probability, 0.0, 1.0);
  const auto below = static_cast<std::size_t>(position);
  if (below + 1 >= values.size()) return values.back();
  return values[below] + (position - static_cast<double>(below)) * (values[below + 1] - values[below]);
}

double sample_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return nan;
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double bca_bias_correction(double estimate, const std::vector<double>& bootstrap) {
  double below = 0;
  for (const double value : bootstrap) below += value < estimate ? 1 : value == estimate ? 0.5 : 0;
  const auto n = static_cast<double>(bootstrap.size());
  // With every value on one side the correction would be infinite: count half a sample on the other side.
  return normal_quantile(std::clamp(below / n, 0.5 / n, 1 - 0.5 / n));
}

double bca_acceleration(const std::vector<double>& jackknife) {
  if (jackknife.empty()) return 0;
  const double mean = mean_of(jackknife);
  double squares = 0, cubes = 0;
  for (const double value : jackknife) {
    const double d = mean - value;
    squares += d * d;
    cubes += d * d * d;
  }
  return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

Interval bca_interval(double estimate, const std::vector<double>& bootstrap, const std::vector<double>& jackknife,
                      double level) {
  if (bootstrap.empty() || jackknife.empty()) return {nan, nan};
  const double z0 = bca_bias_correction(estimate, bootstrap), a = bca_acceleration(jackknife);
  auto end = [&](double probability) {
    const double z = z0 + normal_quantile(probability);
    return quantile(bootstrap, normal_probability(z0 + z / (1 - a * z)));  // [efron1987, Eq. 3.9]
  };
  return {end((1 - level) / 2), end((1 + level) / 2)};
}

Estimate clustered_mean(const std::vector<double>& values, const std::vector<std::string>& patients,
                                const RandomStream& random, std::size_t resamples, double level) {
  if (values.size() != patients.size()) throw std::invalid_argument("every case needs its patient");
  struct Cluster {
    double sum = 0, count = 0;
  };
  std::vector<Cluster> clusters;
  std::map<std::string, std::size_t> index;
  Cluster total;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto [found, fresh] = index.emplace(patients[i], clusters.size());
    if (fresh) clusters.emplace_back();
    Cluster& cluster = clusters[found->second];
    cluster.sum += values[i];
    cluster.count += 1;
  }
  for (const Cluster& cluster : clusters) {
    total.sum += cluster.sum;
    total.count += cluster.count;
  }
  Estimate result{total.sum / total.count, {nan, nan}, nan, values.size(), clusters.size()};
  if (clusters.size() < 2 || resamples == 0) return result;

  std::vector<double> bootstrap(resamples), jackknife(clusters.size());
  const std::size_t n = clusters.size();
  parallel_blocks(resamples, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t b = begin; b < end; ++b) {
      Cluster drawn;
      for (std::size_t k = 0; k < n; ++k) {
        const auto which = static_cast<std::size_t>(random.uniform_at(b * n + k) * static_cast<double>(n));
        const Cluster& cluster = clusters[std::min(which, n - 1)];
        drawn.sum += cluster.sum;
        drawn.count += cluster.count;
      }
      bootstrap[b] = drawn.sum / drawn.count;
    }
  });
  for (std::size_t k = 0; k < n; ++k)
    jackknife[k] = (total.sum - clusters[k].sum) / (total.count - clusters[k].count);
  result.standard_error = sample_deviation(bootstrap);
  result.interval = bca_interval(result.value, bootstrap, jackknife, level);
  return result;
}

double standard_error_of(Interval interval) { return (interval.high - interval.low) / (2 * normal_quantile(0.975)); }

Interval wilson_interval(std::size_t successes, std::size_t trials, double level) {
  if (trials == 0) return {0, 1};
  const double n = static_cast<double>(trials), p = static_cast<double>(successes) / n;
  const double z = normal_quantile((1 + level) / 2), z2 = z * z;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = z * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

}  // namespace sonoforge
