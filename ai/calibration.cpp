#include "ai/calibration.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void check(std::span<const double> probability, std::size_t expected) {
  if (probability.size() != expected) throw std::invalid_argument("every case needs its probability");
  for (const double p : probability)
    if (!(p >= 0 && p <= 1)) throw std::invalid_argument("a probability lies outside 0 to 1");
}

/// Bins from sums.
class Binning {
 public:
  explicit Binning(std::size_t bins) : count_(bins), confidence_(bins), right_(bins) {
    if (bins == 0) throw std::invalid_argument("a reliability diagram needs a bin");
  }
  void add(std::size_t bin, double confidence, bool right) {
    ++count_[bin];
    confidence_[bin] += confidence;
    right_[bin] += right;
  }
  void add(double confidence, bool right) {
    const double bins = static_cast<double>(count_.size());
    add(static_cast<std::size_t>(std::clamp(std::ceil(confidence * bins) - 1, 0.0, bins - 1)), confidence, right);
  }
  ReliabilityBins result() const {
    ReliabilityBins bins{count_, {}, {}};
    for (std::size_t k = 0; k < count_.size(); ++k) {
      const double n = static_cast<double>(count_[k]);
      bins.confidence.push_back(count_[k] ? confidence_[k] / n : nan);
      bins.accuracy.push_back(count_[k] ? right_[k] / n : nan);
    }
    return bins;
  }

 private:
  std::vector<std::size_t> count_;
  std::vector<double> confidence_, right_;
};

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

/// Whether the likelihood has a maximum: both classes occur and, for a slope, they overlap by more than one value of x.
bool has_maximum(const std::vector<double>& x, std::span<const std::uint8_t> truth, bool with_slope) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::array<double, 2> low{infinity, infinity}, high{-infinity, -infinity};  // of the negative and positive cases
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t group = truth[i] != 0 ? 1 : 0;
    low[group] = std::min(low[group], x[i]);
    high[group] = std::max(high[group], x[i]);
  }
  if (low[0] > high[0] || low[1] > high[1]) return false;
  return !with_slope || (high[0] > low[1] && high[1] > low[0]);
}

/// Newton's method for intercept and slope, or for the intercept alone with the slope at 1.
CalibrationLine fitted(const std::vector<double>& x, std::span<const std::uint8_t> truth, bool with_slope) {
  if (!has_maximum(x, truth, with_slope)) return {nan, nan, nan, nan, nan};
  CalibrationLine line;
  for (int step = 0; step < 100; ++step) {
    double gradient0 = 0, gradient1 = 0, h00 = 0, h01 = 0, h11 = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double p = logistic(line.intercept + line.slope * x[i]), weight = p * (1 - p),
                   residual = (truth[i] != 0) - p;
      gradient0 += residual;
      gradient1 += residual * x[i];
      h00 += weight;
      h01 += weight * x[i];
      h11 += weight * x[i] * x[i];
    }
    const double determinant = h00 * h11 - h01 * h01;
    double step0 = gradient0 / h00, step1 = 0;
    if (with_slope) {
      step0 = (h11 * gradient0 - h01 * gradient1) / determinant;
      step1 = (h00 * gradient1 - h01 * gradient0) / determinant;
    }
    if (!std::isfinite(step0) || !std::isfinite(step1)) break;
    // Steps are held back so that a far start cannot run away.
    const double shrink = std::min(1.0, 4 / std::max({std::abs(step0), std::abs(step1), 1e-300}));
    line.intercept += shrink * step0;
    line.slope += shrink * step1;
    if (std::abs(line.intercept) > 100 || std::abs(line.slope) > 1000) break;
    if (std::max(std::abs(step0), std::abs(step1)) < 1e-12 * (1 + std::abs(line.intercept) + std::abs(line.slope))) {
      line.intercept_error = with_slope ? std::sqrt(h11 / determinant) : std::sqrt(1 / h00);
      line.slope_error = with_slope ? std::sqrt(h00 / determinant) : 0;
      return line;
    }
  }
  return {nan, nan, nan, nan, nan};
}

}  // namespace

double ReliabilityBins::expected_error() const {
  const double total = static_cast<double>(std::accumulate(count.begin(), count.end(), std::size_t{0}));
  if (total == 0) return nan;
  double sum = 0;
  for (std::size_t k = 0; k < count.size(); ++k)
    if (count[k]) sum += static_cast<double>(count[k]) / total * std::abs(accuracy[k] - confidence[k]);
  return sum;
}

double ReliabilityBins::largest_error() const {
  double largest = nan;
  for (std::size_t k = 0; k < count.size(); ++k)
    if (count[k]) largest = std::fmax(largest, std::abs(accuracy[k] - confidence[k]));
  return largest;
}

ReliabilityBins reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                            std::size_t bins) {
  check(probability, truth.size());
  Binning binning(bins);
  for (std::size_t i = 0; i < truth.size(); ++i) binning.add(probability[i], truth[i] != 0);
  return binning.result();
}

ReliabilityBins confidence_reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                                       std::size_t bins) {
  check(probability, truth.size());
  Binning binning(bins);
  for (std::size_t i = 0; i < truth.size(); ++i)
    binning.add(std::max(probability[i], 1 - probability[i]), (probability[i] >= 0.5) == (truth[i] != 0));
  return binning.result();
}

ReliabilityBins equal_mass_reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                                       std::size_t bins) {
  check(probability, truth.size());
  Binning binning(bins);
  std::vector<std::size_t> order(truth.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return probability[a] < probability[b]; });
  const std::size_t length = order.size() / bins, longer = order.size() % bins;
  std::size_t next = 0;
  for (std::size_t bin = 0; bin < bins; ++bin)
    for (std::size_t k = 0; k < length + (bin < longer); ++k, ++next)
      binning.add(bin, probability[order[next]], truth[order[next]] != 0);
  return binning.result();
}

double brier_score(std::span<const double> probability, std::span<const std::uint8_t> truth) {
  check(probability, truth.size());
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double d = probability[i] - (truth[i] != 0);
    sum += d * d;
  }
  return truth.empty() ? nan : sum / static_cast<double>(truth.size());
}

double log_loss(std::span<const double> probability, std::span<const std::uint8_t> truth, double clip) {
  check(probability, truth.size());
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double p = std::clamp(probability[i], clip, 1 - clip);
    sum -= truth[i] ? std::log(p) : std::log1p(-p);
  }
  return truth.empty() ? nan : sum / static_cast<double>(truth.size());
}

namespace {

void check_classes(std::span<const double> probability, std::span<const std::uint8_t> truth, std::size_t classes) {
  if (classes == 0) throw std::invalid_argument("there is no class");
  check(probability, truth.size() * classes);
  for (const auto y : truth)
    if (y >= classes) throw std::invalid_argument("a true class has no probability");
}

}  // namespace

ReliabilityBins multiclass_reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                                       std::size_t classes, std::size_t bins) {
  check_classes(probability, truth, classes);
  Binning binning(bins);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const auto row = probability.subspan(i * classes, classes);
    const auto largest = std::max_element(row.begin(), row.end());
    binning.add(*largest, largest - row.begin() == truth[i]);
  }
  return binning.result();
}

double multiclass_brier(std::span<const double> probability, std::span<const std::uint8_t> truth, std::size_t classes) {
  check_classes(probability, truth, classes);
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i)
    for (std::size_t k = 0; k < classes; ++k) {
      const double d = probability[i * classes + k] - (truth[i] == k);
      sum += d * d;
    }
  return truth.empty() ? nan : sum / static_cast<double>(truth.size());
}

double multiclass_log_loss(std::span<const double> probability, std::span<const std::uint8_t> truth,
                           std::size_t classes) {
  check_classes(probability, truth, classes);
  constexpr double clip = std::numeric_limits<double>::epsilon();
  double sum = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) sum -= std::log(std::max(probability[i * classes + truth[i]], clip));
  return truth.empty() ? nan : sum / static_cast<double>(truth.size());
}

CalibrationLine calibration_line(std::span<const double> probability, std::span<const std::uint8_t> truth) {
  check(probability, truth.size());
  constexpr double clip = 1e-7;  // probabilities of 0 and 1 have no logit
  std::vector<double> x;
  for (const double p : probability) {
    const double kept = std::clamp(p, clip, 1 - clip);
    x.push_back(std::log(kept / (1 - kept)));
  }
  CalibrationLine line = fitted(x, truth, true);
  line.in_the_large = fitted(x, truth, false).intercept;
  return line;
}

}  // namespace sonoforge
