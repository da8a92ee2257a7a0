#include "phantoms/star_body.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sonoforge {

namespace {

// The mean of an analytic periodic function over equal steps converges faster than any power of their number; the
// narrowest spicule (0.05 rad) spans over thirty of them.
constexpr int steps = 4096;
constexpr double turn = 2 * std::numbers::pi;

template <class F>
double integral_over_turn(const F& f) {
  double sum = 0;
  for (int i = 0; i < steps; ++i) sum += f(turn * i / steps);
  return sum * turn / steps;
}

}  // namespace

StarContour::StarContour(std::vector<Harmonic> harmonics, std::vector<Spicule> spicules)
    : harmonics_(std::move(harmonics)), spicules_(std::move(spicules)) {
  double waves = 0, spikes = 0;
  for (const auto& h : harmonics_) waves += std::abs(h.amplitude);
  for (const auto& s : spicules_) spikes += s.length;
  least_ = 1 - waves;
  most_ = 1 + waves + spikes;
  // Between two samples the radius changes by the steepest slope at most: that of a spicule is length / (width sqrt(e)).
  constexpr std::size_t samples = 16;
  const double step = turn / static_cast<double>(sectors * samples);
  double steepest = 0;
  for (const auto& h : harmonics_) steepest += h.order * std::abs(h.amplitude);
  for (const auto& s : spicules_) steepest += s.length / s.width;
  const double slack = steepest * step / 2;
  for (std::size_t i = 0; i < sectors; ++i) {
    double low = most_, high = least_;
    for (std::size_t j = 0; j < samples; ++j) {
      const double r = radius((static_cast<double>(i * samples + j) + 0.5) * step - turn / 2);
      low = std::min(low, r), high = std::max(high, r);
    }
    low_.push_back(low - slack);
    high_.push_back(high + slack);
  }
}

std::size_t StarContour::sector(double angle) {
  const double index = (angle / turn + 0.5) * static_cast<double>(sectors);
  return static_cast<std::size_t>(std::clamp(index, 0.0, static_cast<double>(sectors - 1)));
}

double StarContour::radius(double angle) const {
  double r = 1;
  for (const auto& h : harmonics_) r += h.amplitude * std::cos(h.order * angle - h.phase);
  for (const auto& s : spicules_) {
    const double power = (std::cos(angle - s.angle) - 1) / (s.width * s.width);
    if (power > -45) r += s.length * std::exp(power);  // less is beyond the last digit
  }
  return r;
}

double StarContour::slope(double angle) const {
  double d = 0;
  for (const auto& h : harmonics_) d -= h.order * h.amplitude * std::sin(h.order * angle - h.phase);
  for (const auto& s : spicules_) {
    const double w2 = s.width * s.width;
    d -= s.length * std::exp((std::cos(angle - s.angle) - 1) / w2) * std::sin(angle - s.angle) / w2;
  }
  return d;
}

double StarContour::area_ratio() const {
  return integral_over_turn([&](double t) { return radius(t) * radius(t); }) / turn;
}

StarBody::StarBody(Vec3 centre, Vec3 radii, double tilt, StarContour contour)
    : centre_(centre), radii_(radii), cos_(std::cos(tilt)), sin_(std::sin(tilt)), contour_(std::move(contour)) {}

std::pair<double, double> StarBody::polar(Vec3 p) const {
  const Vec3 d = p - centre_;
  const double y = d.y / radii_.y, shrink2 = 1 - y * y;
  if (shrink2 <= 0) return {shrink2 == 0 && d.x == 0 && d.z == 0 ? 1 : std::numeric_limits<double>::infinity(), 0};
  const double u = (cos_ * d.x + sin_ * d.z) / radii_.x, v = (-sin_ * d.x + cos_ * d.z) / radii_.z;
  return {std::sqrt((u * u + v * v) / shrink2), std::atan2(v, u)};
}

double StarBody::relative_radius(Vec3 p) const {
  const auto [r, angle] = polar(p);
  if (std::isinf(r)) return r;
  const double high = contour_.most_near(angle);  // far points need no contour
  return r / (r > high ? high : contour_.radius(angle));
}

bool StarBody::contains(Vec3 p) const {
  const auto [r, angle] = polar(p);
  if (r > contour_.most_near(angle)) return false;
  return r < contour_.least_near(angle) || r <= contour_.radius(angle);
}

Vec3 StarBody::point_at(double angle) const {
  const double r = contour_.radius(angle), u = radii_.x * r * std::cos(angle), v = radii_.z * r * std::sin(angle);
  return {cos_ * u - sin_ * v, 0, sin_ * u + cos_ * v};
}

Bounds StarBody::bounds() const {
  const double reach = contour_.most() * std::max(radii_.x, radii_.z);
  const Vec3 r{reach, radii_.y, reach};
  return {centre_ - r, centre_ + r};
}

double StarBody::section_area(double y) const {
  const double t = (y - centre_.y) / radii_.y;
  return std::abs(t) <= 1 ? std::numbers::pi * radii_.x * radii_.z * contour_.area_ratio() * (1 - t * t) : 0;
}

/// Sections fall off as 1 - t^2, whose mean over t from -1 to 1 is 2/3.
double StarBody::volume() const {
  return section_area(centre_.y) * 2 * radii_.y * 2 / 3;
}

double StarBody::perimeter() const {
  return integral_over_turn([&](double t) {
    const double r = contour_.radius(t), d = contour_.slope(t);
    return std::hypot(radii_.x * (d * std::cos(t) - r * std::sin(t)), radii_.z * (d * std::sin(t) + r * std::cos(t)));
  });
}

std::vector<Vec3> StarBody::outline() const {
  std::vector<Vec3> points;
  for (int i = 0; i < steps; ++i) points.push_back(point_at(turn * i / steps));
  return points;
}

namespace {
/// Extent along (cos, sin)(direction) in x-z.
double span(const std::vector<Vec3>& points, double direction) {
  const double x = std::cos(direction), z = std::sin(direction);
  double low = 1e300, high = -1e300;
  for (const Vec3& p : points) {
    const double along = p.x * x + p.z * z;
    low = std::min(low, along), high = std::max(high, along);
  }
  return high - low;
}
}  // namespace

double StarBody::width() const {
  return span(outline(), 0);
}
double StarBody::height() const {
  return span(outline(), std::numbers::pi / 2);
}

/// The longest diameter is the largest extent over all directions. A direction half a step of 0.5 deg away loses its
/// cosine, 1e-5.
double StarBody::longest_diameter() const {
  const std::vector<Vec3> points = outline();
  double longest = 0;
  for (int i = 0; i < 360; ++i) longest = std::max(longest, span(points, std::numbers::pi * i / 360));
  return longest;
}

}  // namespace sonoforge
