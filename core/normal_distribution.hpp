#pragma once

namespace sonoforge {

/// Standard normal distribution function, and its inverse for a probability in (0, 1): -inf at 0, inf at 1, NaN outside.
double normal_probability(double z);
double normal_quantile(double probability);

}  // namespace sonoforge
