#include "sim/line_table.hpp"

#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "core/progress.hpp"
#include "sim/lanes.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

/// out = sum_r weights[r] * rows[r], each of `width` values, a multiple of 8.
void weighted_sum(const float* weights, std::size_t count, const float* rows, std::size_t width, float* out) {
  constexpr std::size_t lanes = Vector<float>::lanes;
  const auto part = [&](std::size_t first, auto vectors) {
    V<float> sum[decltype(vectors)::value] = {};
    const float* row = rows + first;
    for (std::size_t r = 0; r < count; ++r, row += width) {
      const float weight = weights[r];
      for (std::size_t i = 0; i < vectors; ++i) sum[i] += weight * load(row + i * lanes);
    }
    for (std::size_t i = 0; i < vectors; ++i) store(out + first + i * lanes, sum[i]);
  };
  std::size_t at = 0;
  for (; at + 8 * lanes <= width; at += 8 * lanes) part(at, std::integral_constant<std::size_t, 8>());
  for (; at + 4 * lanes <= width; at += 4 * lanes) part(at, std::integral_constant<std::size_t, 4>());
  for (; at + 2 * lanes <= width; at += 2 * lanes) part(at, std::integral_constant<std::size_t, 2>());
  for (; at < width; at += lanes) part(at, std::integral_constant<std::size_t, 1>());
}

/// Adds values at a brick's `n` frequencies, real parts then imaginary ones, brought to `count` other frequencies.
inline void add_converted(const std::vector<float>& matrix, const float* own, std::size_t n, std::size_t count,
                          float* __restrict re, float* __restrict im) {
  for (std::size_t k = 0; k < n; ++k) {
    const float x = own[k], y = own[n + k];
    const float* __restrict row = matrix.data() + k * count;
#pragma omp simd
    for (std::size_t m = 0; m < count; ++m) re[m] += row[m] * x, im[m] += row[m] * y;
  }
}

}  // namespace

LineTable::LineTable(const Probe& probe, const Element& element, const WaveLaw& law, double low, double high,
                     double tolerance)
    : wavenumber_(std::max(std::abs(law.wavenumber(high)), std::abs(law.wavenumber(low)))),
      half_band_((law.wavenumber(high) - law.wavenumber(low)) / 2),
      line_(probe, narrow(element), 3, wavenumber_, tolerance / 10),
      whole_(probe, element, 3, wavenumber_, tolerance / 10),
      law_(law),
      low_(low),
      high_(high),
      tolerance_(tolerance),
      soft_(probe.baffle != 0),
      half_width_(element.width / 2),
      half_height_(element.height / 2) {
  rule_ = &rule(wavenumber_ * half_width_, tolerance_);
  smallest_ = nearest(half_width_, wavenumber_);
}

const GaussRule& LineTable::rule(double half_width_phase, double tolerance) {
  return gauss_rule(std::min(oscillation_terms(half_width_phase, tolerance) / 2 + 2, max_gauss_order));
}

bool LineTable::fits(const Probe& probe, const Element& element) {
  return element.shape == Element::Shape::rectangle && (probe.baffle == 0 || std::isinf(probe.baffle));
}

void LineTable::line(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real,
                     double* imaginary) {
  start(workspace);
  const double rho = std::sqrt(local.x * local.x + local.z * local.z);
  const LineCache& line = line_at(rho, std::abs(local.y), workspace, &nodes);
  const Brick& brick = *line.brick;
  const std::size_t n = nodes.size(), width = padded(2 * n);
  float by_range[64];
  chebyshev_weights(brick.ranges, brick.range.relative(rho), by_range);
  auto& v = workspace.line_out;
  if (v.size() < width) v.resize(width);
  weighted_sum(by_range, brick.ranges, line.values.data(), width, v.data());
  const double weight = half_width_ * (soft_ ? local.z / rho : 1);
  for (std::size_t m = 0; m < n; ++m)
    real[m] = weight * static_cast<double>(v[m]), imaginary[m] = weight * static_cast<double>(v[n + m]);
}

void LineTable::interpolate(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real,
                            double* imaginary) {
  const double height = std::abs(local.y), range = std::hypot(local.x, local.z);
  if (range < smallest_) return whole_.values(local, nodes, workspace.nodes, real, imaginary);
  start(workspace);
  const double distance = std::hypot(range, height);
  std::fill_n(real, nodes.size(), 0.0);
  std::fill_n(imaginary, nodes.size(), 0.0);
  // Lines in the same brick are added at its own frequencies.
  const Brick* open = nullptr;
  for (std::size_t q = 0; q < rule_->nodes.size(); ++q) {
    const double across = local.x - half_width_ * rule_->nodes[q], rho = std::sqrt(across * across + local.z * local.z);
    const double weight = half_width_ * rule_->weights[q] * (soft_ ? local.z / rho : 1);
    const LineCache& line = line_at(rho, height, workspace, nullptr);
    if (line.brick != open) {
      if (open) add_sum(*open, nodes, workspace, real, imaginary);
      open = line.brick;
      workspace.line_sum.assign(2 * open->frequencies.size(), 0);
    }
    add_line(line, rho, static_cast<float>(weight), std::sqrt(rho * rho + height * height) - distance, workspace);
  }
  add_sum(*open, nodes, workspace, real, imaginary);
}

Element LineTable::narrow(const Element& element) {
  Element line = element;
  line.width = 1e-4 * element.width;
  return line;
}

void LineTable::start(TableWorkspace& workspace) const {
  if (workspace.table == this) return;
  workspace.table = this;
  workspace.bricks.clear(), workspace.lines.clear(), workspace.line_bricks.clear();
  workspace.edges.assign(1, smallest_ - half_width_);
}

const LineCache& LineTable::line_at(double rho, double height, TableWorkspace& workspace, const FrequencyNodes* nodes) {
  auto& edges = workspace.edges;
  while (edges.back() <= rho) edges.push_back(edges.back() + range_step(edges.back()));
  const std::size_t i = static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), rho) - edges.begin()) - 1;
  if (workspace.lines.size() <= i) workspace.lines.resize(i + 1);
  LineCache& line = workspace.lines[i];
  if (line.height != height || line.nodes != nodes) {
    contract(i, edges[i], edges[i + 1], height, nodes, workspace, line);
  }
  return line;
}

const std::vector<float>& LineTable::at_frequencies(LineBrick& own_brick, const FrequencyNodes& nodes,
                                                    TableWorkspace& workspace) const {
  const Brick& brick = *own_brick.brick;
  if (own_brick.changed.size() <= nodes.size()) own_brick.changed.resize(nodes.size() + 1);
  LineBrick::Changed& entry = own_brick.changed[nodes.size()];
  auto& changed = entry.values;
  if (entry.nodes == &nodes) return changed;
  entry.nodes = &nodes;
  const std::size_t n = brick.frequencies.size(), count = nodes.size();
  const auto& matrix = conversion(brick.frequencies, nodes, workspace);
  auto& cosines = workspace.line_sum;
  cosines.resize(2 * count);
  float* __restrict c = cosines.data();
  float* __restrict s = c + count;
  const float* __restrict turns = workspace.turns.data();
  const float shift = static_cast<float>(brick.shift);
#pragma omp simd
  for (std::size_t m = 0; m < count; ++m) {
    float cosine, sine;
    cis_turns(-turns[m] * shift, cosine, sine);
    c[m] = cosine, s[m] = sine;
  }
  const std::size_t rows = brick.heights * brick.ranges;
  changed.assign(rows * padded(2 * count), 0);
  for (std::size_t r = 0; r < rows; ++r) {
    float* __restrict re = changed.data() + r * padded(2 * count);
    float* __restrict im = re + count;
    const float* const own = brick.floats.data() + r * padded(2 * n);
    add_converted(matrix, own, n, count, re, im);
#pragma omp simd
    for (std::size_t m = 0; m < count; ++m) {
      const float x = re[m] * c[m] - im[m] * s[m];
      im[m] = re[m] * s[m] + im[m] * c[m];
      re[m] = x;
    }
  }
  return changed;
}

void LineTable::add_line(const LineCache& line, double rho, float weight, double beyond,
                         TableWorkspace& workspace) const {
  const Brick& brick = *line.brick;
  const std::size_t n = brick.frequencies.size();
  float by_range[64];
  chebyshev_weights(brick.ranges, brick.range.relative(rho), by_range);
  for (std::size_t r = 0; r < brick.ranges; ++r) by_range[r] *= weight;
  auto& value = workspace.line_out;
  if (value.size() < padded(2 * n)) value.resize(padded(2 * n));
  float* __restrict v = value.data();
  weighted_sum(by_range, brick.ranges, line.values.data(), padded(2 * n), v);
  float* __restrict sum = workspace.line_sum.data();
  const float* __restrict turns = brick.turns.data();
  const float far = static_cast<float>(beyond);
  if (!law_.lossless)
    for (std::size_t m = 0; m < n; ++m) {
      const float loss = std::exp(-static_cast<float>(brick.frequencies.attenuation[m]) * far);
      v[m] *= loss, v[n + m] *= loss;
    }
#pragma omp simd
  for (std::size_t m = 0; m < n; ++m) {
    float c, s;
    cis_turns(-turns[m] * far, c, s);
    sum[m] += v[m] * c - v[n + m] * s;
    sum[n + m] += v[m] * s + v[n + m] * c;
  }
}

void LineTable::add_sum(const Brick& brick, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real,
                        double* imaginary) const {
  const std::size_t n = brick.frequencies.size(), count = nodes.size();
  const auto& matrix = conversion(brick.frequencies, nodes, workspace);
  auto& out = workspace.line_out;
  out.assign(2 * count, 0);
  float* __restrict re = out.data();
  float* __restrict im = re + count;
  add_converted(matrix, workspace.line_sum.data(), n, count, re, im);
  const float* __restrict turns = workspace.turns.data();
  const float shift = static_cast<float>(brick.shift);
#pragma omp simd
  for (std::size_t m = 0; m < count; ++m) {
    float c, s;
    cis_turns(-turns[m] * shift, c, s);
    real[m] += static_cast<double>(re[m] * c - im[m] * s);
    imaginary[m] += static_cast<double>(re[m] * s + im[m] * c);
  }
}

const std::vector<float>& LineTable::conversion(const FrequencyNodes& from, const FrequencyNodes& to,
                                                TableWorkspace& workspace) const {
  if (workspace.turns_of != &to) {
    workspace.turns_of = &to;
    workspace.turns.clear();
    for (double k : to.wavenumber) workspace.turns.push_back(static_cast<float>(k / (2 * pi)));
  }
  auto& matrix = workspace.float_conversions[{&from, &to}];
  if (matrix.empty()) {
    const std::size_t n = from.size();
    matrix.resize(n * to.size());
    std::vector<double> weights(n);
    for (std::size_t m = 0; m < to.size(); ++m) {
      chebyshev_weights(n, (to.frequency[m] - (low_ + high_) / 2) / ((high_ - low_) / 2), weights.data());
      for (std::size_t k = 0; k < n; ++k) matrix[k * to.size() + m] = static_cast<float>(weights[k]);
    }
  }
  return matrix;
}

double LineTable::range_step(double range) const {
  const double bend = 1 - range / std::hypot(range, half_height_);
  return std::min(0.35 * range, 2 * line_span / (wavenumber_ * std::max(bend, 1e-9)));
}

double LineTable::height_step(double range) const {
  const double spread = std::min(2.0, half_height_ / range);
  return std::min(0.5 * range, 2 * line_span / (wavenumber_ * std::max(spread, 1e-9)));
}

void LineTable::contract(std::size_t i, double low, double high, double height, const FrequencyNodes* nodes,
                         TableWorkspace& workspace, LineCache& line) {
  const double step = height_step(low);
  const auto k = static_cast<std::size_t>(std::floor(height / step));
  auto& column = workspace.line_bricks;
  if (column.size() <= i) column.resize(i + 1);
  if (column[i].size() <= k) column[i].resize(k + 1);
  LineBrick& known = column[i][k];
  if (!known.brick) {
    Slot* slot;
    {
      const std::lock_guard lock(mutex_);
      slot = &slots_[{i, k}];
    }
    std::call_once(slot->once, [&] {
      slot->brick.range = {low, high};
      slot->brick.height = {static_cast<double>(k) * step, static_cast<double>(k + 1) * step};
      build(slot->brick, workspace);
    });
    known.brick = &slot->brick;
  }
  const Brick& brick = *known.brick;
  line.brick = &brick, line.height = height, line.nodes = nodes;
  const std::size_t plane = brick.ranges * padded(2 * (nodes ? nodes->size() : brick.frequencies.size()));
  const float* const values = nodes ? at_frequencies(known, *nodes, workspace).data() : brick.floats.data();
  line.values.resize(plane);
  float by_height[64];
  chebyshev_weights(brick.heights, brick.height.relative(height), by_height);
  weighted_sum(by_height, brick.heights, values, plane, line.values.data());
}

void LineTable::build(Brick& brick, TableWorkspace& workspace) const {
  const double bend = 1 - brick.range.low / std::hypot(brick.range.low, half_height_ + brick.height.low);
  const double spread = std::min(2.0, half_height_ / brick.range.low);
  const auto terms = [&](double span, double half, double distance) {
    return static_cast<std::size_t>(
        std::clamp(oscillation_terms(span, tolerance_) + falloff_terms(half, distance, tolerance_) / 2, 3, 40));
  };
  brick.ranges = terms(wavenumber_ * brick.range.half() * bend, brick.range.half(), brick.range.middle());
  brick.heights = terms(wavenumber_ * brick.height.half() * spread, brick.height.half(), brick.range.low);
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (double x : {-1.0, 1.0})
    for (double h : {-1.0, 0.0, 1.0}) {
      const Vec3 p{0, brick.height.at(h), brick.range.at(x)};
      line_.values(p, {}, workspace.nodes, nullptr, nullptr);
      for (double path : workspace.nodes.path)
        least = std::min(least, path - norm(p)), most = std::max(most, path - norm(p));
    }
  brick.shift = (least + most) / 2;
  const double difference = (most - least) / 2 + half_width_;
  brick.frequencies = frequency_nodes(
      low_, high_, static_cast<std::size_t>(oscillation_terms(half_band_ * difference, tolerance_) + 1), law_);
  for (int attempt = 0;; ++attempt) {
    fill(brick, workspace);
    if (attempt == 4 || is_accurate(brick, workspace)) break;
    brick.ranges = std::min<std::size_t>(brick.ranges + 2, 60);
    brick.heights = std::min<std::size_t>(brick.heights + 2, 60);
    brick.frequencies = frequency_nodes(low_, high_, brick.frequencies.size() + 2, law_);
  }
  const std::size_t width = 2 * brick.frequencies.size(), rows = brick.values.size() / width;
  brick.floats.assign(rows * padded(width), 0);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t m = 0; m < width; ++m)
      brick.floats[r * padded(width) + m] = static_cast<float>(brick.values[r * width + m]);
  for (double k : brick.frequencies.wavenumber) brick.turns.push_back(static_cast<float>(k / (2 * pi)));
  brick.values.clear();
  brick.values.shrink_to_fit();
}

void LineTable::line_values(double range, double height, double shift, const FrequencyNodes& nodes,
                            TableWorkspace& workspace, double* out) const {
  const std::size_t n = nodes.size();
  line_.values({0, height, range}, nodes, workspace.nodes, out, out + n);
  for (std::size_t m = 0; m < n; ++m) {
    const auto value =
        std::complex<double>(out[m], out[n + m]) * std::polar(1 / line_.element().width, nodes.wavenumber[m] * shift);
    out[m] = value.real(), out[n + m] = value.imag();
  }
}

void LineTable::fill(Brick& brick, TableWorkspace& workspace) const {
  const std::size_t width = 2 * brick.frequencies.size();
  memory_.take(8.0 * static_cast<double>(brick.heights * brick.ranges * width));
  brick.values.resize(brick.heights * brick.ranges * width);
  double* out = brick.values.data();
  for (std::size_t h = 0; h < brick.heights; ++h)
    for (std::size_t r = 0; r < brick.ranges; ++r, out += width)
      line_values(brick.range.at(chebyshev_point(brick.ranges, r)), brick.height.at(chebyshev_point(brick.heights, h)),
                  brick.shift, brick.frequencies, workspace, out);
}

bool LineTable::is_accurate(const Brick& brick, TableWorkspace& workspace) const {
  const std::size_t n = brick.frequencies.size();
  const FrequencyNodes others = frequency_nodes(low_, high_, n + 1, law_);
  double scale = 0;
  for (double v : brick.values) scale = std::max(scale, std::abs(v));
  std::vector<double> expected(2 * (n + 1)), by_height(brick.heights), by_range(brick.ranges), sum(2 * n), weights(n);
  constexpr double places[][2] = {{0.97, 0.95}, {-0.96, -0.93}, {0.13, 0.98}, {-0.52, 0.31}};
  for (const auto& place : places) {
    line_values(brick.range.at(place[0]), brick.height.at(place[1]), brick.shift, others, workspace, expected.data());
    chebyshev_weights(brick.heights, place[1], by_height.data());
    chebyshev_weights(brick.ranges, place[0], by_range.data());
    std::fill(sum.begin(), sum.end(), 0.0);
    const double* v = brick.values.data();
    for (double wh : by_height)
      for (double wr : by_range)
        for (std::size_t m = 0; m < 2 * n; ++m) sum[m] += wh * wr * *v++;
    for (std::size_t m = 0; m <= n; ++m) {
      check_interrupted();
      double re = 0, im = 0;
      chebyshev_weights(n, chebyshev_point(n + 1, m), weights.data());
      for (std::size_t i = 0; i < n; ++i) re += weights[i] * sum[i], im += weights[i] * sum[n + i];
      if (std::hypot(re - expected[m], im - expected[n + 1 + m]) > 2 * tolerance_ * scale) return false;
    }
  }
  return true;
}

}  // namespace sonoforge
