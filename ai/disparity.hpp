#pragma once
#include <string>
#include <vector>

#include "ai/bootstrap.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// For whom is it worse, by how much, and how sure is that. A metric may be any number a case: Dice, an error, or 0 and
/// 1 for right and wrong; among the diseased only, the last compares sensitivities (equal opportunity).

/// Metric of group A against group B. Where no patient is in both groups, p values come from permuting the patients
/// between the groups 1999 times and comparing Student's t of Welch's form [janssen1997]: exact where the groups are
/// alike, whatever the distribution, as of overlaps with rare misses, on which the t test itself raises up to 7 % false
/// alarms. Else they are Student's.
struct Disparity {
  double difference = 0;      ///< mean A - mean B
  double standard_error = 0;  ///< allows for patients, also for ones in both groups; NaN below two patients in either
  double degrees = 0;         ///< of freedom [satterthwaite1946]
  Interval interval;
  double p_value = 1;                ///< of no difference, two-sided
  double p_lower = 1, p_higher = 1;  ///< one-sided: of A not being lower, higher
  double t_p_value = 1;              ///< two-sided, by Student's t
  double ratio = 0;                  ///< mean A / mean B; NaN unless both are positive
  Interval ratio_interval;           ///< by the delta method for its logarithm
  double detectable = 0;             ///< smallest true difference found with 80 % probability
  std::size_t patients_a = 0, patients_b = 0;

  /// Probability that this comparison finds a true difference of that size.
  double power(double difference) const;
};
/// Values of the cases of both groups; `patients` name the patient of every case.
Disparity compare_groups(const std::vector<double>& a, const std::vector<std::string>& patients_a,
                         const std::vector<double>& b, const std::vector<std::string>& patients_b, double level = 0.95);

/// A metric as a function of a continuous factor: local linear regression with a normal kernel [fan1996], with
/// pointwise intervals from the residuals summed within patients. They say how sure the curve is where it is straight
/// within the bandwidth; bends sharper than that are smoothed.
struct DoseResponse {
  std::vector<double> factor, mean;  ///< at equal steps between the 2.5th and 97.5th percentile of the factor
  std::vector<Interval> interval;
  double bandwidth = 0;               ///< standard deviation of the kernel
  double slope = 0, slope_error = 0;  ///< of the straight line through all cases
  double p_value = 1;                 ///< of no slope
};
/// Empty curve and NaN where the factor takes fewer than three values or there are fewer than ten patients.
DoseResponse dose_response(const std::vector<double>& factor, const std::vector<double>& values,
                           const PatientClusters& clusters, std::size_t points = 25, double level = 0.95);

/// A named set of cases.
struct Slice {
  std::string name;
  std::vector<std::size_t> cases;
};
/// A slice that looked worst among many, judged on patients that took no part in the search.
struct ConfirmedSlice {
  std::string name;
  Disparity searched, confirmed;  ///< slice against the rest, in either half of the patients
  double p_value = 1;             ///< of the confirmation, one-sided, adjusted for the slices confirmed [holm1979]
};
/// Patients are split in halves at random. In the first, slices of at least `least_patients` patients are ranked by the
/// t statistic of being worse than the rest; the `count` worst are tested once in the second. Without the split, the
/// worst of many slices looks bad by chance alone. `lower_is_worse` for Dice, not for errors.
std::vector<ConfirmedSlice> worst_slices(const std::vector<double>& values, const std::vector<std::string>& patients,
                                         const std::vector<Slice>& slices, bool lower_is_worse,
                                         const RandomStream& random, std::size_t count = 3,
                                         std::size_t least_patients = 5);

/// A factor of every case: numbers, or words.
struct FactorColumn {
  std::string name;
  std::vector<double> numbers;     ///< empty for a factor of words
  std::vector<std::string> words;  ///< empty for a numeric factor
};
/// How the variance of a metric over cases is shared out over factors: Shapley's value of the adjusted coefficient of
/// determination of linear models with all subsets of the factors [shapley1953, lindeman1980]. A numeric factor enters
/// with its value and square, a word with a column a level. What interactions, sharper bends and chance do stays in
/// `unexplained`; shares and it sum to one. Adjusted: a factor without influence has a share of 0 on average, and can
/// be slightly negative.
struct VarianceShares {
  std::vector<double> share;
  double unexplained = 1;
};
/// At most twelve factors; NaN where the metric does not vary or there are too few cases for the columns.
VarianceShares variance_shares(const std::vector<FactorColumn>& factors, const std::vector<double>& values);

/// Twins: the same patient, simulated again with one factor forced. The difference is what the factor did to that
/// patient.
struct CausalEffect {
  Estimate effect;                    ///< mean of metric(twin) - metric(patient as drawn)
  double p_value = 1;                 ///< of no mean effect
  double deviation = 0;               ///< of the effect over patients
  std::size_t worse = 0, better = 0;  ///< pairs in which it fell, rose
  std::size_t flips = 0;              ///< pairs in which the decision changed
  Interval flip_interval;             ///< of the share of flips [wilson1927]
};
/// Pairs by index; `decisions` may be empty.
CausalEffect causal_effect(const std::vector<double>& twin, const std::vector<double>& drawn,
                           const std::vector<std::string>& patients, const std::vector<bool>& twin_decision = {},
                           const std::vector<bool>& drawn_decision = {});

}  // namespace sonoforge
