#include "sim/response_table.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/progress.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double brick_span = 1.5;  // half of the phase that may turn across a brick [rad]

}  // namespace

ResponseTable::ResponseTable(const Probe& probe, const Element& element, const WaveLaw& law, double low, double high,
                             int dimensions, double tolerance)
    : integral_(probe, element, dimensions, std::max(std::abs(law.wavenumber(high)), std::abs(law.wavenumber(low))),
                tolerance / 10),
      law_(law),
      low_(low),
      high_(high),
      tolerance_(tolerance),
      wavenumber_(std::max(std::abs(law.wavenumber(high)), std::abs(law.wavenumber(low)))),
      half_band_((law.wavenumber(high) - law.wavenumber(low)) / 2),
      round_(element.shape != Element::Shape::rectangle),
      tall_(!round_ && dimensions == 3),
      half_width_(element.width / 2),
      half_height_(tall_ ? element.height / 2 : 0) {
  smallest_ = std::max(half_width_, 0.5 / wavenumber_);
}

void ResponseTable::direct(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real,
                           double* imaginary) const {
  integral_.values(local, nodes, workspace.nodes, real, imaginary);
}

void ResponseTable::interpolate(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real,
                                double* imaginary) {
  double along = std::abs(local.x), height = std::abs(local.y);
  if (integral_.dimensions() == 2) height = 0;
  if (round_) along = std::hypot(along, height), height = 0;
  const double range = std::hypot(along, local.z);
  if (range < smallest_) return direct(local, nodes, workspace, real, imaginary);
  const Brick& brick = brick_at(range, std::atan2(along, local.z), height, workspace);
  const Contracted& plane = contract(brick, height, workspace);
  const std::size_t width = 2 * brick.frequencies.size();
  double by_range[64], by_angle[64];
  chebyshev_weights(brick.ranges, brick.range.relative(range), by_range);
  chebyshev_weights(brick.angles, brick.angle.relative(std::atan2(along, local.z)), by_angle);
  workspace.sum.assign(width, 0);
  double* __restrict sum = workspace.sum.data();
  for (std::size_t i = 0; i < brick.ranges; ++i)
    for (std::size_t j = 0; j < brick.angles; ++j) {
      const double w = by_range[i] * by_angle[j];
      const double* __restrict v = plane.values.data() + (i * brick.angles + j) * width;
#pragma omp simd
      for (std::size_t m = 0; m < width; ++m) sum[m] += w * v[m];
    }
  convert(brick.frequencies, nodes, workspace, real, imaginary);
}

void ResponseTable::convert(const FrequencyNodes& from, const FrequencyNodes& to, TableWorkspace& workspace,
                            double* real, double* imaginary) const {
  const std::size_t n = from.size();
  auto& matrix = workspace.conversions[{&from, &to}];
  if (matrix.empty()) {
    matrix.resize(n * to.size());
    for (std::size_t m = 0; m < to.size(); ++m)
      chebyshev_weights(n, (to.frequency[m] - (low_ + high_) / 2) / ((high_ - low_) / 2), matrix.data() + m * n);
  }
  for (std::size_t m = 0; m < to.size(); ++m) {
    double re = 0, im = 0;
    for (std::size_t i = 0; i < n; ++i) {
      re += matrix[m * n + i] * workspace.sum[i];
      im += matrix[m * n + i] * workspace.sum[n + i];
    }
    real[m] = re, imaginary[m] = im;
  }
}

const Contracted& ResponseTable::contract(const Brick& brick, double height, TableWorkspace& workspace) const {
  for (const Contracted& entry : workspace.contracted)
    if (entry.brick == &brick && entry.height == height) return entry;
  constexpr std::size_t kept = 32;
  if (workspace.contracted.size() < kept) workspace.contracted.emplace_back();
  Contracted& entry = workspace.contracted[workspace.next++ % kept];
  entry.brick = &brick, entry.height = height;
  const std::size_t plane = brick.ranges * brick.angles * 2 * brick.frequencies.size();
  entry.values.assign(plane, 0);
  double by_height[64];
  chebyshev_weights(brick.heights, brick.height.relative(height), by_height);
  for (std::size_t h = 0; h < brick.heights; ++h)
    for (std::size_t i = 0; i < plane; ++i) entry.values[i] += by_height[h] * brick.values[h * plane + i];
  return entry;
}

double ResponseTable::range_step(double range) const {
  const double reach = std::max(half_height_, half_width_);
  const double bend = 1 - range / std::hypot(range, reach);
  return std::min(0.35 * range, 2 * brick_span / (wavenumber_ * std::max(bend, 1e-9)));
}

double ResponseTable::height_step(double range) const {
  const double spread = std::min(2.0, half_height_ / range);
  return std::min(0.5 * range, 2 * brick_span / (wavenumber_ * std::max(spread, 1e-9)));
}

const Brick& ResponseTable::brick_at(double range, double angle, double height, TableWorkspace& workspace) {
  // Edges follow from the first alone: each thread makes its own.
  auto& edges = workspace.edges;
  if (workspace.table != this)
    workspace.table = this, workspace.bricks.clear(), workspace.lines.clear(), edges.assign(1, smallest_);
  while (edges.back() <= range) edges.push_back(edges.back() + range_step(edges.back()));
  const std::size_t i =
      static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), range) - edges.begin()) - 1;
  const double low = edges[i], high = edges[i + 1];
  const double angle_count = std::ceil(pi / 2 / (2 * brick_span / (wavenumber_ * half_width_ * 1.3)));
  const double angle_step = pi / 2 / std::max(1.0, angle_count);
  const auto j = static_cast<std::size_t>(std::min(std::floor(angle / angle_step), std::max(1.0, angle_count) - 1));
  const double step = tall_ ? height_step(low) : 0;
  const auto k = static_cast<std::size_t>(tall_ ? std::floor(height / step) : 0);
  const Brick*& known = workspace.bricks[{i, j, k}];
  if (known) return *known;
  Slot* slot;
  {
    const std::lock_guard lock(mutex_);
    slot = &slots_[{i, j, k}];
  }
  std::call_once(slot->once, [&] {
    Brick& brick = slot->brick;
    brick.range = {low, high};
    brick.angle = {static_cast<double>(j) * angle_step, static_cast<double>(j + 1) * angle_step};
    brick.height = {static_cast<double>(k) * step, static_cast<double>(k + 1) * step};
    build(brick, workspace);
  });
  known = &slot->brick;
  return *known;
}

Vec3 ResponseTable::point(double range, double angle, double height) const {
  return {range * std::sin(angle), height, range * std::cos(angle)};
}

void ResponseTable::build(Brick& brick, TableWorkspace& workspace) const {
  const double range = brick.range.low;
  const double reach = std::max(half_height_, half_width_);
  const double bend = 1 - range / std::hypot(range, reach + brick.height.low);
  const double spread = std::min(2.0, half_height_ / range);
  const auto terms = [&](double span, double half, double distance) {
    return static_cast<std::size_t>(
        std::clamp(oscillation_terms(span, tolerance_) + falloff_terms(half, distance, tolerance_) / 2, 3, 40));
  };
  brick.ranges = terms(wavenumber_ * brick.range.half() * bend, brick.range.half(), brick.range.middle());
  brick.angles = terms(wavenumber_ * half_width_ * 1.2 * brick.angle.half(), brick.angle.half(), 1.5);
  brick.heights = tall_ ? terms(wavenumber_ * brick.height.half() * spread, brick.height.half(), range) : 1;
  // Frequencies from how far the paths of the parts differ from that of the centre.
  double difference = 0;
  for (double x : {-1.0, 0.0, 1.0})
    for (double y : {-1.0, 0.0, 1.0})
      for (double h : {-1.0, 0.0, 1.0}) difference = std::max(difference, path_difference(brick, x, y, h, workspace));
  const int extra = integral_.dimensions() == 2 ? 4 : 0;
  brick.frequencies = frequency_nodes(
      low_, high_, static_cast<std::size_t>(oscillation_terms(half_band_ * difference, tolerance_) + 1 + extra), law_);
  for (int attempt = 0;; ++attempt) {
    fill(brick, workspace);
    if (attempt == 4 || is_accurate(brick, workspace)) break;
    brick.ranges = std::min<std::size_t>(brick.ranges + 2, 60);
    brick.angles = std::min<std::size_t>(brick.angles + 2, 60);
    if (tall_) brick.heights = std::min<std::size_t>(brick.heights + 2, 60);
    brick.frequencies = frequency_nodes(low_, high_, brick.frequencies.size() + 2, law_);
  }
}

double ResponseTable::path_difference(const Brick& brick, double x, double y, double h,
                                      TableWorkspace& workspace) const {
  const Vec3 p = point(brick.range.at(x), brick.angle.at(y), brick.height.at(h));
  const FrequencyNodes none;
  integral_.values(p, none, workspace.nodes, nullptr, nullptr);
  const double centre = integral_.distance(p);
  double largest = 0;
  for (double path : workspace.nodes.path) largest = std::max(largest, std::abs(path - centre));
  return largest;
}

void ResponseTable::fill(Brick& brick, TableWorkspace& workspace) const {
  const std::size_t width = 2 * brick.frequencies.size();
  memory_.take(8.0 * static_cast<double>(brick.heights * brick.ranges * brick.angles * width));
  brick.values.resize(brick.heights * brick.ranges * brick.angles * width);
  double* out = brick.values.data();
  for (std::size_t h = 0; h < brick.heights; ++h)
    for (std::size_t i = 0; i < brick.ranges; ++i)
      for (std::size_t j = 0; j < brick.angles; ++j, out += width)
        integral_.values(
            point(brick.range.at(chebyshev_point(brick.ranges, i)), brick.angle.at(chebyshev_point(brick.angles, j)),
                  tall_ ? brick.height.at(chebyshev_point(brick.heights, h)) : 0),
            brick.frequencies, workspace.nodes, out, out + width / 2);
}

bool ResponseTable::is_accurate(const Brick& brick, TableWorkspace& workspace) const {
  const std::size_t n = brick.frequencies.size();
  const FrequencyNodes others = frequency_nodes(low_, high_, n + 1, law_);
  double scale = 0;
  for (double v : brick.values) scale = std::max(scale, std::abs(v));
  std::vector<double> expected(2 * (n + 1)), found(2 * (n + 1)), by_height(brick.heights), by_range(brick.ranges),
      by_angle(brick.angles);
  constexpr double places[][3] = {{0.97, 0.95, 0.93}, {-0.96, 0.31, -0.94}, {0.13, -0.98, 0.29}, {-0.52, 0.55, 0.97}};
  for (const auto& place : places) {
    const double h = tall_ ? brick.height.at(place[2]) : 0;
    integral_.values(point(brick.range.at(place[0]), brick.angle.at(place[1]), h), others, workspace.nodes,
                     expected.data(), expected.data() + n + 1);
    chebyshev_weights(brick.heights, tall_ ? place[2] : 0, by_height.data());
    chebyshev_weights(brick.ranges, place[0], by_range.data());
    chebyshev_weights(brick.angles, place[1], by_angle.data());
    workspace.sum.assign(2 * n, 0);
    const double* v = brick.values.data();
    for (double wh : by_height)
      for (double wr : by_range)
        for (double wa : by_angle)
          for (std::size_t m = 0; m < 2 * n; ++m) workspace.sum[m] += wh * wr * wa * *v++;
    for (std::size_t m = 0; m <= n; ++m) {
      check_interrupted();
      double re = 0, im = 0;
      std::vector<double> weights(n);
      chebyshev_weights(n, chebyshev_point(n + 1, m), weights.data());
      for (std::size_t i = 0; i < n; ++i) re += weights[i] * workspace.sum[i], im += weights[i] * workspace.sum[n + i];
      if (std::hypot(re - expected[m], im - expected[n + 1 + m]) > 2 * tolerance_ * scale) return false;
    }
  }
  return true;
}

}  // namespace sonoforge
