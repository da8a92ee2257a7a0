#include "ai/hypothesis_tests.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "ai/agreement.hpp"
#include "ai/distributions.hpp"
#include "ai/statistics.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> differences(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw std::invalid_argument("a paired test needs pairs");
  std::vector<double> d(a.size());
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = a[i] - b[i];
  return d;
}

/// Sum of t^3 - t over runs of equal values.
double tie_term(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (std::size_t begin = 0; begin < values.size();) {
    const auto end =
        static_cast<std::size_t>(std::upper_bound(values.begin(), values.end(), values[begin]) - values.begin());
    const double t = static_cast<double>(end - begin);
    sum += t * t * t - t;
    begin = end;
  }
  return sum;
}

/// Probabilities of every sum of ranks where each of n ranks is in or out with probability 1/2.
std::vector<double> signed_rank_distribution(std::size_t n) {
  std::vector<double> probability(n * (n + 1) / 2 + 1, 0);
  probability[0] = 1;
  for (std::size_t rank = 1; rank <= n; ++rank)
    for (std::size_t sum = probability.size(); sum-- > 0;)
      probability[sum] = 0.5 * (probability[sum] + (sum >= rank ? probability[sum - rank] : 0));
  return probability;
}

/// Probabilities of U = 0 ... n * m under the null hypothesis, by adding one value of the second sample at a time
/// [mann1947].
std::vector<double> rank_sum_distribution(std::size_t n, std::size_t m) {
  // counts[k][u]: arrangements of k values of the first sample among j of the second with U = u.
  std::vector<std::vector<double>> counts(n + 1, std::vector<double>(n * m + 1, 0));
  for (auto& row : counts) row[0] = 1;
  for (std::size_t j = 1; j <= m; ++j)
    for (std::size_t k = 1; k <= n; ++k)
      // Either the largest value belongs to the first sample and beats all j, or to the second.
      for (std::size_t u = n * m; u >= j; --u) counts[k][u] += counts[k - 1][u - j];
  auto& result = counts[n];
  const double total = std::accumulate(result.begin(), result.end(), 0.0);
  for (auto& value : result) value /= total;
  return result;
}

double sum_of(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(begin),
                         values.begin() + static_cast<std::ptrdiff_t>(end), 0.0);
}

std::vector<std::size_t> rising_order(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  return order;
}

}  // namespace

TestResult paired_t_test(std::span<const double> a, std::span<const double> b) {
  const auto d = differences(a, b);
  if (d.size() < 2) return {nan, nan};
  const double n = static_cast<double>(d.size()), mean = std::accumulate(d.begin(), d.end(), 0.0) / n;
  double squares = 0;
  for (const double x : d) squares += (x - mean) * (x - mean);
  if (squares == 0)
    return mean == 0 ? TestResult{nan, nan}
                     : TestResult{std::copysign(std::numeric_limits<double>::infinity(), mean), 0};
  const double t = mean / std::sqrt(squares / (n - 1) / n);
  return {t, 2 * student_probability(-std::abs(t), n - 1)};
}

TestResult wilcoxon_test(std::span<const double> a, std::span<const double> b) {
  auto d = differences(a, b);
  const std::size_t pairs = d.size();
  std::erase(d, 0.0);
  if (d.empty()) return {nan, nan};
  std::vector<double> size;
  for (const double x : d) size.push_back(std::abs(x));
  const auto ranks = mid_ranks(size);
  double plus = 0, minus = 0;
  for (std::size_t i = 0; i < d.size(); ++i) (d[i] > 0 ? plus : minus) += ranks[i];
  const double statistic = std::min(plus, minus), n = static_cast<double>(d.size()), ties = tie_term(size);
  if (pairs <= 50 && d.size() == pairs && ties == 0) {
    const auto distribution = signed_rank_distribution(d.size());
    return {statistic, std::min(1.0, 2 * sum_of(distribution, 0, static_cast<std::size_t>(statistic) + 1))};
  }
  const double mean = n * (n + 1) / 4, variance = (n * (n + 1) * (2 * n + 1) - 0.5 * ties) / 24;
  return {statistic, 2 * normal_probability(-std::abs(statistic - mean) / std::sqrt(variance))};
}

TestResult mann_whitney_test(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) return {nan, nan};
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  const auto ranks = mid_ranks(all);
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size()), total = n + m;
  const double first = sum_of(ranks, 0, a.size()) - n * (n + 1) / 2, larger = std::max(first, n * m - first);
  const double ties = tie_term(all);
  if (std::min(a.size(), b.size()) <= 8 && std::max(a.size(), b.size()) <= 5000 && ties == 0) {
    const auto distribution = rank_sum_distribution(std::min(a.size(), b.size()), std::max(a.size(), b.size()));
    return {first, std::min(1.0, 2 * sum_of(distribution, static_cast<std::size_t>(larger), distribution.size()))};
  }
  const double deviation = std::sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))));
  if (deviation == 0) return {first, nan};
  return {first, std::min(1.0, 2 * normal_probability(-(larger - n * m / 2 - 0.5) / deviation))};
}

double mcnemar_p_value(std::size_t only_first, std::size_t only_second) {
  const std::size_t fewer = std::min(only_first, only_second);
  return std::min(1.0, 2 * binomial_probability(fewer, only_first + only_second, 0.5));
}

std::vector<double> holm_adjusted(std::span<const double> p_values) {
  const auto order = rising_order(p_values);
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, std::min(1.0, p_values[order[k]] * static_cast<double>(order.size() - k)));
    adjusted[order[k]] = largest;
  }
  return adjusted;
}

std::vector<double> benjamini_hochberg_adjusted(std::span<const double> p_values) {
  const auto order = rising_order(p_values);
  std::vector<double> adjusted(p_values.size());
  double smallest = 1;
  for (std::size_t k = order.size(); k-- > 0;) {
    smallest = std::min(smallest, p_values[order[k]] * static_cast<double>(order.size()) / static_cast<double>(k + 1));
    adjusted[order[k]] = smallest;
  }
  return adjusted;
}

double detectable_difference(double standard_error, double power, double alpha) {
  return (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * standard_error;
}

double power_of_test(double difference, double standard_error, double alpha) {
  if (!(standard_error > 0)) return nan;
  const double z = normal_quantile(1 - alpha / 2), shift = std::abs(difference) / standard_error;
  return normal_probability(shift - z) + normal_probability(-shift - z);
}

double planned_area_error(double area, std::size_t diseased, std::size_t healthy) {
  const double one = area / (2 - area), two = 2 * area * area / (1 + area), square = area * area;
  const auto d = static_cast<double>(diseased), h = static_cast<double>(healthy);
  return std::sqrt((area * (1 - area) + (d - 1) * (one - square) + (h - 1) * (two - square)) / (d * h));
}

double patients_for_standard_error(double reached, std::size_t patients, double wanted) {
  return std::ceil(static_cast<double>(patients) * (reached / wanted) * (reached / wanted));
}

}  // namespace sonoforge
