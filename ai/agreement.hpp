#pragma once
#include <cstddef>
#include <span>

#include "ai/statistics.hpp"

namespace sonoforge {

/// How well two measurements of the same cases agree. Sizes that do not fit throw `std::invalid_argument`; what too few
/// cases or no variance leave undefined is NaN.

/// Bland and Altman's analysis of d = a - b [bland1999]: bias with its t interval, limits of agreement bias -+ 1.96 sd
/// (sd divided by n - 1), their intervals from the approximate standard error sd sqrt(1/n + 1.96^2 / (2 (n - 1))) and
/// t quantiles. Limits are about single patients: they do not shrink with n, their intervals do.
struct BlandAltman {
  double bias = 0, deviation = 0;
  Interval bias_interval;
  Interval limits;                          ///< of agreement
  Interval lower_interval, upper_interval;  ///< of either limit
};
BlandAltman bland_altman(std::span<const double> a, std::span<const double> b, double level = 0.95);

double mean_absolute_error(std::span<const double> a, std::span<const double> b);
double root_mean_square_error(std::span<const double> a, std::span<const double> b);
/// Mean of |truth - found| / |truth|.
double mean_absolute_percentage_error(std::span<const double> truth, std::span<const double> found);
/// 1 - sum (truth - found)^2 / sum (truth - mean truth)^2.
double coefficient_of_determination(std::span<const double> truth, std::span<const double> found);

double pearson_correlation(std::span<const double> a, std::span<const double> b);
double spearman_correlation(std::span<const double> a, std::span<const double> b);  ///< of mid-ranks
double kendall_correlation(std::span<const double> a, std::span<const double> b);   ///< tau-b
/// Lin's concordance 2 cov / (var a + var b + (mean a - mean b)^2), population variances [lin1989].
double concordance_correlation(std::span<const double> a, std::span<const double> b);

/// Intraclass correlations of two raters, single measurements [shrout1979]: cases rated by other raters each (1,1), by
/// the same raters drawn from many (2,1), by these raters and no others (3,1).
struct IntraclassCorrelation {
  double one_way = 0, two_way_random = 0, two_way_mixed = 0;
};
IntraclassCorrelation intraclass_correlation(std::span<const double> a, std::span<const double> b);

/// Repeated measurements of the same patients: deviation within a patient, and the coefficient 1.96 sqrt(2) times that,
/// which two repetitions differ by in 5 % of pairs [bland1999]. `values` of patient k are values[k * repeats + i].
struct Repeatability {
  double within_deviation = 0, coefficient = 0;
  double within_variation = 0;  ///< within deviation over the mean
};
Repeatability repeatability(std::span<const double> values, std::size_t repeats);

/// Ranks from 1; ties share their mean rank.
std::vector<double> mid_ranks(std::span<const double> values);

}  // namespace sonoforge
