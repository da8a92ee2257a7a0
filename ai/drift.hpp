#pragma once
#include <cstddef>
#include <optional>
#include <vector>

#include "core/random.hpp"

namespace sonoforge {

/// One-sided cumulative sums of standardised values [page1954]: S = max(0, S + z - reference), an alarm where S exceeds
/// the limit. The best test for a lasting shift of 2 * reference standard deviations.
struct Cusum {
  double reference = 0.5;
  double limit = 4;
};

/// Mean number of values until an alarm where they are normal with variance 1 and mean `shift`: Page's integral
/// equation, solved on Gauss-Legendre nodes to about 1e-8 of the value. Throws `std::invalid_argument` for a negative
/// reference or limit.
double mean_run_length(const Cusum& cusum, double shift = 0);
/// The same by the approximation of a Brownian motion whose limit lies 1.166 higher [siegmund1985].
double siegmund_run_length(const Cusum& cusum, double shift = 0);
/// The limit at which false alarms come once in `run_length` values on average (2 to 1e7).
Cusum design_cusum(double reference, double run_length);

/// Index of the first value at which the alarm is raised.
std::optional<std::size_t> first_alarm(const Cusum& cusum, const std::vector<double>& standardised);

/// How a monitor would have done: values as they are until the onset, then drifted ones, drawn again and again.
struct DriftTrial {
  Cusum cusum;
  double designed_run_length = 0;
  std::size_t streams = 0;
  double found_run_length = 0;      ///< mean length until an alarm without drift
  double run_length_error = 0;      ///< its standard error
  double early_share = 0;           ///< streams with an alarm before the onset
  double expected_early_share = 0;  ///< 1 - exp(-onset / run length)
  double detected_share = 0;        ///< of the others, within `after` values
  double median_delay = 0;          ///< values from onset to alarm, of those detected
};
/// `usual` and `drifted` are a metric's values; `worse_is_lower` tells the direction watched. Values become normal ones
/// by their rank among the usual, so that the designed rate holds for any distribution. Streams draw with replacement.
/// Needs ten usual values and one drifted: `std::invalid_argument`.
DriftTrial simulate_drift(const std::vector<double>& usual, const std::vector<double>& drifted, bool worse_is_lower,
                          double reference, double run_length, std::size_t onset, std::size_t after,
                          std::size_t streams, const RandomStream& random);

}  // namespace sonoforge
