#include "ai/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "ai/distributions.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void check(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size()) throw std::invalid_argument("two measurements of the same cases have as many values");
}

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Sum of (a - mean a)(b - mean b).
double product_sum(std::span<const double> a, std::span<const double> b) {
  const double mean_a = mean_of(a), mean_b = mean_of(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum;
}

template <class Loss>
double mean_loss(std::span<const double> a, std::span<const double> b, Loss&& loss) {
  check(a, b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += loss(a[i], b[i]);
  return a.empty() ? nan : sum / static_cast<double>(a.size());
}

Interval around(double centre, double half) {
  return {centre - half, centre + half};
}

/// Pairs out of order and the like by merge sort: exchanges that sort `values`.
std::uint64_t exchanges(std::vector<double>& values, std::vector<double>& space, std::size_t begin, std::size_t end) {
  if (end - begin < 2) return 0;
  const std::size_t middle = begin + (end - begin) / 2;
  std::uint64_t count = exchanges(values, space, begin, middle) + exchanges(values, space, middle, end);
  for (std::size_t i = begin, j = middle, k = begin; k < end; ++k) {
    const bool from_right = i == middle || (j < end && values[j] < values[i]);
    if (from_right && i < middle) count += middle - i;
    space[k] = from_right ? values[j++] : values[i++];
  }
  std::copy(space.begin() + static_cast<std::ptrdiff_t>(begin), space.begin() + static_cast<std::ptrdiff_t>(end),
            values.begin() + static_cast<std::ptrdiff_t>(begin));
  return count;
}

/// Pairs of equal neighbours in a sorted sequence: sum of t (t - 1) / 2 over runs.
template <class Equal>
double tied_pairs(std::size_t n, Equal&& same_as_previous) {
  double pairs = 0, run = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    if (i < n && same_as_previous(i)) {
      ++run;
      continue;
    }
    pairs += run * (run - 1) / 2;
    run = 1;
  }
  return pairs;
}

}  // namespace

BlandAltman bland_altman(std::span<const double> a, std::span<const double> b, double level) {
  check(a, b);
  std::vector<double> d(a.size());
  for (std::size_t i = 0; i < d.size(); ++i) d[i] = a[i] - b[i];
  BlandAltman result;
  const double n = static_cast<double>(d.size());
  result.bias = mean_of(d);
  if (d.size() < 2) {
    result.deviation = nan;
    result.bias_interval = result.limits = result.lower_interval = result.upper_interval = {nan, nan};
    return result;
  }
  constexpr double limit = 1.96;
  result.deviation = std::sqrt(product_sum(d, d) / (n - 1));
  result.limits = around(result.bias, limit * result.deviation);
  const double t = student_quantile((1 + level) / 2, n - 1);
  result.bias_interval = around(result.bias, t * result.deviation / std::sqrt(n));
  const double half = t * result.deviation * std::sqrt(1 / n + limit * limit / (2 * (n - 1)));
  result.lower_interval = around(result.limits.low, half);
  result.upper_interval = around(result.limits.high, half);
  return result;
}

double mean_absolute_error(std::span<const double> a, std::span<const double> b) {
  return mean_loss(a, b, [](double x, double y) { return std::abs(x - y); });
}
double root_mean_square_error(std::span<const double> a, std::span<const double> b) {
  return std::sqrt(mean_loss(a, b, [](double x, double y) { return (x - y) * (x - y); }));
}
double mean_absolute_percentage_error(std::span<const double> truth, std::span<const double> found) {
  return mean_loss(truth, found, [](double x, double y) { return std::abs(x - y) / std::abs(x); });
}

double coefficient_of_determination(std::span<const double> truth, std::span<const double> found) {
  const double residual = mean_loss(truth, found, [](double x, double y) { return (x - y) * (x - y); });
  const double total = product_sum(truth, truth);
  return total > 0 ? 1 - residual * static_cast<double>(truth.size()) / total : nan;
}

double pearson_correlation(std::span<const double> a, std::span<const double> b) {
  check(a, b);
  const double scale = std::sqrt(product_sum(a, a)) * std::sqrt(product_sum(b, b));
  return scale > 0 ? std::clamp(product_sum(a, b) / scale, -1.0, 1.0) : nan;
}

std::vector<double> mid_ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (std::size_t k = begin; k < end; ++k) ranks[order[k]] = 0.5 * static_cast<double>(begin + 1 + end);
    begin = end;
  }
  return ranks;
}

double spearman_correlation(std::span<const double> a, std::span<const double> b) {
  check(a, b);
  return pearson_correlation(mid_ranks(a), mid_ranks(b));
}

double kendall_correlation(std::span<const double> a, std::span<const double> b) {
  check(a, b);  // [knight1966]: sort by a (then b); the exchanges that sorting by b takes are the discordant pairs
  const std::size_t n = a.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return a[i] < a[j] || (a[i] == a[j] && b[i] < b[j]); });
  const auto same_a = [&](std::size_t k) { return a[order[k]] == a[order[k - 1]]; };
  const double ties_a = tied_pairs(n, same_a);
  const double ties_both = tied_pairs(n, [&](std::size_t k) { return same_a(k) && b[order[k]] == b[order[k - 1]]; });
  std::vector<double> values(n), space(n);
  for (std::size_t k = 0; k < n; ++k) values[k] = b[order[k]];
  const double discordant = static_cast<double>(exchanges(values, space, 0, n));
  const double ties_b = tied_pairs(n, [&](std::size_t k) { return values[k] == values[k - 1]; });
  const double pairs = 0.5 * static_cast<double>(n) * (static_cast<double>(n) - 1);
  const double scale = std::sqrt(pairs - ties_a) * std::sqrt(pairs - ties_b);
  return scale > 0 ? (pairs - ties_a - ties_b + ties_both - 2 * discordant) / scale : nan;
}

double concordance_correlation(std::span<const double> a, std::span<const double> b) {
  check(a, b);
  const double n = static_cast<double>(a.size()), shift = mean_of(a) - mean_of(b);
  const double scale = (product_sum(a, a) + product_sum(b, b)) / n + shift * shift;
  return scale > 0 ? 2 * product_sum(a, b) / n / scale : nan;
}

IntraclassCorrelation intraclass_correlation(std::span<const double> a, std::span<const double> b) {
  check(a, b);
  constexpr double raters = 2;
  const double n = static_cast<double>(a.size());
  if (a.size() < 2) return {nan, nan, nan};
  const double mean_a = mean_of(a), mean_b = mean_of(b), mean = 0.5 * (mean_a + mean_b);
  double between = 0, total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double of_case = 0.5 * (a[i] + b[i]) - mean, x = a[i] - mean, y = b[i] - mean;
    between += raters * of_case * of_case;
    total += x * x + y * y;
  }
  const double of_raters = n * ((mean_a - mean) * (mean_a - mean) + (mean_b - mean) * (mean_b - mean));
  const double cases_square = between / (n - 1), within_square = (total - between) / (n * (raters - 1));
  const double raters_square = of_raters / (raters - 1);
  const double error_square = (total - between - of_raters) / ((n - 1) * (raters - 1));
  return {(cases_square - within_square) / (cases_square + (raters - 1) * within_square),
          (cases_square - error_square) /
              (cases_square + (raters - 1) * error_square + raters * (raters_square - error_square) / n),
          (cases_square - error_square) / (cases_square + (raters - 1) * error_square)};
}

Repeatability repeatability(std::span<const double> values, std::size_t repeats) {
  if (repeats == 0 || values.size() % repeats != 0)
    throw std::invalid_argument("every patient needs as many repetitions");
  if (values.empty() || repeats < 2) return {nan, nan, nan};
  double squares = 0;
  for (std::size_t first = 0; first < values.size(); first += repeats)
    squares += product_sum(values.subspan(first, repeats), values.subspan(first, repeats));
  const double freedom = static_cast<double>(values.size() / repeats * (repeats - 1));
  const double within = std::sqrt(squares / freedom);
  return {within, 1.96 * std::sqrt(2.0) * within, within / mean_of(values)};
}

}  // namespace sonoforge
