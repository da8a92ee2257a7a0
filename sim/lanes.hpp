#pragma once
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numbers>

namespace sonoforge {

// Vectors of 32 bytes of float or double, and cos and sin of them.

template <class T>
struct Vector {
  static constexpr std::size_t lanes = 32 / sizeof(T);
  typedef T Type __attribute__((vector_size(32)));
};
template <class T>
using V = typename Vector<T>::Type;

template <class T>
V<T> load(const T* p) {
  V<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
void store(T* p, V<T> v) {
  std::memcpy(p, &v, sizeof v);
}

/// sum += a * b of complex numbers, in four fused multiply-adds.
template <class T>
inline void multiply_add(V<T> a_re, V<T> a_im, V<T> b_re, V<T> b_im, V<T>& re, V<T>& im) {
  re += a_re * b_re;
  re -= a_im * b_im;
  im += a_re * b_im;
  im += a_im * b_re;
}

/// Nearest integer for |x| < 2^(digits - 2).
template <class T>
V<T> nearest(V<T> x) {
  constexpr T shift = sizeof(T) == 4 ? T(0x1.8p23) : T(0x1.8p52);
  return (x + shift) - shift;
}

/// cos and sin of 2 pi turns for moderate |turns|.
template <class T>
void cis(V<T> turns, V<T>& cosine, V<T>& sine) {
  const V<T> reduced = turns - nearest<T>(turns);
  const V<T> quarter = nearest<T>(4 * reduced);
  const V<T> x = (reduced - T(0.25) * quarter) * T(2 * std::numbers::pi);
  const V<T> x2 = x * x;
  V<T> s, c;
  if constexpr (sizeof(T) == 4) {
    // Taylor; the first terms left out are below 2e-8 for |x| <= pi/4.
    s = x * (1 + x2 * (T(-1.0 / 6) + x2 * (T(1.0 / 120) + x2 * (T(-1.0 / 5040) + x2 * T(1.0 / 362880)))));
    c = 1 + x2 * (T(-0.5) + x2 * (T(1.0 / 24) + x2 * (T(-1.0 / 720) + x2 * (T(1.0 / 40320) - x2 * T(1.0 / 3628800)))));
  } else {
    s = x * (1 + x2 * (T(-1.0 / 6) +
                       x2 * (T(1.0 / 120) +
                             x2 * (T(-1.0 / 5040) +
                                   x2 * (T(1.0 / 362880) + x2 * (T(-1.0 / 39916800) + x2 * T(1.0 / 6227020800)))))));
    c = 1 + x2 * (T(-0.5) + x2 * (T(1.0 / 24) +
                                  x2 * (T(-1.0 / 720) +
                                        x2 * (T(1.0 / 40320) + x2 * (T(-1.0 / 3628800) + x2 * T(1.0 / 479001600))))));
  }
  // Turn by whole quarters: cos and sin of quarter * pi/2 are 1, 0, -1.
  const V<T> magnitude = quarter < 0 ? -quarter : quarter;
  const V<T> qc = 1 - magnitude, qs = quarter * (2 - magnitude);
  cosine = c * qc - s * qs;
  sine = s * qc + c * qs;
}

}  // namespace sonoforge
