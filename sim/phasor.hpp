#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace sonoforge {

/// sin and cos of one angle without branches, so that loops over angles become vector code; |x| < 1e8. Error below
/// 3e-16 plus that of x itself: the angle is brought to [-pi/4, pi/4] in twice double precision, Taylor's series does
/// the rest.
inline void sin_cos(double x, double& sine, double& cosine) {
  constexpr double two_over_pi = 0.63661977236758134308, half_pi = 1.5707963267948965580,
                   half_pi_rest = 6.1232339957367658861e-17;
  constexpr double to_integer = 6755399441055744.0;  // 1.5 * 2^52: adding it leaves the nearest integer in the low bits
  const double shifted = x * two_over_pi + to_integer;
  const double turns = shifted - to_integer;
  const auto quadrant = std::bit_cast<std::uint64_t>(shifted);
  const double r = std::fma(-turns, half_pi_rest, std::fma(-turns, half_pi, x));
  const double q = r * r;
  double s = -1.0 / 1307674368000.0, c = 1.0 / 20922789888000.0;
  s = s * q + 1.0 / 6227020800.0, c = c * q - 1.0 / 87178291200.0;
  s = s * q - 1.0 / 39916800.0, c = c * q + 1.0 / 479001600.0;
  s = s * q + 1.0 / 362880.0, c = c * q - 1.0 / 3628800.0;
  s = s * q - 1.0 / 5040.0, c = c * q + 1.0 / 40320.0;
  s = s * q + 1.0 / 120.0, c = c * q - 1.0 / 720.0;
  s = s * q - 1.0 / 6.0, c = c * q + 1.0 / 24.0;
  c = c * q - 0.5;
  s = r + r * q * s, c = 1 + q * c;
  // Quadrants 1 and 3 exchange the two; bit 1 of the quadrant is the sine's sign, bit 1 of the next one the cosine's.
  const std::uint64_t exchange = 0 - (quadrant & 1);
  const auto s_bits = std::bit_cast<std::uint64_t>(s), c_bits = std::bit_cast<std::uint64_t>(c);
  sine = std::bit_cast<double>(((s_bits & ~exchange) | (c_bits & exchange)) ^ ((quadrant & 2) << 62));
  cosine = std::bit_cast<double>(((c_bits & ~exchange) | (s_bits & exchange)) ^ (((quadrant + 1) & 2) << 62));
}

/// exp(x) without branches, |x| < 1e8 and x < 700; 0 below -700. Relative error below 1e-15.
inline double exp_of_loss(double x) {
  constexpr double log2_e = 1.4426950408889634074, ln2 = 0.69314718055994528623, ln2_rest = 2.3190468138462995584e-17;
  constexpr double to_integer = 6755399441055744.0;
  const double shifted = x * log2_e + to_integer;
  const double power = shifted - to_integer;
  const double r = std::fma(-power, ln2_rest, std::fma(-power, ln2, x));
  double e = 1.0 / 479001600.0;
  e = e * r + 1.0 / 39916800.0;
  e = e * r + 1.0 / 3628800.0;
  e = e * r + 1.0 / 362880.0;
  e = e * r + 1.0 / 40320.0;
  e = e * r + 1.0 / 5040.0;
  e = e * r + 1.0 / 720.0;
  e = e * r + 1.0 / 120.0;
  e = e * r + 1.0 / 24.0;
  e = e * r + 1.0 / 6.0;
  e = e * r + 0.5;
  e = e * r + 1;
  e = e * r + 1;
  // The low bits of `shifted` hold the power of two: added to the exponent field. The sign of x + 700 clears what would
  // leave its range.
  const std::uint64_t value = std::bit_cast<std::uint64_t>(e) + (std::bit_cast<std::uint64_t>(shifted) << 52);
  const std::uint64_t too_small = 0 - (std::bit_cast<std::uint64_t>(x + 700) >> 63);
  return std::bit_cast<double>(value & ~too_small);
}

}  // namespace sonoforge
