#include "formats/foreign.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

constexpr double farthest = 10;  ///< [m]; anything beyond is a mistake of unit

double spread(const std::vector<Vec3>& positions, double Vec3::*axis) {
  const auto [least, most] =
      std::minmax_element(positions.begin(), positions.end(), [axis](Vec3 a, Vec3 b) { return a.*axis < b.*axis; });
  return (*most).*axis - (*least).*axis;
}

/// The circle through points of the x-z plane: least squares of x^2 + z^2 = a x + b z + k, which is linear.
bool fit_circle(const std::vector<Vec3>& positions, Vec3& centre, double& radius) {
  Eigen::MatrixXd system(positions.size(), 3);
  Eigen::VectorXd squares(positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Vec3 p = positions[i];
    system.row(static_cast<Eigen::Index>(i)) << p.x, p.z, 1;
    squares(static_cast<Eigen::Index>(i)) = p.x * p.x + p.z * p.z;
  }
  const Eigen::Vector3d solution = system.colPivHouseholderQr().solve(squares);
  centre = {solution(0) / 2, 0, solution(1) / 2};
  radius = std::sqrt(std::max(0.0, solution(2) + centre.x * centre.x + centre.z * centre.z));
  for (Vec3 p : positions)
    if (!(std::abs(std::hypot(p.x - centre.x, p.z - centre.z) - radius) < 1e-3 * radius)) return false;
  return radius > 0 && radius < farthest;
}

double nearest_distance(const std::vector<Vec3>& positions) {
  // Neighbours stand next to each other in the list on every array of rows.
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < positions.size(); ++i) {
    const double distance = norm(positions[i] - positions[i - 1]);
    if (distance > 0) least = std::min(least, distance);
  }
  return std::isfinite(least) ? least : 0.3e-3;
}

/// Times at which the elements fire for a wave, relative to one event of it; and their mean distance from the delays.
struct Match {
  bool good = false;
  double event = 0;  ///< time of the event after the first firing
};

template <class Time>
Match compare(const Probe& probe, const TransmitLaw& law, double tolerance, Time&& time) {
  double sum = 0;
  std::size_t active = 0;
  for (std::size_t i = 0; i < probe.size(); ++i) {
    if (law.apodization[i] == 0) continue;
    sum += law.delays[i] - time(probe.elements[i].position);
    ++active;
  }
  Match match{true, sum / static_cast<double>(active)};
  for (std::size_t i = 0; i < probe.size() && match.good; ++i) {
    if (law.apodization[i] == 0) continue;
    const double error = law.delays[i] - time(probe.elements[i].position) - match.event;
    match.good = std::abs(error) <= tolerance;  // false for NaN
  }
  return match;
}

/// Plane and spherical waves that explain the delays best. `direction` and `point` are set where a fit exists.
struct Fit {
  std::optional<Vec3> direction;
  std::optional<Vec3> point;
  bool converging = false;
};

Fit fit_waves(const Probe& probe, const TransmitLaw& law, double sound_speed) {
  Fit fit;
  std::vector<std::size_t> active;
  std::vector<Vec3> positions;
  for (std::size_t i = 0; i < probe.size(); ++i)
    if (law.apodization[i] != 0) active.push_back(i), positions.push_back(probe.elements[i].position);
  const double wide = 1e-9;
  std::vector<double Vec3::*> axes;
  for (double Vec3::*axis : {&Vec3::x, &Vec3::y, &Vec3::z})
    if (spread(positions, axis) > wide) axes.push_back(axis);
  if (axes.empty() || active.size() < 3) return fit;
  const auto rows = static_cast<Eigen::Index>(active.size()), unknown = static_cast<Eigen::Index>(axes.size());

  // Plane: c tau = p . d + constant, with the part of d that the array can tell.
  Eigen::MatrixXd plane(rows, unknown + 1), sphere(rows, unknown + 2);
  Eigen::VectorXd lengths(rows), squares(rows);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const Vec3 p = positions[static_cast<std::size_t>(r)];
    const double length = sound_speed * law.delays[active[static_cast<std::size_t>(r)]];
    for (Eigen::Index k = 0; k < unknown; ++k) {
      plane(r, k) = p.*axes[static_cast<std::size_t>(k)];
      sphere(r, k) = -2 * p.*axes[static_cast<std::size_t>(k)];
    }
    plane(r, unknown) = 1;
    lengths(r) = length;
    // Sphere: |p - s|^2 = c^2 (tau - t)^2, linear in s, c t and |s|^2 - c^2 t^2.
    sphere(r, unknown) = 2 * length;
    sphere(r, unknown + 1) = 1;
    squares(r) = length * length - dot(p, p);
  }
  const Eigen::VectorXd slope = plane.colPivHouseholderQr().solve(lengths);
  Vec3 direction{0, 0, 0};
  for (Eigen::Index k = 0; k < unknown; ++k) direction.*axes[static_cast<std::size_t>(k)] = slope(k);
  const double lateral = direction.x * direction.x + direction.y * direction.y;
  if (lateral < 1) fit.direction = Vec3{direction.x, direction.y, std::sqrt(1 - lateral)};

  if (rows < unknown + 2) return fit;
  const Eigen::VectorXd solution = sphere.colPivHouseholderQr().solve(squares);
  Vec3 point{0, 0, 0};
  for (Eigen::Index k = 0; k < unknown; ++k) point.*axes[static_cast<std::size_t>(k)] = solution(k);
  const double event = solution(unknown);
  double longest = 0;
  for (Eigen::Index r = 0; r < rows; ++r) longest = std::max(longest, lengths(r));
  if (event > 0 && event < longest) return fit;
  fit.converging = event > 0;
  if (std::find(axes.begin(), axes.end(), &Vec3::z) == axes.end()) {
    // On a flat face z follows from the last unknown; the kind of wave says on which side of the face the point lies.
    const double face = positions.front().z;
    const double depth_squared = solution(unknown + 1) + event * event - point.x * point.x - point.y * point.y;
    if (face != 0 || !(depth_squared >= 0)) return fit;
    point.z = (fit.converging ? 1 : -1) * std::sqrt(depth_squared);
  }
  if (is_finite(point) && norm(point) < farthest) fit.point = point;
  return fit;
}

void set_axis(Transmit& transmit, Vec3 origin, Vec3 direction) {
  transmit.origin = origin;
  transmit.direction = direction;
  transmit.angle = std::atan2(direction.x, direction.z);
  transmit.azimuth = std::atan2(direction.y, direction.z);
}

Vec3 active_centre(const Probe& probe, const TransmitLaw& law) {
  Vec3 sum{0, 0, 0};
  double count = 0;
  for (std::size_t i = 0; i < probe.size(); ++i)
    if (law.apodization[i] != 0) sum = sum + probe.elements[i].position, count += 1;
  return sum / count;
}

bool try_plane(Transmit& transmit, const Probe& probe, Vec3 direction, double sound_speed, double tolerance) {
  const auto match =
      compare(probe, transmit.laws[0], tolerance, [&](Vec3 p) { return dot(p, direction) / sound_speed; });
  if (!match.good) return false;
  transmit.wave = Transmit::Wave::plane;
  transmit.time_of_origin = match.event;
  set_axis(transmit, {}, direction);
  return true;
}

bool try_point(Transmit& transmit, const Probe& probe, Vec3 point, bool converging, std::optional<Vec3> origin,
               double sound_speed, double tolerance) {
  const double sign = converging ? -1 : 1;
  const auto match =
      compare(probe, transmit.laws[0], tolerance, [&](Vec3 p) { return sign * norm(p - point) / sound_speed; });
  if (!match.good) return false;
  const Vec3 start = origin.value_or(active_centre(probe, transmit.laws[0]));
  const Vec3 axis = converging ? point - start : start - point;
  if (norm(axis) == 0) return false;
  transmit.wave = converging ? Transmit::Wave::focused : Transmit::Wave::diverging;
  transmit.focus = point;
  transmit.time_of_origin = match.event;
  set_axis(transmit, start, normalized(axis));
  return true;
}

Axis axis_between(double first, double last, std::size_t count) {
  return {first, count > 1 ? (last - first) / static_cast<double>(count - 1) : 1.0, count};
}

}  // namespace

Probe probe_from_positions(const std::filesystem::path& file, const std::string& dataset, std::vector<Vec3> positions,
                           double width, double height, std::vector<std::string>& notes) {
  if (positions.empty())
    refuse_file(file, "dataset '" + dataset + "' holds no elements. Compare the file with its format");
  for (Vec3 p : positions)
    if (!is_finite(p) || norm(p) > farthest)
      refuse_file(file,
                  "dataset '" + dataset +
                      "' holds positions that are not finite or beyond 10 m (metres are needed). Correct the file");
  Probe probe;
  Vec3 centre{};
  double radius = std::numeric_limits<double>::infinity();
  const double across = spread(positions, &Vec3::x), deep = spread(positions, &Vec3::z);
  const double high = spread(positions, &Vec3::y), flat = 1e-7 + 1e-4 * across;
  if (positions.size() == 1)
    probe.kind = Probe::Kind::single;
  else if (high > flat)
    probe.kind = deep <= flat ? Probe::Kind::matrix : Probe::Kind::custom;
  else if (deep <= flat)
    probe.kind = Probe::Kind::linear;
  else if (positions.size() >= 4 && fit_circle(positions, centre, radius) && centre.z < positions.front().z)
    probe.kind = Probe::Kind::curved;
  else
    probe.kind = Probe::Kind::custom;
  const bool curved = probe.kind == Probe::Kind::curved;
  probe.pitch = nearest_distance(positions);
  if (curved) probe.curvature_radius = radius;
  if (!(width > 0) || !std::isfinite(width)) {
    width = probe.pitch;
    notes.push_back("the width of the elements is not stated: their pitch is assumed");
  }
  if (!(height > 0) || !std::isfinite(height)) {
    height = probe.kind == Probe::Kind::matrix ? width : 5e-3;
    notes.push_back(probe.kind == Probe::Kind::matrix
                        ? "the height of the elements is not stated: their width is assumed"
                        : "the height of the elements is not stated: 5 mm is assumed");
  }
  for (Vec3 p : positions) {
    Element element;
    element.position = p;
    if (curved) {
      element.normal = normalized({p.x - centre.x, 0, p.z - centre.z});
      element.lateral = {element.normal.z, 0, -element.normal.x};
    }
    element.width = width;
    element.height = height;
    probe.elements.push_back(element);
  }
  return probe;
}

std::optional<Transmit> transmit_from_delays(const Probe& probe, std::vector<double> delays,
                                             std::vector<double> apodization, const TransmitHint& hint,
                                             double sound_speed, double centre_frequency, double& shift) {
  double first = std::numeric_limits<double>::infinity();
  std::size_t active = 0, last_active = 0;
  for (std::size_t i = 0; i < delays.size(); ++i) {
    if (std::isnan(delays[i]) || apodization[i] == 0 || std::isnan(apodization[i])) {
      delays[i] = std::numeric_limits<double>::quiet_NaN();
      apodization[i] = 0;
      continue;
    }
    first = std::min(first, delays[i]);
    last_active = i;
    ++active;
  }
  if (active == 0) return std::nullopt;
  for (double& delay : delays) delay -= first;
  shift += first;
  Transmit transmit;
  transmit.laws.push_back({std::move(delays), std::move(apodization)});
  if (active == 1) {
    transmit.wave = Transmit::Wave::element;
    transmit.focus = probe.elements[last_active].position;
    set_axis(transmit, transmit.focus, probe.elements[last_active].normal);
    return transmit;
  }
  const double tolerance = 1 / (30 * centre_frequency);
  if (hint.point && try_point(transmit, probe, *hint.point, hint.point->z >= 0, hint.origin, sound_speed, tolerance))
    return transmit;
  if (!hint.point && hint.angle) {
    const double azimuth = hint.azimuth.value_or(0);
    Vec3 direction{std::sin(*hint.angle), 0, std::cos(*hint.angle)};
    if (azimuth != 0) direction = normalized({std::tan(*hint.angle), std::tan(azimuth), 1});
    if (try_plane(transmit, probe, direction, sound_speed, tolerance)) return transmit;
  }
  const Fit fit = fit_waves(probe, transmit.laws[0], sound_speed);
  if (fit.direction && try_plane(transmit, probe, *fit.direction, sound_speed, tolerance)) return transmit;
  if (fit.point && try_point(transmit, probe, *fit.point, fit.converging, std::nullopt, sound_speed, tolerance))
    return transmit;
  transmit.wave = Transmit::Wave::custom;
  return transmit;
}

void find_lines(Acquisition& acquisition) {
  const auto& transmits = acquisition.sequence.transmits;
  if (transmits.size() < 8) return;
  for (const Transmit& transmit : transmits)
    if (transmit.wave != Transmit::Wave::focused) return;
  for (std::size_t t = 1; t < transmits.size(); ++t)
    if (transmits[t].origin == transmits[t - 1].origin && transmits[t].direction == transmits[t - 1].direction) return;
  acquisition.sequence.lines = true;
  acquisition.notes.push_back("all transmits are focused beams side by side: each is taken for one image line");
}

std::optional<PixelGrid> grid_from_positions(const std::vector<float>& positions, std::size_t z_count,
                                             std::size_t x_count, std::size_t y_count) {
  if (z_count == 0 || x_count == 0 || y_count == 0 || positions.size() != 3 * z_count * x_count * y_count)
    return std::nullopt;
  auto at = [&](std::size_t z, std::size_t x, std::size_t y) {
    const std::size_t i = 3 * ((z * x_count + x) * y_count + y);
    return Vec3{positions[i], positions[i + 1], positions[i + 2]};
  };
  const Vec3 first = at(0, 0, 0), last = at(z_count - 1, x_count - 1, y_count - 1);
  const Vec3 last_z = at(z_count - 1, 0, 0), last_x = at(0, x_count - 1, 0);
  if (!is_finite(first) || !is_finite(last)) return std::nullopt;
  // Float32 positions carry rounding; a hundredth of a pixel is invisible.
  auto fits = [&](const PixelGrid& grid) {
    double pixel = std::numeric_limits<double>::infinity();
    if (z_count > 1) pixel = std::min(pixel, norm(last_z - first) / static_cast<double>(z_count - 1));
    if (x_count > 1) pixel = std::min(pixel, norm(last_x - first) / static_cast<double>(x_count - 1));
    const double tolerance = std::isfinite(pixel) ? 0.01 * pixel + 1e-8 : 1e-6;
    for (std::size_t z = 0; z < z_count; ++z)
      for (std::size_t x = 0; x < x_count; ++x)
        for (std::size_t y = 0; y < y_count; ++y)
          if (!(norm(grid.position(z, y, x) - at(z, x, y)) <= tolerance)) return false;
    return true;
  };
  PixelGrid grid;
  grid.x = axis_between(first.x, last.x, x_count);
  grid.y = axis_between(first.y, last.y, y_count);
  grid.z = axis_between(first.z, last.z, z_count);
  if (fits(grid)) return grid;

  // Polar: the first and the last ray meet at the apex, on x = 0.
  if (z_count < 2 || x_count < 2) return std::nullopt;
  const Vec3 left = last_z - first, right = at(z_count - 1, x_count - 1, 0) - last_x;
  const double from = std::atan2(left.x, left.z), to = std::atan2(right.x, right.z);
  const Vec3 start = std::abs(from) > std::abs(to) ? first : last_x;
  const double steepest = std::abs(from) > std::abs(to) ? from : to;
  if (!(std::abs(std::sin(steepest)) > 1e-6)) return std::nullopt;
  grid.kind = PixelGrid::Kind::polar;
  grid.apex_depth = start.z - start.x / std::tan(steepest);
  const Vec3 apex{0, 0, grid.apex_depth};
  auto range = [&](Vec3 p) { return std::hypot(p.x - apex.x, p.z - apex.z); };
  grid.x = axis_between(from, to, x_count);
  grid.z = axis_between(range(first), range(last_z), z_count);
  if (fits(grid)) return grid;
  return std::nullopt;
}

void check_readable(const std::filesystem::path& file, const Acquisition& acquisition) {
  auto refuse = [&](const std::string& text) { refuse_file(file, text + ". Correct the file"); };
  auto check_positive = [&](double value, const std::string& name) {
    if (!(value > 0) || !std::isfinite(value))
      refuse("the " + name + " is " + std::to_string(value) + " (must be positive)");
  };
  const std::size_t transmits = acquisition.sequence.transmits.size();
  if (acquisition.samples.empty() && transmits == 0) return;
  check_positive(acquisition.sampling_rate, "sampling frequency");
  check_positive(acquisition.centre_frequency, "centre frequency");
  check_positive(acquisition.sound_speed, "sound speed");
  if (acquisition.sound_speed < 100 || acquisition.sound_speed > 20000)
    refuse("the sound speed is " + std::to_string(acquisition.sound_speed) + " m/s (no medium has that)");
  if (acquisition.start.size() != transmits) refuse("start times and transmits differ in number");
  for (double start : acquisition.start)
    if (!std::isfinite(start) || std::abs(start) > 10) refuse("a start time is not finite or over 10 s");
  if (!acquisition.samples.empty() &&
      (acquisition.transmits() != transmits || acquisition.channels() != acquisition.probe.size()))
    refuse("the samples have " + std::to_string(acquisition.transmits()) + " transmits of " +
           std::to_string(acquisition.channels()) + " channels (the sequence has " + std::to_string(transmits) +
           " transmits, the probe " + std::to_string(acquisition.probe.size()) + " elements)");
  const auto finite = [](std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  };
  if (!finite(acquisition.samples.flat()) || !finite(acquisition.samples_q.flat()))
    refuse("the samples hold values that are not finite");
  for (const Transmit& transmit : acquisition.sequence.transmits)
    for (const TransmitLaw& law : transmit.laws)
      for (double delay : law.delays)
        if (std::isinf(delay) || std::abs(delay) > 10) refuse("a transmit delay is not finite or over 10 s");
}

}  // namespace sonoforge
