#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ai/statistics.hpp"

namespace sonoforge {

/// Metrics of decisions and of scores. `truth` is 0 or not 0 (diseased); a higher score speaks for disease. Where a
/// metric is not defined (one class only, nothing called positive), it is NaN unless stated. Sizes that do not fit and
/// scores that are NaN throw `std::invalid_argument`.

// ---- Scores --------------------------------------------------------------------------------------------------------

/// The operating points of a score: one a distinct value, ties taken together, from "nothing is positive" on.
struct RocCurve {
  std::vector<double> threshold;  ///< falling; a case is positive from its value on; the first is infinite
  std::vector<double> false_positive_rate, true_positive_rate;
  std::vector<double> precision;        ///< of the cases called positive; 1 where there are none
  double positives = 0, negatives = 0;  ///< sums of weights

  double area() const;  ///< trapezoid: ties count half
  /// Area up to a false positive rate, standardised so that chance is 0.5 and perfection 1 [mcclish1989].
  double partial_area(double most_false_positives) const;
  /// Step-wise average precision, sum of (R_n - R_{n-1}) P_n, without interpolation.
  double average_precision() const;
  /// First largest sensitivity + specificity - 1, and its threshold.
  struct Youden {
    double index = 0, threshold = 0;
  };
  Youden youden() const;
  /// Largest sensitivity among the points whose specificity is at least so much.
  double sensitivity_at_specificity(double specificity) const;
  double specificity_at_sensitivity(double sensitivity) const;
};
/// `weights` of cases may be empty (all 1).
RocCurve roc_curve(std::span<const double> scores, std::span<const std::uint8_t> truth,
                   std::span<const double> weights = {});

/// Area under the ROC curve of one or several scores of the same cases, with DeLong's covariance [delong1988].
struct DeLong {
  std::vector<double> area;
  std::vector<double> covariance;            ///< [score, score]
  std::size_t positives = 0, negatives = 0;  ///< cases

  double standard_error(std::size_t score) const;
  Interval interval(std::size_t score, double level = 0.95) const;  ///< normal, not cut at 0 and 1
  Interval logit_interval(std::size_t score,
                          double level = 0.95) const;  ///< normal for log(A / (1 - A)); within 0 and 1
  /// The area to report, with `logit_interval`. Where the covariance is 0 or undefined, as where the score tells all
  /// cases apart, gives all the same value or a class has one case: with `area_score_interval` and the standard error
  /// that its width tells.
  Estimate reported(std::size_t score) const;
};
/// Interval of an area under the ROC curve from the numbers of cases alone, also at 0 and 1: all areas A whose error,
/// for scores with exponential distributions and both classes of the mean size, makes `area` no surprise [newcombe2006,
/// method 5].
Interval area_score_interval(double area, std::size_t positives, std::size_t negatives, double level = 0.95);
/// Needs two cases of each class; the covariance is NaN otherwise.
DeLong delong(const std::vector<std::vector<double>>& scores, std::span<const std::uint8_t> truth);
/// Paired comparison of two scores of the same cases.
struct AreaDifference {
  double difference = 0, standard_error = 0, z = 0, p_value = 1;
  Interval interval;
};
AreaDifference compare_areas(const DeLong& areas, std::size_t first, std::size_t second, double level = 0.95);
/// The same for scores of different cases (two groups of patients).
AreaDifference compare_independent_areas(double first, double first_error, double second, double second_error,
                                         double level = 0.95);

// ---- Decisions -----------------------------------------------------------------------------------------------------

/// Table of truth (rows) and decision (columns), classes from 0.
class ConfusionMatrix {
 public:
  ConfusionMatrix(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> decision);
  std::size_t classes() const { return labels_.size(); }
  const std::vector<int>& labels() const { return labels_; }  ///< that occur in either, rising
  std::size_t count(std::size_t truth, std::size_t decision) const { return counts_[truth * classes() + decision]; }

  double accuracy() const;
  double balanced_accuracy() const;  ///< mean recall of the classes that occur in truth
  std::vector<double> precision() const, recall() const, f1() const;  ///< a class; 0 where the denominator is
  double f1_macro() const;                                            ///< mean of the classes
  double f1_weighted() const;                                         ///< weighted by their true counts
  enum class Weights { none, linear, quadratic };
  double kappa(Weights weights = Weights::none) const;  ///< [cohen1968]; NaN where both hold one class only
  double matthews() const;                              ///< [gorodkin2004]; 0 where the denominator is

 private:
  std::size_t row(std::size_t k) const, column(std::size_t k) const;
  std::vector<int> labels_;
  std::vector<std::size_t> counts_;
  std::size_t total_ = 0;
};

/// Predictive values at a stated prevalence, from sensitivity and specificity (Bayes).
double positive_predictive_value(double sensitivity, double specificity, double prevalence);
double negative_predictive_value(double sensitivity, double specificity, double prevalence);

/// Net benefit of acting where the probability reaches `threshold`: TP/n - FP/n * t / (1 - t) [vickers2006].
double net_benefit(std::span<const double> probability, std::span<const std::uint8_t> truth, double threshold);
/// The same of acting on everyone.
double net_benefit_of_all(std::span<const std::uint8_t> truth, double threshold);

/// Clopper-Pearson interval of a proportion [clopper1934]: at least its level for every true value.
Interval clopper_pearson_interval(std::size_t successes, std::size_t trials, double level = 0.95);

}  // namespace sonoforge
