#include "sim/surface_quadrature.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/error.hpp"
#include "core/progress.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;
constexpr std::size_t most_surface_nodes = 10'000'000;  // of one element and point: 240 MB a thread

GaussRule make_gauss_rule(int n) {
  GaussRule rule;
  for (int i = 0; i < n; ++i) {
    // Newton's method on the Legendre polynomial P_n from the usual first guess.
    double x = -std::cos(pi * (i + 0.75) / (n + 0.5)), derivative = 1;
    for (int iteration = 0; iteration < 100; ++iteration) {
      double previous = 1, value = x;
      for (int k = 2; k <= n; ++k) {
        const double next = ((2 * k - 1) * x * value - (k - 1) * previous) / k;
        previous = value, value = next;
      }
      derivative = n * (x * value - previous) / (x * x - 1);
      const double step = value / derivative;
      x -= step;
      if (std::abs(step) < 1e-16) break;
    }
    rule.nodes.push_back(x);
    rule.weights.push_back(2 / ((1 - x * x) * derivative * derivative));
  }
  return rule;
}

/// One point of a surface with its derivatives by the two parameters.
struct SurfacePoint {
  Vec3 position, by_first, by_second, normal;
  double lens = 0;  // [m]
};

/// Position and its derivatives in the frame of the element: x along the width, y along the height, z along the normal.
class Surface {
 public:
  Surface(const Element& element, double elevation_focus) : element_(element), focus_(elevation_focus) {}

  SurfacePoint at(double a, double b) const {
    SurfacePoint p;
    p.normal = {0, 0, 1};
    switch (element_.shape) {
      case Element::Shape::rectangle:
        p.position = {a, b, 0}, p.by_first = {1, 0, 0}, p.by_second = {0, 1, 0};
        if (std::isfinite(focus_)) p.lens = b * b / (std::sqrt(b * b + focus_ * focus_) + focus_);
        break;
      case Element::Shape::disc: {
        const double c = std::cos(b), s = std::sin(b);
        p.position = {a * c, a * s, 0}, p.by_first = {c, s, 0}, p.by_second = {-a * s, a * c, 0};
        break;
      }
      case Element::Shape::bowl: {
        const double c = std::cos(b), s = std::sin(b), radius = element_.curvature_radius;
        const double sin_a = std::sin(a), cos_a = std::cos(a), half = std::sin(a / 2);
        p.position = {radius * sin_a * c, radius * sin_a * s, 2 * radius * half * half};
        p.by_first = {radius * cos_a * c, radius * cos_a * s, radius * sin_a};
        p.by_second = {-radius * sin_a * s, radius * sin_a * c, 0};
        p.normal = {-sin_a * c, -sin_a * s, cos_a};
        break;
      }
    }
    return p;
  }

 private:
  const Element& element_;
  double focus_;
};

/// A range of the two parameters.
struct Patch {
  double a0, a1, b0, b1;
};

class NodePlacer {
 public:
  NodePlacer(const Surface& surface, Vec3 point, const SurfaceIntegral& integral, double smallest, SurfaceNodes& nodes)
      : surface_(surface), point_(point), integral_(integral), smallest_(smallest), nodes_(nodes) {}

  void place(const Patch& patch, int depth = 0) {
    const double half_a = (patch.a1 - patch.a0) / 2, half_b = (patch.b1 - patch.b0) / 2;
    const SurfacePoint centre = surface_.at(patch.a0 + half_a, patch.b0 + half_b);
    // Half sides and phase half spans: k times the largest slope of the path, seen at nine points.
    double side_a = 0, side_b = 0, span_a = 0, span_b = 0, sag = 0;
    for (int i = 0; i < 9; ++i) {
      const double a = patch.a0 + (i % 3) * half_a, b = patch.b0 + (i / 3) * half_b;
      const SurfacePoint p = surface_.at(a, b);
      const Vec3 line = p.position - point_;
      const double inverse = 1 / std::max(norm(line), 1e-12);
      // The lens's slope along b; rectangles alone have one.
      const double lens_slope = p.lens == 0 ? 0 : b / (p.lens + integral_.elevation_focus);
      side_a = std::max(side_a, norm(p.by_first) * half_a);
      side_b = std::max(side_b, norm(p.by_second) * half_b);
      span_a = std::max(span_a, std::abs(dot(p.by_first, line)) * inverse * half_a);
      span_b = std::max(span_b, std::abs(dot(p.by_second, line) * inverse - lens_slope) * half_b);
      sag = std::max(sag, std::abs(dot(p.position - centre.position, centre.normal)));
    }
    // The point in the patch's own frame, and its distances from the patch and from the lines through its sides.
    const Vec3 offset = point_ - centre.position;
    const Vec3 along_a = normalized(centre.by_first), along_b = cross(centre.normal, along_a);
    const double at_a = std::abs(dot(offset, along_a)), at_b = std::abs(dot(offset, along_b));
    const double height = std::max(std::abs(dot(offset, centre.normal)) - sag, 0.0);
    const double beyond_a = std::max(at_a - side_a, 0.0), beyond_b = std::max(at_b - side_b, 0.0);
    const double distance = std::hypot(height, beyond_a, beyond_b);
    const double reach = 2 * distance;
    const bool small = (side_a <= smallest_ && side_b <= smallest_) || depth > 60;
    const int phase_a = oscillation_terms(integral_.largest_wavenumber * span_a, integral_.tolerance) / 2 + 1;
    const int phase_b = oscillation_terms(integral_.largest_wavenumber * span_b, integral_.tolerance) / 2 + 1;
    const bool near_a = side_a > reach && side_a >= side_b / 2, near_b = side_b > reach && side_b >= side_a / 2;
    if ((!small && (near_a || near_b)) || phase_a > max_phase_order || phase_b > max_phase_order) {
      // Halve the longer side of what is too close, or the side with too many oscillations.
      const bool halve_a = phase_a > max_phase_order || (near_a && side_a >= side_b && phase_b <= max_phase_order);
      const bool halve_b = !halve_a;
      const double middle_a = patch.a0 + half_a, middle_b = patch.b0 + half_b;
      if (halve_b && integral_.dimensions == 3) {
        place({patch.a0, patch.a1, patch.b0, middle_b}, depth + 1);
        place({patch.a0, patch.a1, middle_b, patch.b1}, depth + 1);
      } else {
        place({patch.a0, middle_a, patch.b0, patch.b1}, depth + 1);
        place({middle_a, patch.a1, patch.b0, patch.b1}, depth + 1);
      }
      return;
    }
    const int order_a = std::min(phase_a + falloff_order(at_a, std::hypot(height, beyond_b), side_a), max_gauss_order);
    const int order_b =
        integral_.dimensions == 2
            ? 1
            : std::min(phase_b + falloff_order(at_b, std::hypot(height, beyond_a), side_b), max_gauss_order);
    fill(patch, order_a, order_b);
  }

 private:
  static constexpr int max_phase_order = 48;

  // 1/r has its singularities at at +- i off; Gauss-Legendre errors fall as rho^(-2n), rho the sum of the half axes of
  // the ellipse with foci +-side through them.
  int falloff_order(double at, double off, double side) const {
    if (side <= 0) return 0;
    const std::complex<double> w(at / side, off / side);
    const double rho = std::max(std::abs(w + std::sqrt(w * w - 1.0)), std::abs(w - std::sqrt(w * w - 1.0)));
    const double order = std::ceil(-std::log(integral_.tolerance) / (2 * std::log(std::max(rho, 1.3))));
    return static_cast<int>(order) - 1;
  }

  void fill(const Patch& patch, int order_a, int order_b) {
    check_interrupted();
    if (nodes_.size() > most_surface_nodes)
      throw ConfigError("probe", "an element is so many wavelengths large that the integral over it needs more than " +
                                     std::to_string(most_surface_nodes / 1'000'000) +
                                     " million points. Use smaller elements or a lower frequency");
    const GaussRule &rule_a = gauss_rule(order_a), &rule_b = gauss_rule(order_b);
    const double half_a = (patch.a1 - patch.a0) / 2, half_b = (patch.b1 - patch.b0) / 2;
    for (int j = 0; j < order_b; ++j)
      for (int i = 0; i < order_a; ++i) {
        const SurfacePoint p =
            surface_.at(patch.a0 + half_a * (1 + rule_a.nodes[i]), patch.b0 + half_b * (1 + rule_b.nodes[j]));
        const Vec3 line = point_ - p.position;
        const double r = std::max(norm(line), 1e-12);
        const double area = integral_.dimensions == 2 ? half_a * rule_a.weights[i]
                                                      : half_a * half_b * rule_a.weights[i] * rule_b.weights[j] *
                                                            norm(cross(p.by_first, p.by_second));
        double obliquity = 1;
        if (integral_.baffle != 0) {
          const double cosine = std::max(dot(line, p.normal) / r, 0.0);
          obliquity = std::isinf(integral_.baffle) ? cosine : cosine / (cosine + integral_.baffle);
        }
        nodes_.distance.push_back(r);
        nodes_.path.push_back(r - p.lens);
        nodes_.weight.push_back(integral_.dimensions == 2 ? area * obliquity : area * obliquity / (2 * pi * r));
      }
  }

  const Surface& surface_;
  Vec3 point_;
  const SurfaceIntegral& integral_;
  double smallest_;
  SurfaceNodes& nodes_;
};

}  // namespace

const GaussRule& gauss_rule(int n) {
  static const std::vector<GaussRule> rules = [] {
    std::vector<GaussRule> made(1);
    for (int i = 1; i <= max_gauss_order; ++i) made.push_back(make_gauss_rule(i));
    return made;
  }();
  return rules[static_cast<std::size_t>(n)];
}

int oscillation_terms(double half_span, double tolerance) {
  // Long before the bounds below overflow, and at once: by Stirling half_span (half_span / 2)^n / n! is less than
  // half_span exp(n (1 + ln(half_span / 2 n))), whose exponent is 0 at n = e half_span / 2 and falls by 1 or more a
  // term.
  if (half_span > 1000)
    return static_cast<int>(std::min(1e9, std::numbers::e * half_span / 2 + std::log(half_span / tolerance) + 1));
  int n = 1;
  // The quotient of successive bounds is half_span / (2 n): they fall only beyond n = half_span / 2.
  for (double bound = half_span; bound > tolerance || n < half_span / 2; bound *= half_span / (2 * n)) ++n;
  return n;
}

void place_nodes(const Element& element, Vec3 point, const SurfaceIntegral& integral, SurfaceNodes& nodes) {
  nodes.clear();
  const Vec3 offset = point - element.position;
  const Vec3 local{dot(offset, element.lateral),
                   integral.dimensions == 2 ? 0 : dot(offset, cross(element.normal, element.lateral)),
                   dot(offset, element.normal)};
  if (local.z < 0) return;
  const Surface surface(element,
                        integral.dimensions == 2 ? std::numeric_limits<double>::infinity() : integral.elevation_focus);
  // A patch this small beside the point holds less than the tolerance of the integral over a wavelength.
  const double smallest =
      integral.tolerance / 8 * std::min({1 / integral.largest_wavenumber, element.width, element.height});
  NodePlacer placer(surface, local, integral, smallest, nodes);
  if (element.shape == Element::Shape::rectangle) {
    const double height = integral.dimensions == 2 ? 0 : element.height;
    placer.place({-element.width / 2, element.width / 2, -height / 2, height / 2});
    return;
  }
  const double rim = element.shape == Element::Shape::disc
                         ? element.width / 2
                         : std::asin(std::min(1.0, element.width / (2 * element.curvature_radius)));
  // Sectors that start at the azimuth of the point, so that they lie symmetrically to it.
  constexpr int sectors = 6;
  const double azimuth = local.x == 0 && local.y == 0 ? 0 : std::atan2(local.y, local.x);
  for (int i = 0; i < sectors; ++i)
    placer.place({0, rim, azimuth + 2 * pi * i / sectors, azimuth + 2 * pi * (i + 1) / sectors});
}

}  // namespace sonoforge
