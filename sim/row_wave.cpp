#include "sim/row_wave.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
constexpr double pi = std::numbers::pi;
constexpr double largest_ellipse = 25;  // whose cosines are far inside of what a float holds
constexpr std::size_t places = 6;       // on the upper half of an ellipse
constexpr std::size_t lanes = 4 * places;

/// The ellipse with foci +-1 that passes through w: the sum of its half axes.
double ellipse_through(Complex w) {
  const Complex root = std::sqrt(w * w - 1.0);
  return std::max(std::abs(w + root), std::abs(w - root));
}

/// To 6 %, in vectors: the exponent and the leading digits of the number itself.
float rough_log2(float x) {
  return static_cast<float>(std::bit_cast<std::int32_t>(x)) * 0x1p-23F - 126.97F;
}

/// Real and imaginary parts of some numbers.
struct Numbers {
  alignas(64) float re[lanes], im[lanes];
};

/// The largest ellipse without singularities.
double largest_ellipse_of(const RowWave& wave, double middle, double half) {
  double limit = largest_ellipse;
  const auto include = [&](Complex angle) { limit = std::min(limit, ellipse_through((angle - middle) / half)); };
  for (const auto& way : wave.ways) {
    // Where the range is 0.
    Complex tangent(way.offset, way.distance);
    if (wave.curvature > 0)
      tangent = std::sin(Complex(std::asin(std::clamp(way.offset * wave.curvature, -1.0, 1.0)),
                                 std::asinh(way.distance * wave.curvature / way.stretch))) /
                wave.curvature;
    if (std::abs(tangent - Complex(0, 1)) > 1e-12) include(std::atan(tangent));
  }
  if (wave.curvature > 0)  // the far side of the circle
    for (double side : {-1.0, 1.0}) include(side * std::atan(1 / wave.curvature));
  if (wave.half_power < 0.5)  // a root of the range is none of an analytic function where the range is infinite
    for (double side : {-1.0, 1.0}) include(side * pi / 2);
  if (wave.baffle > 0 && wave.baffle < 1)  // where the obliquity is infinite
    for (double side : {-1.0, 1.0}) include(side * std::acos(-wave.baffle));
  return limit;
}

/// q = range * cos(theta), and the excess of the range over that of the centre, (q - 1) / cos(theta).
void ranges_on_line(const RowWave& wave, const Numbers& c, const Numbers& s, Numbers& q, Numbers& excess) {
  float offset[lanes], more[lanes];
  for (std::size_t i = 0; i < lanes; ++i) {
    const auto& way = wave.ways[i / places];
    offset[i] = static_cast<float>(-2 * way.offset);
    more[i] = static_cast<float>(way.offset * way.offset + way.distance * way.distance - 1);
  }
#pragma omp simd
  for (std::size_t i = 0; i < lanes; ++i) {
    // q^2 = 1 + (b cos - 2 a sin) cos
    const float x = offset[i] * s.re[i] + more[i] * c.re[i], y = offset[i] * s.im[i] + more[i] * c.im[i];
    const float re = 1 + x * c.re[i] - y * c.im[i], im = x * c.im[i] + y * c.re[i];
    const float magnitude = std::sqrt(re * re + im * im);
    const float root = std::sqrt(std::max((magnitude + re) / 2, 1e-30F));
    q.re[i] = root, q.im[i] = im / (2 * root);
    const float u = 1 + root, v = q.im[i], inverse = 1 / (u * u + v * v);
    excess.re[i] = (x * u + y * v) * inverse, excess.im[i] = (y * u - x * v) * inverse;
  }
}
void ranges_on_arc(const RowWave& wave, const Numbers& c, const Numbers& s, Numbers& q, Numbers& excess) {
  for (std::size_t i = 0; i < lanes; ++i) {
    const auto& way = wave.ways[i / places];
    const Complex cosine(c.re[i], c.im[i]), sine(s.re[i], s.im[i]);
    const Complex half_sine = wave.curvature * sine / cosine, half_cosine = std::sqrt(1.0 - half_sine * half_sine);
    const double turn = way.offset * wave.curvature;
    const Complex across =
        way.stretch * (sine * std::sqrt(std::max(0.0, 1 - turn * turn)) - cosine * half_cosine * way.offset);
    const Complex root = std::sqrt(way.distance * way.distance * cosine * cosine + across * across);
    const Complex beyond = (root - 1.0) / cosine;
    q.re[i] = static_cast<float>(root.real()), q.im[i] = static_cast<float>(root.imag());
    excess.re[i] = static_cast<float>(beyond.real()), excess.im[i] = static_cast<float>(beyond.imag());
  }
}

/// log of the largest magnitude on an ellipse.
double log_magnitude(const RowWave& wave, double middle, double half, double rho) {
  // By symmetry the upper half of the ellipse is enough.
  static const auto turns = [] {
    std::array<std::array<double, 2>, places> made;
    for (std::size_t i = 0; i < places; ++i) {
      const double turn = pi * (static_cast<double>(i) + 0.5) / places;
      made[i] = {std::cos(turn), std::sin(turn)};
    }
    return made;
  }();
  Numbers c, s, q, excess;
  for (std::size_t i = 0; i < places; ++i) {
    const double x = middle + half * (rho + 1 / rho) / 2 * turns[i][0];
    const double up = std::exp(half * (rho - 1 / rho) / 2 * turns[i][1]), down = 1 / up;
    const auto cosine = static_cast<float>(std::cos(x)), sine = static_cast<float>(std::sin(x));
    for (std::size_t way = 0; way < 4; ++way) {
      const std::size_t at = way * places + i;
      const auto real = static_cast<float>((up + down) / 2), imaginary = static_cast<float>((up - down) / 2);
      c.re[at] = cosine * real, c.im[at] = -sine * imaginary;
      s.re[at] = sine * real, s.im[at] = cosine * imaginary;
    }
  }
  if (wave.curvature > 0)
    ranges_on_arc(wave, c, s, q, excess);
  else
    ranges_on_line(wave, c, s, q, excess);
  const bool oblique = wave.baffle > 0, soft = std::isinf(wave.baffle);
  const float ratio = soft ? 0.0F : static_cast<float>(wave.baffle), fall = static_cast<float>(wave.fall),
              power = static_cast<float>(wave.half_power), wavenumber = static_cast<float>(wave.wavenumber);
  float values[lanes];
#pragma omp simd
  for (std::size_t i = 0; i < lanes; ++i) {
    const float inverse = 1 / (q.re[i] * q.re[i] + q.im[i] * q.im[i]);
    const float re = (c.re[i] * q.re[i] + c.im[i] * q.im[i]) * inverse,
                im = (c.im[i] * q.re[i] - c.re[i] * q.im[i]) * inverse;
    float square = re * re + im * im;
    float value = power * rough_log2(square);
    // The cosine at the element: on an arc it falls by fall * tan^2.
    const float c2 = 1 / (c.re[i] * c.re[i] + c.im[i] * c.im[i]);
    const float t_re = (s.re[i] * c.re[i] + s.im[i] * c.im[i]) * c2,
                t_im = (s.im[i] * c.re[i] - s.re[i] * c.im[i]) * c2;
    const float f_re = 1 - fall * (t_re * t_re - t_im * t_im), f_im = -2 * fall * t_re * t_im;
    const float o_re = re * f_re - im * f_im, o_im = re * f_im + im * f_re;
    square = o_re * o_re + o_im * o_im;
    const float beside = soft ? 1 : ((o_re + ratio) * (o_re + ratio) + o_im * o_im) / ((1 + ratio) * (1 + ratio));
    value += oblique ? 0.5F * rough_log2(square / beside) : 0.0F;
    values[i] = value * std::numbers::ln2_v<float> + wavenumber * std::abs(excess.im[i]);
  }
  return static_cast<double>(*std::max_element(values, values + lanes));
}

}  // namespace

std::size_t chebyshev_points_of(const RowWave& wave, double tolerance, std::size_t most) {
  const double middle = (wave.first + wave.last) / 2, half = std::max((wave.last - wave.first) / 2, 1e-9);
  const double limit = 0.97 * std::log(largest_ellipse_of(wave, middle, half)),
               wanted = std::log(tolerance * wave.level);
  if (!(limit > 1e-3)) return most;
  const auto count = [&](double log_rho) {
    return (log_magnitude(wave, middle, half, std::exp(log_rho)) - wanted) / log_rho + 1;
  };
  // Downhill from where many cells have their best ellipse.
  constexpr double usual = 0.9, step = 0.72;
  double at = std::min(limit, usual), least = count(at);
  const auto descend = [&](double factor) {
    for (double next = at * factor; next <= limit && next > 1e-3; next *= factor) {
      const double value = count(next);
      if (value >= least) return;
      least = value, at = next;
    }
  };
  const double start = at;
  descend(step);
  if (at == start) descend(1 / step);
  return std::min(most, static_cast<std::size_t>(std::ceil(std::max(least, 1.0))));
}

}  // namespace sonoforge
