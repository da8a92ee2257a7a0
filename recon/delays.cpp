#include "recon/delays.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

namespace sonoforge {
namespace {

bool fires(const TransmitLaw& law, std::size_t element) {
  return !std::isnan(law.delays[element]) && law.apodization[element] != 0;
}

/// Cosine of the half angle of the cone from the active elements to the focus.
double cone_cosine(const std::vector<TransmitLaw>& laws, Vec3 focus, Vec3 direction, const Probe& probe) {
  double cosine = 1;
  for (const TransmitLaw& law : laws)
    for (std::size_t i = 0; i < probe.size(); ++i) {
      if (!fires(law, i)) continue;
      const Vec3 ray = focus - probe.elements[i].position;
      const double length = norm(ray);
      if (length > 0) cosine = std::min(cosine, dot(ray, direction) / length);
    }
  return std::max(cosine, 0.05);  // a focus in the face itself would leave nothing outside the cone
}

}  // namespace

IndexSpline::IndexSpline(std::span<const double> values)
    : values_(values.begin(), values.end()), curvatures_(values.size(), 0.0) {
  const std::size_t n = values_.size();
  if (n == 3) curvatures_.assign(3, values_[0] - 2 * values_[1] + values_[2]);
  if (n < 4) return;
  // Second derivatives M: M[i-1] + 4 M[i] + M[i+1] = 6 (second difference). Not a knot: M[0] = 2 M[1] - M[2], likewise
  // at the end, so that the first and last equations read 6 M[1] = 6 (...) .
  std::vector<double> right(n), diagonal(n, 4.0);
  for (std::size_t i = 1; i + 1 < n; ++i) right[i] = 6 * (values_[i - 1] - 2 * values_[i] + values_[i + 1]);
  curvatures_[1] = right[1] / 6;
  curvatures_[n - 2] = right[n - 2] / 6;
  if (n > 4) {
    right[2] -= curvatures_[1];
    right[n - 3] -= curvatures_[n - 2];
    for (std::size_t i = 3; i + 2 < n; ++i) {  // Thomas algorithm on the unknowns 2 .. n-3
      const double factor = 1 / diagonal[i - 1];
      diagonal[i] -= factor;
      right[i] -= factor * right[i - 1];
    }
    curvatures_[n - 3] = right[n - 3] / diagonal[n - 3];
    for (std::size_t i = n - 3; i-- > 2;) curvatures_[i] = (right[i] - curvatures_[i + 1]) / diagonal[i];
  }
  curvatures_[0] = 2 * curvatures_[1] - curvatures_[2];
  curvatures_[n - 1] = 2 * curvatures_[n - 2] - curvatures_[n - 3];
}

double IndexSpline::operator()(double index) const {
  const std::size_t n = values_.size();
  if (n == 1) return values_[0];
  const auto i = static_cast<std::size_t>(std::clamp(std::floor(index), 0.0, static_cast<double>(n - 2)));
  const double b = index - static_cast<double>(i), a = 1 - b;
  return a * values_[i] + b * values_[i + 1] +
         ((a * a * a - a) * curvatures_[i] + (b * b * b - b) * curvatures_[i + 1]) / 6;
}

std::optional<Transmit> recognise_wave(const TransmitLaw& law, const Probe& probe, double sound_speed) {
  std::vector<std::size_t> active;
  for (std::size_t i = 0; i < probe.size(); ++i)
    if (fires(law, i)) active.push_back(i);
  if (active.size() < 4) return {};
  const auto n = static_cast<Eigen::Index>(active.size());
  Eigen::MatrixXd x(n, 3);
  Eigen::VectorXd d(n);
  Vec3 middle, normal;
  for (Eigen::Index k = 0; k < n; ++k) {
    const Element& e = probe.elements[active[static_cast<std::size_t>(k)]];
    middle = middle + e.position / static_cast<double>(n);
    normal = normal + e.normal / static_cast<double>(n);
    d[k] = sound_speed * law.delays[active[static_cast<std::size_t>(k)]];
  }
  for (Eigen::Index k = 0; k < n; ++k) {
    const Vec3 p = probe.elements[active[static_cast<std::size_t>(k)]].position - middle;
    x.row(k) << p.x, p.y, p.z;
  }
  // Lengths in units of the aperture; a coordinate that hardly varies cannot be solved for, and across the plane of a
  // curved array the focus is taken to lie in that plane.
  const double size = x.rowwise().norm().maxCoeff();
  if (!(size > 0)) return {};
  const double tolerance = 2e-9 * sound_speed / size;
  x /= size;
  d /= size;
  std::vector<Eigen::Index> axes;
  for (Eigen::Index c = 0; c < 3; ++c)
    if (x.col(c).cwiseAbs().maxCoeff() > 1e-3) axes.push_back(c);
  const auto set_origin = [&](Transmit& t, Vec3 direction) {
    t.laws = {law};
    t.origin = middle;
    t.direction = direction;
    t.angle = std::atan2(direction.x, direction.z);
    t.azimuth = std::atan2(direction.y, direction.z);
  };
  const auto columns = static_cast<Eigen::Index>(axes.size());

  // Plane: D = D0 + x.direction; on a flat array the component along the normal follows from the length of 1.
  Eigen::MatrixXd m(n, columns + 1);
  for (Eigen::Index c = 0; c < columns; ++c) m.col(c) = x.col(axes[static_cast<std::size_t>(c)]);
  m.col(columns).setOnes();
  const Eigen::VectorXd plane = m.colPivHouseholderQr().solve(d);
  if ((m * plane - d).cwiseAbs().maxCoeff() < tolerance) {
    double u[3] = {};
    for (Eigen::Index c = 0; c < columns; ++c) u[axes[static_cast<std::size_t>(c)]] = plane[c];
    Vec3 direction{u[0], u[1], u[2]};
    const double rest = 1 - dot(direction, direction);
    if (rest < -1e-6) return {};
    direction = normalized(direction + std::sqrt(std::max(rest, 0.0)) * normalized(normal));
    Transmit t;
    t.wave = Transmit::Wave::plane;
    set_origin(t, direction);
    t.time_of_origin = plane[columns] * size / sound_speed - dot(middle, direction) / sound_speed;
    return t;
  }

  // Focused or diverging: unknowns T, f along the axes, |f|^2 - T^2.
  Eigen::MatrixXd s(n, columns + 2);
  s.col(0) = 2 * d;
  for (Eigen::Index c = 0; c < columns; ++c) s.col(c + 1) = -2 * x.col(axes[static_cast<std::size_t>(c)]);
  s.col(columns + 1).setOnes();
  const Eigen::VectorXd right = d.cwiseAbs2() - x.rowwise().squaredNorm();
  const Eigen::VectorXd solution = s.colPivHouseholderQr().solve(right);
  const double time = solution[0];
  double f[3] = {};
  for (Eigen::Index c = 0; c < columns; ++c) f[axes[static_cast<std::size_t>(c)]] = solution[c + 1];
  Vec3 focus{f[0], f[1], f[2]};
  const bool converges = time > d.maxCoeff() - tolerance;
  if (axes.empty() || axes.back() != 2) {
    // The distance from an array that is flat in z is left over; a focus lies before it, a virtual source behind.
    const double rest = solution[columns + 1] + time * time - dot(focus, focus);
    if (rest < 0) return {};
    focus.z = (converges ? 1 : -1) * std::sqrt(rest);
  }
  double worst = 0;
  for (Eigen::Index k = 0; k < n; ++k) {
    const double distance = norm(focus - Vec3{x(k, 0), x(k, 1), x(k, 2)});
    worst = std::max(worst, std::abs(d[k] - (time + (converges ? -distance : distance))));
  }
  if (!(worst < tolerance)) return {};
  Transmit t;
  t.wave = converges ? Transmit::Wave::focused : Transmit::Wave::diverging;
  t.focus = middle + size * focus;
  set_origin(t, normalized(converges ? focus : -focus));
  t.time_of_origin = time * size / sound_speed;
  return t;
}

TransmitArrival::TransmitArrival(const Transmit& transmit, const Probe& probe, double sound_speed, TransmitDelay how)
    : wave_(transmit.wave),
      slowness_(1 / sound_speed),
      time_of_origin_(transmit.time_of_origin),
      focus_(transmit.focus),
      direction_(transmit.direction) {
  if (how == TransmitDelay::earliest_arrival)
    wave_ = Transmit::Wave::custom;
  else if (wave_ == Transmit::Wave::custom && transmit.laws.size() == 1)
    if (const auto wave = recognise_wave(transmit.laws[0], probe, sound_speed))
      wave_ = wave->wave, time_of_origin_ = wave->time_of_origin, focus_ = wave->focus, direction_ = wave->direction;
  if (wave_ == Transmit::Wave::focused) cone_cosine_ = cone_cosine(transmit.laws, focus_, direction_, probe);
  if (wave_ == Transmit::Wave::custom)
    for (const TransmitLaw& law : transmit.laws) add_sources(law, probe);
}

void TransmitArrival::add_sources(const TransmitLaw& law, const Probe& probe) {
  std::vector<std::size_t> active;
  for (std::size_t i = 0; i < probe.size(); ++i)
    if (fires(law, i)) active.push_back(i);
  if (active.empty()) return;
  const auto add = [this](Vec3 p, double start, double half_width, double half_length) {
    sources_.x.push_back(p.x), sources_.y.push_back(p.y), sources_.z.push_back(p.z), sources_.delay.push_back(start);
    sources_.half_width.push_back(half_width), sources_.half_length.push_back(half_length);
  };
  const bool one_row =
      probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased || probe.kind == Probe::Kind::curved;
  const bool one_run = active.back() - active.front() + 1 == active.size();
  if (!(one_row && one_run) || active.size() == 1) {
    for (std::size_t i : active) {
      const Element& element = probe.elements[i];
      const bool long_element = probe.kind == Probe::Kind::row_column;
      const bool along_x = std::abs(element.lateral.y) > std::abs(element.lateral.x);
      add(element.position, law.delays[i], long_element && along_x ? element.height / 2 : 0,
          long_element && !along_x ? element.height / 2 : 0);
    }
    return;
  }
  const std::size_t n = active.size(), fine = 4 * n;
  std::vector<double> x(n), y(n), z(n), delay(n);
  for (std::size_t k = 0; k < n; ++k) {
    const Vec3 p = probe.elements[active[k]].position;
    x[k] = p.x, y[k] = p.y, z[k] = p.z, delay[k] = law.delays[active[k]];
  }
  const IndexSpline sx(x), sy(y), sz(z), sd(delay);
  for (std::size_t k = 0; k < fine; ++k) {
    const double index = static_cast<double>(n - 1) * static_cast<double>(k) / static_cast<double>(fine - 1);
    add({sx(index), sy(index), sz(index)}, sd(index), 0, 0);
  }
}

double TransmitArrival::earliest(Vec3 x) const {
  const Sources& s = sources_;
  double first = std::numeric_limits<double>::infinity();
#pragma omp simd reduction(min : first)
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    // max(u, 0) written as (u + |u|) / 2, without a branch
    const double past_x = std::abs(x.x - s.x[i]) - s.half_width[i], past_y = std::abs(x.y - s.y[i]) - s.half_length[i];
    const double dx = 0.5 * (past_x + std::abs(past_x)), dy = 0.5 * (past_y + std::abs(past_y)), dz = x.z - s.z[i];
    const double time = s.delay[i] + slowness_ * std::sqrt(dx * dx + dy * dy + dz * dz);
    first = time < first ? time : first;
  }
  return first;
}

double TransmitArrival::operator()(Vec3 x) const {
  switch (wave_) {
    case Transmit::Wave::plane:
      return time_of_origin_ + slowness_ * dot(x, direction_);
    case Transmit::Wave::diverging:
    case Transmit::Wave::element:
      return time_of_origin_ + slowness_ * norm(x - focus_);
    case Transmit::Wave::focused: {
      const Vec3 ray = x - focus_;
      // d clamp(C / C0, -1, 1) with d C = dot(ray, direction)
      const double distance = norm(ray), along = dot(ray, direction_) / cone_cosine_;
      return time_of_origin_ + slowness_ * std::clamp(along, -distance, distance);
    }
    case Transmit::Wave::custom:
      break;
  }
  return earliest(x);
}

void TransmitArrival::operator()(std::span<const Vec3> points, std::span<double> times) const {
  for (std::size_t i = 0; i < points.size(); ++i) times[i] = (*this)(points[i]);
}

}  // namespace sonoforge
