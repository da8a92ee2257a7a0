#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "core/normal_distribution.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// Linear interpolation between order statistics at (n - 1) * probability; `values` need not be sorted. NaN without
/// values.
double quantile(std::vector<double> values, double probability);

struct Interval {
  double low = 0;
  double high = 0;
};

/// The standard error of which a normal 95 % interval has this width.
double standard_error_of(Interval interval);

/// Bias-corrected and accelerated bootstrap interval [efron1987]: `estimate` of the whole sample, its values in
/// bootstrap samples, its values with one unit (patient) left out at a time. Ties with the estimate count half. NaN
/// without either.
Interval bca_interval(double estimate, const std::vector<double>& bootstrap, const std::vector<double>& jackknife,
                      double level = 0.95);
/// The two constants inside: bias correction z0 and acceleration a.
double bca_bias_correction(double estimate, const std::vector<double>& bootstrap);
double bca_acceleration(const std::vector<double>& jackknife);

/// A number with its uncertainty.
struct Estimate {
  double value = 0;           ///< NaN where the data leave it undefined
  Interval interval;          ///< NaN where there is none, as with fewer than two patients
  double standard_error = 0;  ///< NaN where there is none; of the bootstrap: deviation over its samples
  std::size_t cases = 0, patients = 0;
};
/// Deviation of values with divisor n - 1; NaN below two.
double sample_deviation(const std::vector<double>& values);

/// Mean over cases with a BCa interval from `resamples` samples that draw whole patients with replacement: cases of one
/// patient are alike, and an interval over cases would be too narrow. The result depends on the stream and on the order
/// of values only, not on threads. `patients[i]` is the patient of case i.
Estimate clustered_mean(const std::vector<double>& values, const std::vector<std::string>& patients,
                        const RandomStream& random, std::size_t resamples = 2000, double level = 0.95);

/// Interval of a proportion `successes / trials` [wilson1927]; [0, 1] without trials.
Interval wilson_interval(std::size_t successes, std::size_t trials, double level = 0.95);

}  // namespace sonoforge
