#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "sim/band.hpp"
#include "sim/element_response.hpp"
#include "sim/signal_grid.hpp"
#include "sim/surface_quadrature.hpp"

// The tools of the physical model, each against what it stands for.

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
constexpr double pi = std::numbers::pi;

TEST(GaussRule, IntegratesPolynomialsOfDegreeBelowTwiceItsOrder) {
  for (int n = 1; n <= max_gauss_order; ++n) {
    const GaussRule& rule = gauss_rule(n);
    for (int degree : {0, 1, n, 2 * n - 2, 2 * n - 1}) {
      double sum = 0;
      for (int i = 0; i < n; ++i) sum += rule.weights[i] * std::pow(rule.nodes[i], degree);
      EXPECT_NEAR(sum, degree % 2 ? 0 : 2.0 / (degree + 1), 1e-14) << n << " " << degree;
    }
  }
}

TEST(OscillationTerms, BoundTheTailOfTheSeries) {
  // The Chebyshev coefficients of exp(i a x) are 2 |J_n(a)|; those left out must sum to less than the tolerance.
  for (double a : {0.0, 0.3, 1.0, 4.0, 15.0, 60.0})
    for (double tolerance : {1e-2, 1e-4, 1e-8}) {
      const int terms = oscillation_terms(a, tolerance);
      double tail = 0;
      for (int n = terms; n < terms + 100; ++n) tail += 2 * std::abs(std::cyl_bessel_j(n, a));
      EXPECT_LT(tail, 2 * tolerance) << a;
      // And it does not waste many: the bound (a/2)^n / n! grows loose as e a / 2.
      EXPECT_LT(terms, 1.4 * a + 14) << a;
    }
}

TEST(OscillationTerms, LargeSpansNeitherOverflowNorTakeTime) {
  // Where the terms are no longer counted one by one they are a few more, and they grow as e / 2 times the span.
  const int counted = oscillation_terms(999.9, 1e-6), estimated = oscillation_terms(1000.1, 1e-6);
  EXPECT_GE(estimated, counted);
  EXPECT_LE(estimated, counted + 30);
  for (double span : {1430.0, 1e5, 1e8}) EXPECT_NEAR(oscillation_terms(span, 1e-6) / span, std::numbers::e / 2, 0.03);
  EXPECT_EQ(oscillation_terms(1e300, 1e-6), 1'000'000'000);
}

TEST(PlaceNodes, WeightsSumToTheIntegralOfTheFallOff) {
  // Over a disc on its axis, the integral of 1/(2 pi r) is sqrt(z^2 + a^2) - z, from far away down to the face itself.
  Element disc;
  disc.shape = Element::Shape::disc;
  disc.width = disc.height = 4e-3;
  SurfaceIntegral integral{3, 0, std::numeric_limits<double>::infinity(), 2e4, 1e-7};
  SurfaceNodes nodes;
  for (double z : {0.0, 1e-6, 1e-4, 2e-3, 30e-3}) {
    place_nodes(disc, {0, 0, z}, integral, nodes);
    double sum = 0;
    for (double weight : nodes.weight) sum += weight;
    EXPECT_NEAR(sum / (std::hypot(z, 2e-3) - z), 1, 1e-6) << z;
  }
  place_nodes(disc, {0, 0, -1e-3}, integral, nodes);
  EXPECT_EQ(nodes.size(), 0u);
}

TEST(PlaceNodes, FarPointsNeedFewNodes) {
  // An element of half a wavelength from afar: a handful of nodes must do, or arrays become slow.
  Element element;
  element.width = element.height = 0.15e-3;
  SurfaceNodes nodes;
  place_nodes(element, {5e-3, 0, 40e-3}, {3, 0, std::numeric_limits<double>::infinity(), 2 * pi * 5e6 / 1540, 1e-4},
              nodes);
  EXPECT_LE(nodes.size(), 36u);
}

TEST(ScaledHankel, MatchesBesselFunctionsOnTheRealAxis) {
  for (double z : {1e-3, 0.1, 1.0, 5.0, 11.9, 12.1, 40.0, 300.0}) {
    const Complex expected = Complex(std::cyl_bessel_j(0, z), -std::cyl_neumann(0, z)) * std::polar(1.0, z);
    EXPECT_LT(std::abs(scaled_hankel(z) - expected) / std::abs(expected), 1e-9) << z;
  }
}

TEST(ScaledHankel, IsAnalyticOffTheRealAxis) {
  // Cauchy-Riemann by central differences: the derivative along the imaginary axis is i times that along the real one.
  for (double x : {3.0, 11.5, 20.0}) {
    const Complex z(x, -0.05 * x);
    const double h = 1e-4 * x;
    const Complex along = (scaled_hankel(z + h) - scaled_hankel(z - h)) / (2 * h);
    const Complex across = (scaled_hankel(z + Complex(0, h)) - scaled_hankel(z - Complex(0, h))) / Complex(0, 2 * h);
    // Both differences err by h^2/6 of the third derivative, which is of the order of the function over x^3.
    EXPECT_LT(std::abs(along - across) / std::abs(along), 1e-6);
  }
}

TEST(Band, InterpolatesSmoothFunctionsToRounding) {
  std::vector<double> frequencies;
  for (int i = 0; i < 400; ++i) frequencies.push_back(2e6 + 1e4 * i);
  const Band band(frequencies, UniformMedium(1540, {}, 4e6, true));
  // exp(-i k d) over 0.4 mm turns by 3.3 rad either way: 20 nodes leave 2 J_20(3.3) = 1e-14.
  const double d = 0.4e-3;
  const BandNodes& nodes = band.nodes(band.level_for(20));
  ASSERT_GE(nodes.frequency.size(), 20u);
  for (std::size_t b = 0; b < band.size(); ++b) {
    Complex sum = 0;
    for (std::size_t j = 0; j < nodes.frequency.size(); ++j)
      sum += nodes.matrix[j * band.size() + b] * std::polar(1.0, -nodes.wavenumber[j] * d);
    ASSERT_LT(std::abs(sum - std::polar(1.0, -band.wavenumber()[b] * d)), 1e-12);
  }
}

TEST(Band, FallsBackToItsBins) {
  const Band band({1e6, 2e6, 3e6}, UniformMedium(1540, {}, 2e6, true));
  const BandNodes& nodes = band.nodes(band.level_for(50));
  EXPECT_EQ(nodes.frequency, band.frequency());
  EXPECT_TRUE(nodes.matrix.empty());
}

TEST(SignalGrid, SynthesizesASignalFromItsTransform) {
  // p(t) = exp(-t^2/(2 s^2)) cos(w t + 0.7), whose transform for f > 0 is s sqrt(pi/2) exp(...) e^{0.7 i}. Sampled
  // densely or far below its band, and from any start on.
  const double f0 = 4e6, s = 0.3e-6;
  for (double fs : {50e6, 3e6}) {
    const SignalGrid grid(fs, 12e-6);
    std::vector<Complex> spectrum;
    for (std::size_t k = 0; static_cast<double>(k) * grid.spacing() < 9e6; ++k) {
      const double f = static_cast<double>(k) * grid.spacing();
      spectrum.push_back(s * std::sqrt(pi / 2) * std::exp(-2 * std::pow(pi * s * (f - f0), 2)) * std::polar(1.0, 0.7));
    }
    const double start = -3.21e-6;
    std::vector<double> samples(grid.length());
    grid.synthesize(std::span(spectrum).subspan(1), 1, start, samples);
    for (std::size_t n = 0; n < static_cast<std::size_t>(8e-6 * fs); ++n) {
      const double t = start + static_cast<double>(n) / fs;
      EXPECT_NEAR(samples[n], std::exp(-t * t / (2 * s * s)) * std::cos(2 * pi * f0 * t + 0.7), 1e-9) << fs << " " << n;
    }
  }
}

TEST(SignalGrid, RefinedKeepsTheSignal) {
  const SignalGrid coarse(20e6, 5e-6), fine = coarse.refined(4);
  EXPECT_NEAR(fine.spacing(), coarse.spacing(), 1e-6);
  const std::vector<Complex> spectrum{{1e-6, 2e-6}, {0, -1e-6}};
  std::vector<double> a(coarse.length()), b(fine.length());
  coarse.synthesize(spectrum, 3, 1e-7, a);
  fine.synthesize(spectrum, 3, 1e-7, b);
  for (std::size_t n = 0; n < a.size(); ++n) EXPECT_NEAR(a[n], b[4 * n], 1e-12);
}

TEST(SignificantBins, FindsTheBandAndSaysWhereItWasCut) {
  const auto gaussian = [](double f) { return std::exp(-std::pow((f - 5e6) / 1e6, 2)); };
  const BinRange range = significant_bins(1e4, 20e6, 1e-4, gaussian);
  // exp(-x^2) = 1e-4 at x = 3.035.
  EXPECT_EQ(range.first, 197u);
  EXPECT_EQ(range.first + range.count - 1, 803u);
  EXPECT_EQ(range.cut_level, 0);
  EXPECT_NEAR(significant_bins(1e4, 5e6, 1e-4, gaussian).cut_level, 1, 1e-12);
  EXPECT_EQ(significant_bins(1e4, 5e6, 1e-4, [](double) { return 0.0; }).count, 0u);
}

TEST(SignalHalfDuration, OfAGaussian) {
  // exp(-t^2/(2 s^2)) = 1e-6 at 5.257 s; the largest of cos within a sample of that.
  const double s = 0.2e-6, f0 = 5e6;
  const auto spectrum = [&](double f) -> Complex { return std::exp(-2 * std::pow(pi * s * (f - f0), 2)); };
  EXPECT_NEAR(signal_half_duration(spectrum, 25e6, 4e-6), 5.257 * s, 0.06e-6);
}

}  // namespace
}  // namespace sonoforge
