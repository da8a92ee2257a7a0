#include "app/palette.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace sonoforge {
namespace {

using Triple = std::array<double, 3>;
using Matrix = std::array<Triple, 3>;

Triple times(const Matrix& m, const Triple& v) {
  Triple out{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j) out[i] += m[i][j] * v[j];
  return out;
}

double linear(double c) {
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

/// CIE 1976 L*a*b* of a colour as an eye sees it, whose loss is a matrix on linear sRGB.
Triple lab(Colour colour, const Matrix& eye) {
  Triple seen = times(eye, {linear(colour.r), linear(colour.g), linear(colour.b)});
  for (double& part : seen) part = std::clamp(part, 0.0, 1.0);
  constexpr Matrix to_xyz{
      {{0.4124564, 0.3575761, 0.1804375}, {0.2126729, 0.7151522, 0.0721750}, {0.0193339, 0.1191920, 0.9503041}}};
  constexpr Triple white{0.95047, 1, 1.08883};
  Triple f = times(to_xyz, seen);
  for (std::size_t i = 0; i < 3; ++i) {
    const double x = f[i] / white[i];
    f[i] = x > 216.0 / 24389 ? std::cbrt(x) : (24389.0 / 27 * x + 16) / 116;
  }
  return {116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])};
}

double smallest_difference(const Matrix& eye) {
  double smallest = 1e9;
  for (std::size_t a = 0; a < class_colours.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) {
      const Triple p = lab(class_colours[a], eye), q = lab(class_colours[b], eye);
      smallest = std::min(smallest, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
    }
  return smallest;
}

// The matrices are those of [machado2009] for the complete loss of one kind of cone.
TEST(Palette, ClassesAreToldApartByEverySight) {
  constexpr Matrix normal{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}},
      protan{{{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}}},
      deutan{{{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}}},
      tritan{{{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}}};
  EXPECT_GE(class_colours.size(), 20U);
  EXPECT_GE(smallest_difference(normal), 25);
  for (const Matrix& eye : {protan, deutan, tritan}) EXPECT_GE(smallest_difference(eye), 3 * 2.3);
}

// Outlines lie on pictures that are black to white: none may be lost in the black.
TEST(Palette, ClassesShowOnBlack) {
  for (const Colour& colour : class_colours)
    EXPECT_GT(lab(colour, {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}})[0], 35)
        << colour.r << " " << colour.g << " " << colour.b;
}

}  // namespace
}  // namespace sonoforge
