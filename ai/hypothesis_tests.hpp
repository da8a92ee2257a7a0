#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace sonoforge {

/// Two-sided tests. `p_value` is NaN where the data leave it undefined; sizes that do not fit throw
/// `std::invalid_argument`.
struct TestResult {
  double statistic = 0, p_value = 1;
};

/// Student's t of the paired differences a - b.
TestResult paired_t_test(std::span<const double> a, std::span<const double> b);
/// Wilcoxon's signed ranks of a - b; statistic: the smaller sum of ranks. Exact up to 50 pairs without ties and zeros,
/// else normal with the variance corrected for ties, without continuity correction; zero differences are left out
/// [wilcoxon1945].
TestResult wilcoxon_test(std::span<const double> a, std::span<const double> b);
/// Mann and Whitney's test of two independent samples; statistic: U of the first. Exact where one sample has at most 8
/// values, the other at most 5000, and nothing is tied, else normal with corrections for ties and continuity
/// [mann1947].
TestResult mann_whitney_test(std::span<const double> a, std::span<const double> b);
/// McNemar's exact test of two classifiers: cases that only the first, and only the second, decides rightly.
double mcnemar_p_value(std::size_t only_first, std::size_t only_second);

/// Adjusted p values in the order given; each is at most `alpha` exactly where its test is rejected. Holm holds the
/// chance of any false rejection [holm1979], Benjamini and Hochberg the expected share of false ones [benjamini1995].
std::vector<double> holm_adjusted(std::span<const double> p_values);
std::vector<double> benjamini_hochberg_adjusted(std::span<const double> p_values);

/// Planning. Smallest true difference that a two-sided test at `alpha` finds with probability `power`, where the
/// estimate of the difference has this standard error: (z_{1-alpha/2} + z_power) * standard error.
double detectable_difference(double standard_error, double power = 0.8, double alpha = 0.05);
/// Probability that such a test finds a difference that is there.
double power_of_test(double difference, double standard_error, double alpha = 0.05);
/// Standard error of an area under the ROC curve that a plan may expect, for so many diseased and healthy cases: exact
/// where both scores are exponentially distributed, near it for others [hanley1982].
double planned_area_error(double area, std::size_t diseased, std::size_t healthy);
/// Patients that bring the standard error to `wanted`, where `patients` of them gave `reached`.
double patients_for_standard_error(double reached, std::size_t patients, double wanted);

}  // namespace sonoforge
