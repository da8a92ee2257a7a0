#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ai/statistics.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// Cases of one patient are alike: what is resampled is the patient, with all cases.
class PatientClusters {
 public:
  /// `patients[i]` is the patient of case i.
  explicit PatientClusters(const std::vector<std::string>& patients);
  std::size_t size() const { return cases_.size(); }
  const std::vector<std::size_t>& cases(std::size_t patient) const { return cases_[patient]; }
  std::size_t case_count() const { return count_; }

 private:
  std::vector<std::vector<std::size_t>> cases_;  ///< in order of first appearance
  std::size_t count_ = 0;
};

/// A statistic of cases, given by index, with repetitions; NaN where it is not defined (one class only).
using Statistic = std::function<double(std::span<const std::size_t>)>;

/// BCa interval [efron1987] of any smooth statistic, whole patients drawn with replacement. The acceleration leaves out
/// one patient at a time, or, above 500 patients, one of 500 blocks. Samples in which the statistic is not defined are
/// left out; where they are more than one in twenty there is no interval. Not for medians and other quantiles, for
/// which the bootstrap is wrong in small samples: see `median_interval`. Bits depend on the stream only, not on
/// threads.
Estimate bootstrap(const Statistic& statistic, const PatientClusters& clusters, const RandomStream& random,
                   std::size_t resamples = 2000, double level = 0.95);

/// Distribution-free interval of a median: the order statistics whose binomial probability of holding it is at least
/// `level` [conover1999]. For independent values; infinite ends where there are too few (below 6 at 95 %).
Interval median_interval(std::vector<double> values, double level = 0.95);

/// Mean over cases and its interval from Student's t with the standard error that allows for clusters of patients
/// [liang1986]: sum over patients of (sum of residuals)^2, times g / (g - 1). Degrees of freedom: patients - 1.
Estimate robust_mean(const std::vector<double>& values, const PatientClusters& clusters, double level = 0.95);

/// Below this many cases intervals are too narrow or too wide by more than a few percent: reports warn.
inline constexpr std::size_t few_cases = 50;

}  // namespace sonoforge
