#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace sonoforge {

/// Whether probabilities mean what they say. `truth` is 0 or not 0; probabilities outside [0, 1] and sizes that do not
/// fit throw `std::invalid_argument`; without cases every value is NaN.

/// A reliability diagram.
struct ReliabilityBins {
  std::vector<std::size_t> count;
  std::vector<double> confidence, accuracy;  ///< mean probability and observed share of a bin; NaN where it is empty

  double expected_error() const;  ///< ECE: mean of |accuracy - confidence| weighted by count [naeini2015]
  double largest_error() const;   ///< MCE: the largest, over bins that hold a case
};

/// Equal-width bins (low, high], the first with 0: bin = clip(ceil(p * bins) - 1) of the probability of disease.
ReliabilityBins reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                            std::size_t bins = 15);
/// The same of max(p, 1 - p) against whether the decision p >= 0.5 is right.
ReliabilityBins confidence_reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                                       std::size_t bins = 15);
/// Bins of equal count: cases sorted by probability (ties in their order) and cut into `bins` parts, the first parts
/// one longer where the count does not divide.
ReliabilityBins equal_mass_reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                                       std::size_t bins = 15);

/// Mean (p - y)^2 [brier1950].
double brier_score(std::span<const double> probability, std::span<const std::uint8_t> truth);
/// Mean of -log of the probability of the truth, probabilities kept `clip` away from 0 and 1.
double log_loss(std::span<const double> probability, std::span<const std::uint8_t> truth, double clip = 1e-7);

/// Several classes: probabilities [case, class], truth the class from 0. Confidence is the largest probability, right
/// where its (first) class is the truth.
ReliabilityBins multiclass_reliability(std::span<const double> probability, std::span<const std::uint8_t> truth,
                                       std::size_t classes, std::size_t bins = 15);
/// Mean over cases of the sum over classes of (p - y)^2.
double multiclass_brier(std::span<const double> probability, std::span<const std::uint8_t> truth, std::size_t classes);
double multiclass_log_loss(std::span<const double> probability, std::span<const std::uint8_t> truth,
                           std::size_t classes);

/// Logistic recalibration [cox1958]: P(y = 1) = 1 / (1 + exp(-(intercept + slope * logit p))), fitted by maximum
/// likelihood; 0 and 1 where probabilities are right. Slope below 1: too extreme. NaN where the fit has no finite
/// solution (one class, or a threshold separates the classes) or all probabilities are the same.
struct CalibrationLine {
  double intercept = 0, slope = 1;
  double intercept_error = 0, slope_error = 0;  ///< standard errors from the information matrix
  double in_the_large = 0;                      ///< intercept with the slope held at 1
};
CalibrationLine calibration_line(std::span<const double> probability, std::span<const std::uint8_t> truth);

}  // namespace sonoforge
