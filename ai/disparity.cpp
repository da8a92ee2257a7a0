#include "ai/disparity.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>

#include "ai/distributions.hpp"
#include "ai/hypothesis_tests.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// How much each patient moves a mean: sum of residuals over the number of cases, scaled by sqrt(g / (g - 1)) for g
/// patients.
std::map<std::string, double> influence_on_mean(const std::vector<double>& values,
                                                const std::vector<std::string>& patients, double mean) {
  std::map<std::string, double> influence;
  for (std::size_t i = 0; i < values.size(); ++i)
    influence[patients[i]] += (values[i] - mean) / static_cast<double>(values.size());
  const double g = static_cast<double>(influence.size());
  for (auto& [patient, u] : influence) u *= std::sqrt(g / (g - 1));
  return influence;
}

double sum_of_squares(const std::map<std::string, double>& influence) {
  double sum = 0;
  for (const auto& [patient, u] : influence) sum += u * u;
  return sum;
}

/// Variance of scale_a * mean A - scale_b * mean B, with the covariance of patients in both.
double variance_of_difference(const std::map<std::string, double>& a, double scale_a,
                              const std::map<std::string, double>& b, double scale_b) {
  double variance = scale_a * scale_a * sum_of_squares(a) + scale_b * scale_b * sum_of_squares(b);
  for (const auto& [patient, u] : a)
    if (const auto same = b.find(patient); same != b.end()) variance -= 2 * scale_a * scale_b * u * same->second;
  return std::max(variance, 0.0);
}

/// Sums over the patients of a group from which Welch's t of clustered means follows.
struct ClusterSums {
  double patients = 0, values = 0, cases = 0, values2 = 0, product = 0, cases2 = 0;

  void add(double value_sum, double case_count) {
    patients += 1;
    values += value_sum;
    cases += case_count;
    values2 += value_sum * value_sum;
    product += value_sum * case_count;
    cases2 += case_count * case_count;
  }
  ClusterSums operator-(const ClusterSums& o) const {
    return {patients - o.patients, values - o.values,   cases - o.cases,
            values2 - o.values2,   product - o.product, cases2 - o.cases2};
  }
  double mean() const { return values / cases; }
  double variance() const {
    const double m = mean(), squares = values2 - 2 * m * product + m * m * cases2;
    return std::max(squares, 0.0) / (cases * cases) * patients / (patients - 1);
  }
};

double welch_t(const ClusterSums& a, const ClusterSums& b) {
  const double difference = a.mean() - b.mean(), error = std::sqrt(a.variance() + b.variance());
  if (error > 1e-12 * std::abs(difference)) return difference / error;
  return difference == 0 ? 0 : std::copysign(std::numeric_limits<double>::infinity(), difference);
}

/// Fills the p values by permutation of patients between disjoint groups.
void permute(Disparity& result, const std::vector<double>& a, const std::vector<std::string>& patients_a,
             const std::vector<double>& b, const std::vector<std::string>& patients_b) {
  constexpr std::size_t permutations = 1999;
  // Sums of values, from their common mean lest digits cancel, and counts of every patient.
  const double centre = (std::accumulate(a.begin(), a.end(), 0.0) + std::accumulate(b.begin(), b.end(), 0.0)) /
                        static_cast<double>(a.size() + b.size());
  std::vector<std::pair<double, double>> patients;
  for (const auto* group : {&a, &b}) {
    const PatientClusters clusters(group == &a ? patients_a : patients_b);
    for (std::size_t p = 0; p < clusters.size(); ++p) {
      double sum = 0;
      for (const auto i : clusters.cases(p)) sum += (*group)[i] - centre;
      patients.emplace_back(sum, static_cast<double>(clusters.cases(p).size()));
    }
  }
  ClusterSums all, first;
  for (std::size_t p = 0; p < patients.size(); ++p) {
    all.add(patients[p].first, patients[p].second);
    if (p < result.patients_a) first.add(patients[p].first, patients[p].second);
  }
  const double seen = welch_t(first, all - first), slack = 1e-9 * std::abs(seen);
  const RandomStream random(1, 0, "permutation");
  const std::size_t n = patients.size(), drawn = std::min(result.patients_a, result.patients_b);
  const double sign = drawn == result.patients_a ? 1 : -1;
  std::vector<double> permuted(permutations);
  parallel_blocks(permutations, 128, [&](std::size_t begin, std::size_t end) {
    std::vector<std::size_t> order(n);
    for (std::size_t k = begin; k < end; ++k) {
      std::iota(order.begin(), order.end(), std::size_t{0});
      ClusterSums some;
      for (std::size_t i = 0; i < drawn; ++i) {
        const auto offset = static_cast<std::size_t>(random.uniform_at(k * drawn + i) * static_cast<double>(n - i));
        std::swap(order[i], order[i + std::min(offset, n - i - 1)]);
        some.add(patients[order[i]].first, patients[order[i]].second);
      }
      permuted[k] = sign * welch_t(some, all - some);
    }
  });
  double as_far = 1, as_low = 1, as_high = 1;  // the data themselves are one of the permutations
  for (const double t : permuted) {
    as_far += std::abs(t) >= std::abs(seen) - slack;
    as_low += t <= seen + slack;
    as_high += t >= seen - slack;
  }
  result.p_value = as_far / (permutations + 1);
  result.p_lower = as_low / (permutations + 1);
  result.p_higher = as_high / (permutations + 1);
}

}  // namespace

double Disparity::power(double true_difference) const {
  return power_of_test(true_difference, standard_error);
}

Disparity compare_groups(const std::vector<double>& a, const std::vector<std::string>& patients_a,
                         const std::vector<double>& b, const std::vector<std::string>& patients_b, double level) {
  if (a.size() != patients_a.size() || b.size() != patients_b.size())
    throw std::invalid_argument("every case needs its patient");
  Disparity result;
  const double mean_a = mean_of(a), mean_b = mean_of(b);
  const auto of_a = influence_on_mean(a, patients_a, mean_a), of_b = influence_on_mean(b, patients_b, mean_b);
  result.patients_a = of_a.size();
  result.patients_b = of_b.size();
  result.difference = mean_a - mean_b;
  result.ratio = mean_a > 0 && mean_b > 0 ? mean_a / mean_b : nan;
  result.interval = result.ratio_interval = {nan, nan};
  result.standard_error = result.detectable = result.degrees = nan;
  result.p_value = result.p_lower = result.p_higher = result.t_p_value = nan;
  if (of_a.size() < 2 || of_b.size() < 2) return result;
  const bool shared =
      std::any_of(of_a.begin(), of_a.end(), [&](const auto& entry) { return of_b.contains(entry.first); });
  const double degrees_a = static_cast<double>(of_a.size()) - 1, degrees_b = static_cast<double>(of_b.size()) - 1;
  const double variance_a = sum_of_squares(of_a), variance_b = sum_of_squares(of_b), sum = variance_a + variance_b;
  result.standard_error = std::sqrt(variance_of_difference(of_a, 1, of_b, 1));
  // No variance at all, as where every case is right: what such a sample says of others it does not say by its
  // variance.
  if (sum == 0 || result.standard_error == 0) return result;
  result.degrees = shared ? std::min(degrees_a, degrees_b)
                          : sum * sum / (variance_a * variance_a / degrees_a + variance_b * variance_b / degrees_b);
  const double t = student_quantile((1 + level) / 2, result.degrees);
  result.interval = {result.difference - t * result.standard_error, result.difference + t * result.standard_error};
  const double statistic = result.difference / result.standard_error;
  result.t_p_value = result.p_value = 2 * student_probability(-std::abs(statistic), result.degrees);
  result.p_lower = student_probability(statistic, result.degrees);
  result.p_higher = student_probability(-statistic, result.degrees);
  if (!shared) permute(result, a, patients_a, b, patients_b);
  result.detectable = detectable_difference(result.standard_error);
  if (!std::isnan(result.ratio)) {
    const double half = t * std::sqrt(variance_of_difference(of_a, 1 / mean_a, of_b, 1 / mean_b));
    result.ratio_interval = {result.ratio * std::exp(-half), result.ratio * std::exp(half)};
  }
  return result;
}

// ---- Continuous factors --------------------------------------------------------------------------------------------

namespace {

/// Value at `at` of the weighted straight line through the cases, as a weight of every case.
std::vector<double> local_line(const std::vector<double>& factor, double at, double bandwidth) {
  std::vector<double> weights(factor.size());
  double s0 = 0, s1 = 0, s2 = 0;
  for (std::size_t i = 0; i < factor.size(); ++i) {
    const double d = factor[i] - at, k = std::exp(-0.5 * d * d / (bandwidth * bandwidth));
    weights[i] = k;
    s0 += k;
    s1 += k * d;
    s2 += k * d * d;
  }
  const double determinant = s0 * s2 - s1 * s1;
  for (std::size_t i = 0; i < factor.size(); ++i) weights[i] *= (s2 - s1 * (factor[i] - at)) / determinant;
  return weights;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// Standard error of a weighted sum of values, from residuals summed within patients.
double clustered_error(const std::vector<double>& weights, const std::vector<double>& residuals,
                       const PatientClusters& clusters) {
  double squares = 0;
  for (std::size_t p = 0; p < clusters.size(); ++p) {
    double sum = 0;
    for (const auto i : clusters.cases(p)) sum += weights[i] * residuals[i];
    squares += sum * sum;
  }
  const double g = static_cast<double>(clusters.size());
  return std::sqrt(squares * g / (g - 1));
}

}  // namespace

DoseResponse dose_response(const std::vector<double>& factor, const std::vector<double>& values,
                           const PatientClusters& clusters, std::size_t points, double level) {
  if (factor.size() != values.size() || values.size() != clusters.case_count())
    throw std::invalid_argument("every case needs factor and value");
  DoseResponse result;
  result.slope = result.slope_error = result.p_value = result.bandwidth = nan;
  if (std::set<double>(factor.begin(), factor.end()).size() < 3 || clusters.size() < 10) return result;
  const double n = static_cast<double>(factor.size()), mean = mean_of(factor),
               t = student_quantile((1 + level) / 2, static_cast<double>(clusters.size()) - 2);

  double spread = 0;
  for (const double x : factor) spread += (x - mean) * (x - mean);
  std::vector<double> line_weights, residuals(factor.size());
  for (const double x : factor) line_weights.push_back((x - mean) / spread);
  result.slope = dot(line_weights, values);
  const double average = mean_of(values);
  for (std::size_t i = 0; i < values.size(); ++i)
    residuals[i] = values[i] - average - result.slope * (factor[i] - mean);
  result.slope_error = clustered_error(line_weights, residuals, clusters);
  if (result.slope_error > 0)
    result.p_value =
        2 * student_probability(-std::abs(result.slope) / result.slope_error, static_cast<double>(clusters.size()) - 2);

  // Silverman's bandwidth for a density serves for the regression as well: it shrinks at the same rate [fan1996].
  result.bandwidth = 1.06 * std::sqrt(spread / n) * std::pow(static_cast<double>(clusters.size()), -0.2);
  for (std::size_t i = 0; i < values.size(); ++i)
    residuals[i] = values[i] - dot(local_line(factor, factor[i], result.bandwidth), values);
  const double low = quantile(factor, 0.025), high = quantile(factor, 0.975);
  for (std::size_t k = 0; k < points; ++k) {
    const double at = low + (high - low) * static_cast<double>(k) / static_cast<double>(points - 1);
    const auto weights = local_line(factor, at, result.bandwidth);
    const double value = dot(weights, values), half = t * clustered_error(weights, residuals, clusters);
    if (!std::isfinite(value)) continue;  // a gap in the factor wider than the kernel reaches
    result.factor.push_back(at);
    result.mean.push_back(value);
    result.interval.push_back({value - half, value + half});
  }
  return result;
}

// ---- Worst slice ---------------------------------------------------------------------------------------------------

namespace {

/// The slice against the rest, among the cases of one half.
Disparity against_rest(const std::vector<double>& values, const std::vector<std::string>& patients, const Slice& slice,
                       const std::vector<bool>& half) {
  std::vector<bool> inside(values.size(), false);
  for (const auto i : slice.cases) inside[i] = true;
  std::vector<double> a, b;
  std::vector<std::string> patients_a, patients_b;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!half[i]) continue;
    (inside[i] ? a : b).push_back(values[i]);
    (inside[i] ? patients_a : patients_b).push_back(patients[i]);
  }
  return compare_groups(a, patients_a, b, patients_b);
}

}  // namespace

std::vector<ConfirmedSlice> worst_slices(const std::vector<double>& values, const std::vector<std::string>& patients,
                                         const std::vector<Slice>& slices, bool lower_is_worse,
                                         const RandomStream& random, std::size_t count, std::size_t least_patients) {
  if (values.size() != patients.size()) throw std::invalid_argument("every case needs its patient");
  // Half of the patients by rank of a random number each.
  const PatientClusters clusters(patients);
  std::vector<std::size_t> order(clusters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return random.uniform_at(a) < random.uniform_at(b); });
  std::vector<bool> searched(values.size(), false), fresh(values.size(), true);
  for (std::size_t k = 0; k < order.size() / 2; ++k)
    for (const auto i : clusters.cases(order[k])) {
      searched[i] = true;
      fresh[i] = false;
    }
  const double sign = lower_is_worse ? 1 : -1;
  std::vector<std::pair<double, ConfirmedSlice>> ranked;
  for (const auto& slice : slices) {
    ConfirmedSlice found{slice.name, against_rest(values, patients, slice, searched),
                         against_rest(values, patients, slice, fresh), nan};
    if (std::min({found.searched.patients_a, found.searched.patients_b, found.confirmed.patients_a,
                  found.confirmed.patients_b}) < least_patients)
      continue;
    const double t = sign * found.searched.difference / found.searched.standard_error;
    if (t < 0) ranked.emplace_back(t, std::move(found));
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  if (ranked.size() > count) ranked.resize(count);
  std::vector<double> p_values;
  for (const auto& [t, slice] : ranked) {
    const auto& confirmed = slice.confirmed;
    const double p = std::isnan(confirmed.p_value) ? 1 : lower_is_worse ? confirmed.p_lower : confirmed.p_higher;
    p_values.push_back(p);
  }
  const auto adjusted = holm_adjusted(p_values);
  std::vector<ConfirmedSlice> result;
  for (std::size_t k = 0; k < ranked.size(); ++k) {
    ranked[k].second.p_value = adjusted[k];
    result.push_back(std::move(ranked[k].second));
  }
  return result;
}

// ---- Shares of variance --------------------------------------------------------------------------------------------

namespace {

/// Columns of one factor, centred.
Eigen::MatrixXd columns_of(const FactorColumn& factor) {
  const auto n = static_cast<Eigen::Index>(std::max(factor.numbers.size(), factor.words.size()));
  Eigen::MatrixXd columns;
  if (!factor.words.empty()) {
    const std::set<std::string> levels(factor.words.begin(), factor.words.end());
    columns.resize(n, static_cast<Eigen::Index>(levels.size()) - 1);
    Eigen::Index c = 0;
    for (auto level = std::next(levels.begin()); level != levels.end(); ++level, ++c)
      for (Eigen::Index i = 0; i < n; ++i) columns(i, c) = factor.words[static_cast<std::size_t>(i)] == *level;
  } else {
    columns.resize(n, 2);
    columns.col(0) = Eigen::Map<const Eigen::VectorXd>(factor.numbers.data(), n);
    columns.col(0).array() -= columns.col(0).mean();
    const double scale = columns.col(0).norm();
    if (scale > 0) columns.col(0) /= scale;
    columns.col(1) = columns.col(0).array().square();
  }
  columns.rowwise() -= columns.colwise().mean();
  return columns;
}

/// Adjusted share of the variance that a linear model of these factors explains; NaN without degrees of freedom.
double explained(const std::vector<Eigen::MatrixXd>& factors, unsigned subset, const Eigen::VectorXd& values) {
  Eigen::Index count = 0;
  for (std::size_t f = 0; f < factors.size(); ++f)
    if (subset >> f & 1u) count += factors[f].cols();
  if (count == 0) return 0;
  Eigen::MatrixXd all(values.size(), count);
  Eigen::Index at = 0;
  for (std::size_t f = 0; f < factors.size(); ++f)
    if (subset >> f & 1u) {
      all.middleCols(at, factors[f].cols()) = factors[f];
      at += factors[f].cols();
    }
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> solver(all);
  const double n = static_cast<double>(values.size()), rank = static_cast<double>(solver.rank());
  if (rank + 1 >= n) return nan;
  const double residual = (values - all * solver.solve(values)).squaredNorm();
  return 1 - residual / values.squaredNorm() * (n - 1) / (n - 1 - rank);
}

}  // namespace

VarianceShares variance_shares(const std::vector<FactorColumn>& factors, const std::vector<double>& values) {
  const std::size_t count = factors.size();
  if (count > 12) throw std::invalid_argument("variance is shared out over at most twelve factors");
  std::vector<Eigen::MatrixXd> columns;
  for (const auto& factor : factors) {
    if (std::max(factor.numbers.size(), factor.words.size()) != values.size())
      throw std::invalid_argument("every case needs every factor");
    if (!values.empty()) columns.push_back(columns_of(factor));
  }
  VarianceShares result{std::vector<double>(count, nan), nan};
  if (values.size() < 3) return result;
  Eigen::VectorXd centred = Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
  centred.array() -= centred.mean();
  if (centred.squaredNorm() == 0) return result;
  std::vector<double> worth(std::size_t{1} << count);
  for (unsigned subset = 0; subset < worth.size(); ++subset) worth[subset] = explained(columns, subset, centred);
  for (std::size_t f = 0; f < count; ++f) {
    double share = 0;
    for (unsigned subset = 0; subset < worth.size(); ++subset) {
      if (subset >> f & 1u) continue;
      // [shapley1953]: the mean gain of f over all orders in which factors can join.
      const auto size = static_cast<double>(__builtin_popcount(subset)), all = static_cast<double>(count);
      const double weight = std::exp(std::lgamma(size + 1) + std::lgamma(all - size) - std::lgamma(all + 1));
      share += weight * (worth[subset | 1u << f] - worth[subset]);
    }
    result.share[f] = share;
  }
  result.unexplained = 1 - worth.back();
  return result;
}

// ---- Twins ---------------------------------------------------------------------------------------------------------

CausalEffect causal_effect(const std::vector<double>& twin, const std::vector<double>& drawn,
                           const std::vector<std::string>& patients, const std::vector<bool>& twin_decision,
                           const std::vector<bool>& drawn_decision) {
  if (twin.size() != drawn.size() || twin.size() != patients.size() || twin_decision.size() != drawn_decision.size())
    throw std::invalid_argument("every twin needs its patient as drawn");
  CausalEffect result;
  std::vector<double> effect(twin.size());
  for (std::size_t i = 0; i < effect.size(); ++i) {
    effect[i] = twin[i] - drawn[i];
    result.worse += effect[i] < 0;
    result.better += effect[i] > 0;
  }
  const PatientClusters clusters(patients);
  result.effect = robust_mean(effect, clusters);
  result.p_value = nan;
  if (result.effect.standard_error > 0)
    result.p_value = 2 * student_probability(-std::abs(result.effect.value) / result.effect.standard_error,
                                             static_cast<double>(clusters.size()) - 1);
  result.deviation = sample_deviation(effect);
  for (std::size_t i = 0; i < twin_decision.size(); ++i) result.flips += twin_decision[i] != drawn_decision[i];
  result.flip_interval = wilson_interval(result.flips, twin_decision.size());
  return result;
}

}  // namespace sonoforge
