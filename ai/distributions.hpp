#pragma once
#include <cstddef>

namespace sonoforge {

/// Distribution functions behind the intervals and tests of validation. Relative errors are near 1e-12 while the
/// parameters stay below 1e5.

/// Regularised incomplete beta function I_x(a, b) for a, b > 0 and x in [0, 1]: Lentz' evaluation of the continued
/// fraction [dlmf, 8.17.22]. NaN outside.
double incomplete_beta(double a, double b, double x);
/// The x at which I_x(a, b) is `probability`.
double beta_quantile(double a, double b, double probability);

/// P(T <= t) of Student's distribution with `degrees` > 0 degrees of freedom, and its inverse on (0, 1).
double student_probability(double t, double degrees);
double student_quantile(double probability, double degrees);

/// P(F > f) of the F distribution.
double f_survival(double f, double numerator_degrees, double denominator_degrees);

/// P(X <= k) of a binomial distribution.
double binomial_probability(std::size_t k, std::size_t trials, double p);

}  // namespace sonoforge
