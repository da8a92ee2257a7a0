#include "ai/classification_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <stdexcept>

#include "ai/distributions.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

void check_scores(std::span<const double> scores, std::size_t cases) {
  if (scores.size() != cases) throw std::invalid_argument("every case needs its score");
  if (std::any_of(scores.begin(), scores.end(), [](double s) { return std::isnan(s); }))
    throw std::invalid_argument("a score is not a number");
}

double divided(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : 0;
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Covariance of two samples over pairs, divided by (n - 1).
double covariance_of(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2) return nan;
  const double mean_a = mean_of(a), mean_b = mean_of(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / static_cast<double>(a.size() - 1);
}

AreaDifference difference_of(double first, double second, double variance, double level) {
  AreaDifference result;
  result.difference = first - second;
  result.standard_error = std::sqrt(std::max(variance, 0.0));
  if (std::isnan(variance)) {
    result.standard_error = result.z = result.p_value = nan;
    result.interval = {nan, nan};
    return result;
  }
  // Two scores that order the cases alike have no difference and no variance: nothing speaks against equality.
  result.z = result.difference == 0 ? 0 : result.difference / result.standard_error;
  result.p_value = 2 * normal_probability(-std::abs(result.z));
  const double half = normal_quantile((1 + level) / 2) * result.standard_error;
  result.interval = {result.difference - half, result.difference + half};
  return result;
}

}  // namespace

RocCurve roc_curve(std::span<const double> scores, std::span<const std::uint8_t> truth,
                   std::span<const double> weights) {
  check_scores(scores, truth.size());
  if (!weights.empty() && weights.size() != truth.size()) throw std::invalid_argument("every case needs its weight");
  std::vector<std::size_t> order(truth.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  RocCurve curve;
  std::vector<double> found{0}, false_alarms{0};
  curve.threshold.push_back(infinity);
  for (std::size_t k = 0; k < order.size(); ++k) {
    const double weight = weights.empty() ? 1 : weights[order[k]];
    (truth[order[k]] ? curve.positives : curve.negatives) += weight;
    if (k + 1 < order.size() && scores[order[k + 1]] == scores[order[k]]) continue;
    curve.threshold.push_back(scores[order[k]]);
    found.push_back(curve.positives);
    false_alarms.push_back(curve.negatives);
  }
  for (std::size_t k = 0; k < found.size(); ++k) {
    curve.true_positive_rate.push_back(curve.positives > 0 ? found[k] / curve.positives : nan);
    curve.false_positive_rate.push_back(curve.negatives > 0 ? false_alarms[k] / curve.negatives : nan);
    const double called = found[k] + false_alarms[k];
    curve.precision.push_back(called > 0 ? found[k] / called : 1);
  }
  return curve;
}

double RocCurve::area() const {
  if (!(positives > 0 && negatives > 0)) return nan;
  double sum = 0;
  for (std::size_t k = 1; k < threshold.size(); ++k)
    sum += 0.5 * (false_positive_rate[k] - false_positive_rate[k - 1]) *
           (true_positive_rate[k] + true_positive_rate[k - 1]);
  return sum;
}

double RocCurve::partial_area(double most) const {
  if (!(positives > 0 && negatives > 0) || !(most > 0 && most <= 1)) return nan;
  double sum = 0;
  for (std::size_t k = 1; k < threshold.size(); ++k) {
    const double left = false_positive_rate[k - 1], right = false_positive_rate[k];
    if (left >= most) break;
    const double low = true_positive_rate[k - 1], end = std::min(right, most);
    if (right == left) continue;
    const double high = low + (true_positive_rate[k] - low) * (end - left) / (right - left);
    sum += 0.5 * (end - left) * (low + high);
  }
  const double chance = 0.5 * most * most;
  return 0.5 * (1 + (sum - chance) / (most - chance));
}

double RocCurve::average_precision() const {
  if (!(positives > 0)) return nan;
  double sum = 0;
  for (std::size_t k = 1; k < threshold.size(); ++k)
    sum += (true_positive_rate[k] - true_positive_rate[k - 1]) * precision[k];
  return sum;
}

RocCurve::Youden RocCurve::youden() const {
  if (!(positives > 0 && negatives > 0)) return {nan, nan};
  Youden best{-infinity, nan};
  for (std::size_t k = 0; k < threshold.size(); ++k) {
    const double index = true_positive_rate[k] - false_positive_rate[k];
    if (index > best.index) best = {index, threshold[k]};
  }
  return best;
}

double RocCurve::sensitivity_at_specificity(double specificity) const {
  if (!(positives > 0 && negatives > 0)) return nan;
  double best = 0;
  for (std::size_t k = 0; k < threshold.size(); ++k)
    if (1 - false_positive_rate[k] >= specificity * (1 - 1e-12)) best = std::max(best, true_positive_rate[k]);
  return best;
}

double RocCurve::specificity_at_sensitivity(double sensitivity) const {
  if (!(positives > 0 && negatives > 0)) return nan;
  double best = 0;
  for (std::size_t k = 0; k < threshold.size(); ++k)
    if (true_positive_rate[k] >= sensitivity * (1 - 1e-12)) best = std::max(best, 1 - false_positive_rate[k]);
  return best;
}

DeLong delong(const std::vector<std::vector<double>>& scores, std::span<const std::uint8_t> truth) {
  // For each case the share of cases of the other class that it beats, ties half: from mid-ranks in O(n log n)
  // [sun2014].
  const std::size_t n = truth.size(), count = scores.size();
  std::vector<std::vector<double>> of_positive(count), of_negative(count);
  DeLong result;
  for (const std::uint8_t one : truth) ++(one ? result.positives : result.negatives);
  for (std::size_t s = 0; s < count; ++s) {
    check_scores(scores[s], n);
    std::vector<double> positive, negative;
    for (std::size_t i = 0; i < n; ++i) (truth[i] ? positive : negative).push_back(scores[s][i]);
    if (positive.empty() || negative.empty()) {
      result.area.push_back(nan);
      continue;
    }
    auto beaten = [](double score, const std::vector<double>& sorted) {
      const auto range = std::equal_range(sorted.begin(), sorted.end(), score);
      const double below = static_cast<double>(range.first - sorted.begin());
      return (below + 0.5 * static_cast<double>(range.second - range.first)) / static_cast<double>(sorted.size());
    };
    std::vector<double> sorted_positive = positive, sorted_negative = negative;
    std::sort(sorted_positive.begin(), sorted_positive.end());
    std::sort(sorted_negative.begin(), sorted_negative.end());
    for (const double score : positive) of_positive[s].push_back(beaten(score, sorted_negative));
    for (const double score : negative) of_negative[s].push_back(1 - beaten(score, sorted_positive));
    result.area.push_back(mean_of(of_positive[s]));
  }
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = 0; b < count; ++b)
      result.covariance.push_back(
          covariance_of(of_positive[a], of_positive[b]) / static_cast<double>(of_positive[a].size()) +
          covariance_of(of_negative[a], of_negative[b]) / static_cast<double>(of_negative[a].size()));
  return result;
}

double DeLong::standard_error(std::size_t score) const {
  return std::sqrt(covariance[score * area.size() + score]);
}

Interval DeLong::interval(std::size_t score, double level) const {
  const double half = normal_quantile((1 + level) / 2) * standard_error(score);
  return {area[score] - half, area[score] + half};
}

Interval DeLong::logit_interval(std::size_t score, double level) const {
  const double a = area[score];
  if (a <= 0 || a >= 1) return {a, a};
  const double centre = std::log(a / (1 - a));
  const double half = normal_quantile((1 + level) / 2) * standard_error(score) / (a * (1 - a));
  auto back = [](double x) { return 1 / (1 + std::exp(-x)); };
  return {back(centre - half), back(centre + half)};
}

Estimate DeLong::reported(std::size_t score) const {
  Estimate estimate{area[score], logit_interval(score), standard_error(score), positives + negatives,
                    positives + negatives};
  if (estimate.standard_error > 0) return estimate;
  estimate.interval = area_score_interval(area[score], positives, negatives);
  estimate.standard_error = standard_error_of(estimate.interval);
  return estimate;
}

Interval area_score_interval(double area, std::size_t positives, std::size_t negatives, double level) {
  const double m = static_cast<double>(positives), n = static_cast<double>(negatives),
               z = normal_quantile((1 + level) / 2);
  if (!(m > 0 && n > 0) || std::isnan(area)) return {nan, nan};
  const double others = (m + n) / 2 - 1;
  const auto surprising = [&](double a) {
    const double variance = a * (1 - a) * (1 + others * ((1 - a) / (2 - a) + a / (1 + a))) / (m * n);
    return (area - a) * (area - a) > z * z * variance;
  };
  // The error of an area vanishes at 0 and 1 only, so that on each side of `area` surprise begins once.
  const auto limit = [&](double end) {
    double inside = area, outside = end;
    for (int i = 0; i < 60; ++i) {
      const double middle = (inside + outside) / 2;
      (surprising(middle) ? outside : inside) = middle;
    }
    return inside;
  };
  return {area > 0 ? limit(0) : 0, area < 1 ? limit(1) : 1};
}

AreaDifference compare_areas(const DeLong& areas, std::size_t first, std::size_t second, double level) {
  const std::size_t n = areas.area.size();
  const double variance = areas.covariance[first * n + first] + areas.covariance[second * n + second] -
                          2 * areas.covariance[first * n + second];
  return difference_of(areas.area[first], areas.area[second], variance, level);
}

AreaDifference compare_independent_areas(double first, double first_error, double second, double second_error,
                                         double level) {
  return difference_of(first, second, first_error * first_error + second_error * second_error, level);
}

ConfusionMatrix::ConfusionMatrix(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decision) {
  if (truth.size() != decision.size()) throw std::invalid_argument("every case needs its decision");
  std::set<int> seen(truth.begin(), truth.end());
  seen.insert(decision.begin(), decision.end());
  labels_.assign(seen.begin(), seen.end());
  counts_.assign(classes() * classes(), 0);
  auto index = [&](int label) {
    return static_cast<std::size_t>(std::lower_bound(labels_.begin(), labels_.end(), label) - labels_.begin());
  };
  for (std::size_t i = 0; i < truth.size(); ++i) ++counts_[index(truth[i]) * classes() + index(decision[i])];
  total_ = truth.size();
}

std::size_t ConfusionMatrix::row(std::size_t k) const {
  std::size_t sum = 0;
  for (std::size_t j = 0; j < classes(); ++j) sum += count(k, j);
  return sum;
}
std::size_t ConfusionMatrix::column(std::size_t k) const {
  std::size_t sum = 0;
  for (std::size_t j = 0; j < classes(); ++j) sum += count(j, k);
  return sum;
}

double ConfusionMatrix::accuracy() const {
  std::size_t right = 0;
  for (std::size_t k = 0; k < classes(); ++k) right += count(k, k);
  return total_ ? static_cast<double>(right) / static_cast<double>(total_) : nan;
}

double ConfusionMatrix::balanced_accuracy() const {
  std::vector<double> recalls;
  const auto all = recall();
  for (std::size_t k = 0; k < classes(); ++k)
    if (row(k)) recalls.push_back(all[k]);
  return mean_of(recalls);
}

std::vector<double> ConfusionMatrix::precision() const {
  std::vector<double> result;
  for (std::size_t k = 0; k < classes(); ++k)
    result.push_back(divided(static_cast<double>(count(k, k)), static_cast<double>(column(k))));
  return result;
}
std::vector<double> ConfusionMatrix::recall() const {
  std::vector<double> result;
  for (std::size_t k = 0; k < classes(); ++k)
    result.push_back(divided(static_cast<double>(count(k, k)), static_cast<double>(row(k))));
  return result;
}
std::vector<double> ConfusionMatrix::f1() const {
  std::vector<double> result;
  for (std::size_t k = 0; k < classes(); ++k)
    result.push_back(divided(2 * static_cast<double>(count(k, k)), static_cast<double>(row(k) + column(k))));
  return result;
}
double ConfusionMatrix::f1_macro() const {
  return mean_of(f1());
}
double ConfusionMatrix::f1_weighted() const {
  const auto all = f1();
  double sum = 0;
  for (std::size_t k = 0; k < classes(); ++k) sum += all[k] * static_cast<double>(row(k));
  return sum / static_cast<double>(total_);
}

double ConfusionMatrix::kappa(Weights weights) const {
  double seen = 0, expected = 0;
  for (std::size_t i = 0; i < classes(); ++i)
    for (std::size_t j = 0; j < classes(); ++j) {
      const double apart = std::abs(static_cast<double>(i) - static_cast<double>(j));
      const double weight = weights == Weights::none ? (i != j) : weights == Weights::linear ? apart : apart * apart;
      seen += weight * static_cast<double>(count(i, j));
      expected += weight * static_cast<double>(row(i)) * static_cast<double>(column(j)) / static_cast<double>(total_);
    }
  return expected > 0 ? 1 - seen / expected : nan;
}

double ConfusionMatrix::matthews() const {
  const double n = static_cast<double>(total_);
  double right = 0, products = 0, rows = 0, columns = 0;
  for (std::size_t k = 0; k < classes(); ++k) {
    const double r = static_cast<double>(row(k)), c = static_cast<double>(column(k));
    right += static_cast<double>(count(k, k));
    products += r * c;
    rows += r * r;
    columns += c * c;
  }
  return divided(right * n - products, std::sqrt((n * n - columns) * (n * n - rows)));
}

double positive_predictive_value(double sensitivity, double specificity, double prevalence) {
  const double found = sensitivity * prevalence, false_alarms = (1 - specificity) * (1 - prevalence);
  return found + false_alarms > 0 ? found / (found + false_alarms) : nan;
}
double negative_predictive_value(double sensitivity, double specificity, double prevalence) {
  return positive_predictive_value(specificity, sensitivity, 1 - prevalence);
}

double net_benefit(std::span<const double> probability, std::span<const std::uint8_t> truth, double threshold) {
  check_scores(probability, truth.size());
  if (!(threshold > 0 && threshold < 1) || truth.empty()) return nan;
  double found = 0, false_alarms = 0;
  for (std::size_t i = 0; i < truth.size(); ++i)
    if (probability[i] >= threshold) (truth[i] ? found : false_alarms) += 1;
  return (found - false_alarms * threshold / (1 - threshold)) / static_cast<double>(truth.size());
}

double net_benefit_of_all(std::span<const std::uint8_t> truth, double threshold) {
  return net_benefit(std::vector<double>(truth.size(), 1.0), truth, threshold);
}

Interval clopper_pearson_interval(std::size_t successes, std::size_t trials, double level) {
  if (successes > trials) throw std::invalid_argument("more successes than trials");
  const double k = static_cast<double>(successes), n = static_cast<double>(trials), outside = (1 - level) / 2;
  return {successes == 0 ? 0 : beta_quantile(k, n - k + 1, outside),
          successes == trials ? 1 : beta_quantile(k + 1, n - k, 1 - outside)};
}

}  // namespace sonoforge
