#pragma once
#include <bit>
#include <cstdint>
#include <numbers>

namespace sonoforge {

// Elementary functions in double without branches or calls, so that the compiler can vectorise loops over them. All are
// accurate to a few units in the last place over the range stated; the same input gives the same bits wherever it
// stands.

/// Nearest integer (ties to even) for |x| < 2^51: adding 1.5 * 2^52 leaves no room for a fraction.
inline double nearest_integer(double x) {
  constexpr double shift = 0x1.8p52;
  return (x + shift) - shift;
}

/// cos and sin of 2 pi turns, for |turns| < 2^50. Reduction in turns is exact, so that phases of thousands of radians
/// keep all digits that `turns` has.
inline void cis_turns(double turns, double& cosine, double& sine) {
  const double reduced = turns - nearest_integer(turns);                 // [-1/2, 1/2]
  const double quarter = nearest_integer(4 * reduced);                   // -2 .. 2
  const double x = (reduced - 0.25 * quarter) * (2 * std::numbers::pi);  // [-pi/4, pi/4]
  const double x2 = x * x;
  // Taylor: the first terms left out are below 5e-17 for |x| <= pi/4.
  const double s =
      x *
      (1 + x2 * (-1.0 / 6 +
                 x2 * (1.0 / 120 +
                       x2 * (-1.0 / 5040 + x2 * (1.0 / 362880 + x2 * (-1.0 / 39916800 + x2 * (1.0 / 6227020800 -
                                                                                              x2 / 1307674368000)))))));
  const double c =
      1 +
      x2 * (-1.0 / 2 +
            x2 * (1.0 / 24 +
                  x2 * (-1.0 / 720 + x2 * (1.0 / 40320 + x2 * (-1.0 / 3628800 +
                                                               x2 * (1.0 / 479001600 + x2 * (-1.0 / 87178291200 +
                                                                                             x2 / 20922789888000)))))));
  // Turn by whole quarters: cos and sin of quarter * pi/2 are 1, 0, -1.
  const double magnitude = __builtin_fabs(quarter);
  const double qc = 1 - magnitude, qs = quarter * (2 - magnitude);
  cosine = c * qc - s * qs;
  sine = s * qc + c * qs;
}

/// The same in float, for |turns| < 2^20: to 2e-7.
inline void cis_turns(float turns, float& cosine, float& sine) {
  constexpr float shift = 0x1.8p23f;
  const float reduced = turns - ((turns + shift) - shift);
  const float quarter = (4 * reduced + shift) - shift;
  const float x = (reduced - 0.25f * quarter) * static_cast<float>(2 * std::numbers::pi), x2 = x * x;
  const float s = x * (1 + x2 * (-1.0f / 6 + x2 * (1.0f / 120 + x2 * (-1.0f / 5040 + x2 * (1.0f / 362880)))));
  const float c = 1 + x2 * (-0.5f + x2 * (1.0f / 24 + x2 * (-1.0f / 720 + x2 * (1.0f / 40320 - x2 * (1.0f / 3628800)))));
  const float magnitude = __builtin_fabsf(quarter);
  const float qc = 1 - magnitude, qs = quarter * (2 - magnitude);
  cosine = c * qc - s * qs;
  sine = s * qc + c * qs;
}

/// exp(x) for -1e6 < x < 700, to 2e-13 relative; below -700 it stays at exp(-700).
inline double exp_bounded(double x) {
  // max(x, -700) without a comparison, which would keep loops from being vectorised.
  const double above = x + 700;
  x = 0.5 * (above + __builtin_fabs(above)) - 700;
  const double n = nearest_integer(x * std::numbers::log2e);
  const double r = (x - n * 0x1.62e42fee00000p-1) - n * 0x1.a39ef35793c76p-33;  // ln 2 in two parts
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  // 2^n: the low bits of 1.5 * 2^52 + (n + 1023) are the exponent field.
  const auto bits = std::bit_cast<std::uint64_t>(n + (0x1.8p52 + 1023));
  return p * std::bit_cast<double>(bits << 52);
}

}  // namespace sonoforge
