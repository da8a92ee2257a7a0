#include "ai/distributions.hpp"

#include <cmath>
#include <limits>

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The continued fraction of [dlmf, 8.17.22]; converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double tiny = 1e-300, tolerance = 1e-16;
  auto away_from_zero = [](double value) { return std::abs(value) < tiny ? tiny : value; };
  double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), product = d;
  for (int m = 1; m < 100000; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    product *= c * d;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    product *= c * d;
    if (std::abs(c * d - 1) < tolerance) break;
  }
  return product;
}

/// The root of an increasing function that changes sign between `low` and `high`, to the last bit.
template <class Function>
double bisected(Function&& function, double low, double high) {
  for (int step = 0; step < 2000; ++step) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (function(middle) < 0 ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (!(a > 0 && b > 0 && x >= 0 && x <= 1)) return nan;
  if (x == 0 || x == 1) return x;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  return std::exp(front) * beta_fraction(a, b, x) / a;
}

double beta_quantile(double a, double b, double probability) {
  if (!(a > 0 && b > 0 && probability >= 0 && probability <= 1)) return nan;
  if (probability == 0 || probability == 1) return probability;
  return bisected([&](double x) { return incomplete_beta(a, b, x) - probability; }, 0, 1);
}

double student_probability(double t, double degrees) {
  if (std::isnan(t) || !(degrees > 0)) return nan;
  if (std::isinf(t)) return t > 0 ? 1 : 0;
  const double square = t * t;
  // Of the two arguments the one that does not lose digits: x = n / (n + t^2) is near 1 for small t.
  const double tail = square < degrees ? 0.5 * (1 - incomplete_beta(0.5, 0.5 * degrees, square / (degrees + square)))
                                       : 0.5 * incomplete_beta(0.5 * degrees, 0.5, degrees / (degrees + square));
  return t > 0 ? 1 - tail : tail;
}

double student_quantile(double probability, double degrees) {
  if (!(probability > 0 && probability < 1) || !(degrees > 0)) return nan;
  if (probability == 0.5) return 0;
  if (probability > 0.5) return -student_quantile(1 - probability, degrees);
  double low = -1;
  while (student_probability(low, degrees) > probability) low *= 2;
  return bisected([&](double t) { return student_probability(t, degrees) - probability; }, low, 0);
}

double f_survival(double f, double numerator_degrees, double denominator_degrees) {
  if (std::isnan(f)) return nan;
  if (f <= 0) return 1;
  return incomplete_beta(0.5 * denominator_degrees, 0.5 * numerator_degrees,
                         denominator_degrees / (denominator_degrees + numerator_degrees * f));
}

double binomial_probability(std::size_t k, std::size_t trials, double p) {
  if (k >= trials) return 1;
  return incomplete_beta(static_cast<double>(trials - k), static_cast<double>(k) + 1, 1 - p);
}

}  // namespace sonoforge
