#include "ai/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <stdexcept>

#include "ai/distributions.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_left_out = 500;

/// The statistic with one block of patients left out at a time.
std::vector<double> jackknife(const Statistic& statistic, const PatientClusters& clusters) {
  const std::size_t n = clusters.size(), blocks = std::min(n, most_left_out);
  std::vector<double> values(blocks);
  parallel_for(blocks, [&](std::size_t block) {
    std::vector<std::size_t> kept;
    for (std::size_t p = 0; p < n; ++p)
      if (p * blocks / n != block) kept.insert(kept.end(), clusters.cases(p).begin(), clusters.cases(p).end());
    values[block] = statistic(kept);
  });
  return values;
}

std::vector<double> resampled(const Statistic& statistic, const PatientClusters& clusters, const RandomStream& random,
                              std::size_t resamples) {
  const std::size_t n = clusters.size();
  std::vector<double> values(resamples);
  parallel_blocks(resamples, 16, [&](std::size_t begin, std::size_t end) {
    std::vector<std::size_t> drawn;
    for (std::size_t b = begin; b < end; ++b) {
      drawn.clear();
      for (std::size_t k = 0; k < n; ++k) {
        const auto which = static_cast<std::size_t>(random.uniform_at(b * n + k) * static_cast<double>(n));
        const auto& cases = clusters.cases(std::min(which, n - 1));
        drawn.insert(drawn.end(), cases.begin(), cases.end());
      }
      values[b] = statistic(drawn);
    }
  });
  return values;
}

}  // namespace

PatientClusters::PatientClusters(const std::vector<std::string>& patients) : count_(patients.size()) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < patients.size(); ++i) {
    const auto [found, fresh] = index.emplace(patients[i], cases_.size());
    if (fresh) cases_.emplace_back();
    cases_[found->second].push_back(i);
  }
}

Estimate bootstrap(const Statistic& statistic, const PatientClusters& clusters, const RandomStream& random,
                   std::size_t resamples, double level) {
  std::vector<std::size_t> all(clusters.case_count());
  std::iota(all.begin(), all.end(), std::size_t{0});
  Estimate result{statistic(all), {nan, nan}, nan, all.size(), clusters.size()};
  if (std::isnan(result.value) || clusters.size() < 2 || resamples == 0) return result;
  auto values = resampled(statistic, clusters, random, resamples);
  auto left_out = jackknife(statistic, clusters);
  std::erase_if(values, [](double v) { return std::isnan(v); });
  std::erase_if(left_out, [](double v) { return std::isnan(v); });
  if (values.size() < 2 || 20 * values.size() < 19 * resamples) return result;
  result.standard_error = sample_deviation(values);
  result.interval = bca_interval(result.value, values, left_out, level);
  return result;
}

Interval median_interval(std::vector<double> values, double level) {
  const std::size_t n = values.size();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::sort(values.begin(), values.end());
  // The median lies between the k-th smallest and k-th largest unless fewer than k values fall on one side of it.
  std::size_t k = 0;
  while (2 * (k + 1) <= n && 2 * binomial_probability(k, n, 0.5) <= 1 - level) ++k;
  if (k == 0) return {-infinity, infinity};
  return {values[k - 1], values[n - k]};
}

Estimate robust_mean(const std::vector<double>& values, const PatientClusters& clusters, double level) {
  if (values.size() != clusters.case_count()) throw std::invalid_argument("every case needs its patient");
  Estimate result{nan, {nan, nan}, nan, values.size(), clusters.size()};
  if (values.empty()) return result;
  const double n = static_cast<double>(values.size()), patients = static_cast<double>(clusters.size());
  result.value = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (clusters.size() < 2) return result;
  double squares = 0;
  for (std::size_t p = 0; p < clusters.size(); ++p) {
    double residual = 0;
    for (const auto i : clusters.cases(p)) residual += values[i] - result.value;
    squares += residual * residual;
  }
  result.standard_error = std::sqrt(squares * patients / (patients - 1)) / n;
  const double half = student_quantile((1 + level) / 2, patients - 1) * result.standard_error;
  result.interval = {result.value - half, result.value + half};
  return result;
}

}  // namespace sonoforge
