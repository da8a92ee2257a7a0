#pragma once
#include <vector>

namespace sonoforge {

/// Probability that sum_k weights[k] z_k^2 is above zero, z independent standard normal: the characteristic function
/// inverted by the trapezoidal rule [imhof1961, davies1980]. The area under the ROC curve of any quadratic test
/// between two Gaussian hypotheses has this form, so that no sampling is needed. Absolute error below 1e-6 for four or
/// more weights of similar size, below 1e-4 for two. One half where there are no weights but zeros; weights that are
/// not finite throw `std::invalid_argument`.
double positive_probability(const std::vector<double>& weights);

}  // namespace sonoforge
