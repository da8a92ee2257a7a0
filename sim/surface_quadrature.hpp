#pragma once
#include <span>
#include <vector>

#include "core/vec3.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {

/// Nodes and weights of n-point Gauss-Legendre quadrature on [-1, 1], 1 <= n <= max_gauss_order.
struct GaussRule {
  std::vector<double> nodes, weights;
};
constexpr int max_gauss_order = 64;
const GaussRule& gauss_rule(int n);

/// How many terms a Chebyshev or Legendre series of exp(i a x), |x| <= 1, needs to leave less than `tolerance`: its
/// coefficients are Bessel functions, 2 |J_n(a)| <= 2 (a/2)^n / n!.
int oscillation_terms(double half_span, double tolerance);

/// An element's surface as one point of the field sees it: the integral of exp(-i k path) O / (2 pi r) dS (in two
/// dimensions: O dS alone) is the sum of weight * exp(-i k path).
struct SurfaceNodes {
  std::vector<double> distance;  ///< r [m]
  std::vector<double> path;      ///< r minus what the lens takes off, sqrt(y^2 + F^2) - F [m]
  std::vector<double> weight;    ///< [m], in two dimensions [m] too

  void clear() { distance.clear(), path.clear(), weight.clear(); }
  std::size_t size() const { return path.size(); }
};

/// Which integral is wanted, and how well.
struct SurfaceIntegral {
  int dimensions = 3;
  double baffle = 0;              ///< impedance ratio as in Probe: obliquity 1 (rigid), cos (soft), cos / (cos + ratio)
  double elevation_focus = 0;     ///< of the lens on rectangular elements [m]; infinity = none
  double largest_wavenumber = 0;  ///< [rad/m]
  double tolerance = 1e-4;        ///< relative to the integral of the absolute value
};

/// Places Gauss-Legendre nodes on one element for one field point. The surface is cut into patches no larger than about
/// four times their distance, each with as many nodes a side as the phase k r and the fall-off 1/r across it ask for.
/// None for points behind the element. Every node adds to `nodes`, which is cleared first. Throws a `ConfigError` of the probe
/// where an element would need more than ten million.
void place_nodes(const Element& element, Vec3 point, const SurfaceIntegral& integral, SurfaceNodes& nodes);

}  // namespace sonoforge
