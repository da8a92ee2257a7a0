#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <numbers>

#include "sim/element_response.hpp"
#include "sim/lanes.hpp"
#include "sim/smooth_response.hpp"
#include "sim/surface_quadrature.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double brick_span = 1.5;  // half of the phase that may turn across a brick [rad]

/// Terms of a Chebyshev series over +-half of a function with its nearest singularity at `distance` from the middle.
int falloff_terms(double half, double distance, double tolerance) {
  if (half <= 0) return 0;
  const double ratio = std::max(distance / half, 0.3), rho = ratio + std::sqrt(1 + ratio * ratio);
  return static_cast<int>(std::ceil(std::max(0.0, std::log(1 / ratio / tolerance)) / std::log(rho)));
}

/// The integral over one kind of element in its own axes.
class ElementIntegral {
 public:
  ElementIntegral(const Probe& probe, const Element& element, int dimensions, double wavenumber, double tolerance)
      : element_(element),
        integral_{dimensions, probe.baffle, probe.elevation_focus, wavenumber, tolerance},
        centre_frequency_(probe.frequency) {
    element_.position = {}, element_.normal = {0, 0, 1}, element_.lateral = {1, 0, 0};
  }

  const Element& element() const { return element_; }
  int dimensions() const { return integral_.dimensions; }

  void values(Vec3 local, const FrequencyNodes& frequencies, SurfaceNodes& nodes, double* real, double* imaginary) const {
    place_nodes(element_, local, integral_, nodes);
    const double range = distance(local);
    const std::size_t n = nodes.size();
    const double *path = nodes.path.data(), *r = nodes.distance.data(), *weight = nodes.weight.data();
    for (std::size_t m = 0; m < frequencies.size(); ++m) {
      const double k = frequencies.wavenumber[m], a = frequencies.attenuation[m];
      double re = 0, im = 0;
      if (integral_.dimensions == 3) {
        const double turns = k / (2 * pi);
#pragma omp simd reduction(+ : re, im)
        for (std::size_t q = 0; q < n; ++q) {
          double sine, cosine;
          cis_turns(turns * (path[q] - range), cosine, sine);
          const double amplitude = weight[q] * exp_bounded(-a * (r[q] - range));
          re += amplitude * cosine;
          im -= amplitude * sine;
        }
      } else {
        std::complex<double> sum = 0;
        const std::complex<double> wavenumber(k, -a);
        for (std::size_t q = 0; q < n; ++q)
          sum += weight[q] * std::polar(std::exp(-a * (r[q] - range)), -k * (path[q] - range)) *
                 scaled_hankel(wavenumber * r[q]);
        sum *= std::complex<double>(0, -0.5) * std::sqrt(frequencies.frequency[m] / centre_frequency_);
        re = sum.real(), im = sum.imag();
      }
      real[m] = re, imaginary[m] = im;
    }
  }
  double distance(Vec3 local) const {
    return integral_.dimensions == 2 ? std::hypot(local.x, local.z) : norm(local);
  }

 private:
  Element element_;
  SurfaceIntegral integral_;
  double centre_frequency_;
};

struct Interval {
  double low = 0, high = 0;
  double half() const { return (high - low) / 2; }
  double middle() const { return (high + low) / 2; }
  double at(double x) const { return middle() + half() * x; }
  double relative(double value) const { return half() > 0 ? (value - middle()) / half() : 0; }
};

/// Values of A on the Chebyshev points of a brick.
struct Brick {
  Interval range, angle, height;
  std::size_t ranges = 1, angles = 1, heights = 1;
  FrequencyNodes frequencies;
  double shift = 0;  // LineTable: of the path that the phase counts from [m]
  std::vector<double> values;  // [height][range][angle][2 * frequency]: real parts, then imaginary parts
  std::vector<float> floats;   // the same of a LineTable's bricks
  std::vector<float> turns;    // k / 2 pi at its frequencies [1/m]
};

struct Contracted {
  const Brick* brick = nullptr;
  double height = 0;
  std::vector<double> values;  // [range][angle][2 * frequency]
};

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
std::size_t padded(std::size_t count) {
  return (count + 7) / 8 * 8;
}

/// A column of bricks at one height.
struct LineCache {
  const Brick* brick = nullptr;
  double height = -1;
  const FrequencyNodes* nodes = nullptr;  // null: values are at the brick's own frequencies
  std::vector<float> values;              // [range][padded 2 * frequency]
};

/// A line's brick, and its values at the frequencies that were asked for, by their number.
struct LineBrick {
  struct Changed {
    const FrequencyNodes* nodes = nullptr;
    std::vector<float> values;  // [height][range][padded 2 * frequency]
  };
  const Brick* brick = nullptr;
  std::vector<Changed> changed;
};

struct TableWorkspace : SmoothResponse::Workspace {
  const void* table = nullptr;                                      // that `bricks`, `edges` and `lines` belong to
  std::map<std::array<std::size_t, 3>, const Brick*> bricks;
  std::vector<double> edges;
  SurfaceNodes nodes;
  std::vector<double> sum;
  std::vector<Contracted> contracted;
  std::size_t next = 0;
  std::map<std::pair<const FrequencyNodes*, const FrequencyNodes*>, std::vector<double>> conversions;
  std::map<std::pair<const FrequencyNodes*, const FrequencyNodes*>, std::vector<float>> float_conversions;
  std::vector<LineCache> lines;
  std::vector<std::vector<LineBrick>> line_bricks;  // [range][height]
  std::vector<float> line_sum, line_out, turns;
  const FrequencyNodes* turns_of = nullptr;
};

/// All bricks of one kind of element.
class Table {
 public:
  Table(const Probe& probe, const Element& element, const WaveLaw& law, double low, double high, int dimensions,
        double tolerance)
      : integral_(probe, element, dimensions, std::max(std::abs(law.wavenumber(high)), std::abs(law.wavenumber(low))), tolerance / 10),
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

  void direct(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary) const {
    integral_.values(local, nodes, workspace.nodes, real, imaginary);
  }

  void interpolate(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary) {
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

 private:
  /// From the brick's frequencies to those asked for.
  void convert(const FrequencyNodes& from, const FrequencyNodes& to, TableWorkspace& workspace, double* real,
               double* imaginary) const {
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

  const Contracted& contract(const Brick& brick, double height, TableWorkspace& workspace) const {
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

  /// To the next edge in range: the phase of the outermost parts turns by brick_span at most on either side of a brick's
  /// middle, and 1/r changes little.
  double range_step(double range) const {
    const double reach = std::max(half_height_, half_width_);
    const double bend = 1 - range / std::hypot(range, reach);
    return std::min(0.35 * range, 2 * brick_span / (wavenumber_ * std::max(bend, 1e-9)));
  }
  double height_step(double range) const {
    const double spread = std::min(2.0, half_height_ / range);
    return std::min(0.5 * range, 2 * brick_span / (wavenumber_ * std::max(spread, 1e-9)));
  }

  const Brick& brick_at(double range, double angle, double height, TableWorkspace& workspace) {
    // Edges follow from the first alone: each thread makes its own.
    auto& edges = workspace.edges;
    if (workspace.table != this) workspace.table = this, workspace.bricks.clear(), workspace.lines.clear(), edges.assign(1, smallest_);
    while (edges.back() <= range) edges.push_back(edges.back() + range_step(edges.back()));
    const std::size_t i = static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), range) - edges.begin()) - 1;
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

  Vec3 point(double range, double angle, double height) const {
    return {range * std::sin(angle), height, range * std::cos(angle)};
  }

  void build(Brick& brick, TableWorkspace& workspace) const {
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

  double path_difference(const Brick& brick, double x, double y, double h, TableWorkspace& workspace) const {
    const Vec3 p = point(brick.range.at(x), brick.angle.at(y), brick.height.at(h));
    const FrequencyNodes none;
    integral_.values(p, none, workspace.nodes, nullptr, nullptr);
    const double centre = integral_.distance(p);
    double largest = 0;
    for (double path : workspace.nodes.path) largest = std::max(largest, std::abs(path - centre));
    return largest;
  }

  void fill(Brick& brick, TableWorkspace& workspace) const {
    const std::size_t width = 2 * brick.frequencies.size();
    brick.values.resize(brick.heights * brick.ranges * brick.angles * width);
    double* out = brick.values.data();
    for (std::size_t h = 0; h < brick.heights; ++h)
      for (std::size_t i = 0; i < brick.ranges; ++i)
        for (std::size_t j = 0; j < brick.angles; ++j, out += width)
          integral_.values(point(brick.range.at(chebyshev_point(brick.ranges, i)),
                                 brick.angle.at(chebyshev_point(brick.angles, j)),
                                 tall_ ? brick.height.at(chebyshev_point(brick.heights, h)) : 0),
                           brick.frequencies, workspace.nodes, out, out + width / 2);
  }

  /// Compares with the integral at a few places between the points, and at other frequencies.
  bool is_accurate(const Brick& brick, TableWorkspace& workspace) const {
    const std::size_t n = brick.frequencies.size();
    const FrequencyNodes others = frequency_nodes(low_, high_, n + 1, law_);
    double scale = 0;
    for (double v : brick.values) scale = std::max(scale, std::abs(v));
    std::vector<double> expected(2 * (n + 1)), found(2 * (n + 1)), by_height(brick.heights), by_range(brick.ranges), by_angle(brick.angles);
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
        double re = 0, im = 0;
        std::vector<double> weights(n);
        chebyshev_weights(n, chebyshev_point(n + 1, m), weights.data());
        for (std::size_t i = 0; i < n; ++i) re += weights[i] * workspace.sum[i], im += weights[i] * workspace.sum[n + i];
        if (std::hypot(re - expected[m], im - expected[n + 1 + m]) > 2 * tolerance_ * scale) return false;
      }
    }
    return true;
  }

  struct Slot {
    std::once_flag once;
    Brick brick;
  };
  ElementIntegral integral_;
  WaveLaw law_;
  double low_, high_, tolerance_, wavenumber_, half_band_;
  bool round_, tall_;
  double half_width_, half_height_, smallest_ = 0;
  std::mutex mutex_;
  std::map<std::array<std::size_t, 3>, Slot> slots_;
};

/// Rectangles behind a rigid or soft baffle: the integral over the height is tabulated for a line in the middle, in two
/// dimensions (distance from the line, height), and that over the width is a short Gauss-Legendre sum over such lines:
///     A = integral dx' w/rho' E(rho', b) exp(-(i k + a) (R' - R)), rho' = hypot(a - x', w), R' = hypot(rho', b)
/// (without w/rho' where the baffle is rigid).
class LineTable {
 public:
  LineTable(const Probe& probe, const Element& element, const WaveLaw& law, double low, double high, double tolerance)
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

  /// For the sum over the width.
  static const GaussRule& rule(double half_width_phase, double tolerance) {
    return gauss_rule(std::min(oscillation_terms(half_width_phase, tolerance) / 2 + 2, max_gauss_order));
  }
  /// Nearer than this the sum over the width needs more lines than that.
  static double nearest(double half_width, double wavenumber) { return std::max(4 * half_width, 1 / wavenumber); }

  static bool fits(const Probe& probe, const Element& element) {
    return element.shape == Element::Shape::rectangle && (probe.baffle == 0 || std::isinf(probe.baffle));
  }
  /// A line alone, at least half a width nearer than elements may be.
  void line(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary) {
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
  void interpolate(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary) {
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

 private:
  static Element narrow(const Element& element) {
    Element line = element;
    line.width = 1e-4 * element.width;
    return line;
  }

  void start(TableWorkspace& workspace) const {
    if (workspace.table == this) return;
    workspace.table = this;
    workspace.bricks.clear(), workspace.lines.clear(), workspace.line_bricks.clear();
    workspace.edges.assign(1, smallest_ - half_width_);
  }

  /// Values at one height; at the frequencies of `nodes` if there are any.
  const LineCache& line_at(double rho, double height, TableWorkspace& workspace, const FrequencyNodes* nodes) {
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

  /// A brick's values at other frequencies: [height][range][2 * frequency].
  const std::vector<float>& at_frequencies(LineBrick& own_brick, const FrequencyNodes& nodes,
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
      for (std::size_t k = 0; k < n; ++k) {
        const float x = own[k], y = own[n + k];
        const float* __restrict row = matrix.data() + k * count;
#pragma omp simd
        for (std::size_t m = 0; m < count; ++m) re[m] += row[m] * x, im[m] += row[m] * y;
      }
#pragma omp simd
      for (std::size_t m = 0; m < count; ++m) {
        const float x = re[m] * c[m] - im[m] * s[m];
        im[m] = re[m] * s[m] + im[m] * c[m];
        re[m] = x;
      }
    }
    return changed;
  }

  void add_line(const LineCache& line, double rho, float weight, double beyond, TableWorkspace& workspace) const {
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

  /// From the brick's frequencies to those asked for.
  void add_sum(const Brick& brick, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary) const {
    const std::size_t n = brick.frequencies.size(), count = nodes.size();
    const auto& matrix = conversion(brick.frequencies, nodes, workspace);
    auto& out = workspace.line_out;
    out.assign(2 * count, 0);
    float* __restrict re = out.data();
    float* __restrict im = re + count;
    for (std::size_t k = 0; k < n; ++k) {
      const float x = workspace.line_sum[k], y = workspace.line_sum[n + k];
      const float* __restrict row = matrix.data() + k * count;
#pragma omp simd
      for (std::size_t m = 0; m < count; ++m) re[m] += row[m] * x, im[m] += row[m] * y;
    }
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

  const std::vector<float>& conversion(const FrequencyNodes& from, const FrequencyNodes& to, TableWorkspace& workspace) const {
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

  double range_step(double range) const {
    const double bend = 1 - range / std::hypot(range, half_height_);
    return std::min(0.35 * range, 2 * line_span / (wavenumber_ * std::max(bend, 1e-9)));
  }
  double height_step(double range) const {
    const double spread = std::min(2.0, half_height_ / range);
    return std::min(0.5 * range, 2 * line_span / (wavenumber_ * std::max(spread, 1e-9)));
  }

  void contract(std::size_t i, double low, double high, double height, const FrequencyNodes* nodes,
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

  void build(Brick& brick, TableWorkspace& workspace) const {
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

  /// E at (0, height, range): the narrow element's integral over its width, its phase counted from `shift`.
  void line_values(double range, double height, double shift, const FrequencyNodes& nodes, TableWorkspace& workspace,
                   double* out) const {
    const std::size_t n = nodes.size();
    line_.values({0, height, range}, nodes, workspace.nodes, out, out + n);
    for (std::size_t m = 0; m < n; ++m) {
      const auto value = std::complex<double>(out[m], out[n + m]) * std::polar(1 / line_.element().width, nodes.wavenumber[m] * shift);
      out[m] = value.real(), out[n + m] = value.imag();
    }
  }

  void fill(Brick& brick, TableWorkspace& workspace) const {
    const std::size_t width = 2 * brick.frequencies.size();
    brick.values.resize(brick.heights * brick.ranges * width);
    double* out = brick.values.data();
    for (std::size_t h = 0; h < brick.heights; ++h)
      for (std::size_t r = 0; r < brick.ranges; ++r, out += width)
        line_values(brick.range.at(chebyshev_point(brick.ranges, r)), brick.height.at(chebyshev_point(brick.heights, h)),
                    brick.shift, brick.frequencies, workspace, out);
  }

  bool is_accurate(const Brick& brick, TableWorkspace& workspace) const {
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
        double re = 0, im = 0;
        chebyshev_weights(n, chebyshev_point(n + 1, m), weights.data());
        for (std::size_t i = 0; i < n; ++i) re += weights[i] * sum[i], im += weights[i] * sum[n + i];
        if (std::hypot(re - expected[m], im - expected[n + 1 + m]) > 2 * tolerance_ * scale) return false;
      }
    }
    return true;
  }

  struct Slot {
    std::once_flag once;
    Brick brick;
  };
  static constexpr double line_span = 2;  // half of the phase that may turn across a brick [rad]
  double wavenumber_, half_band_;
  ElementIntegral line_, whole_;
  WaveLaw law_;
  double low_, high_, tolerance_;
  bool soft_;
  double half_width_, half_height_, smallest_ = 0;
  const GaussRule* rule_ = nullptr;
  std::mutex mutex_;
  std::map<std::array<std::size_t, 2>, Slot> slots_;
};

std::vector<SmoothResponse::Part> surface_parts(const Probe& probe, const Element& element, int dimensions,
                                              double width) {
  std::vector<SmoothResponse::Part> parts;
  if (element.shape != Element::Shape::rectangle) {
    const double radius = element.width / 2;
    const bool bowl = element.shape == Element::Shape::bowl;
    for (double part : {0.0, 0.5, 1.0})
      for (int i = 0; i < (part == 0 ? 1 : 12); ++i) {
        const double r = part * radius, turn = 2 * pi * i / 12;
        const double rise = bowl ? r * r / (element.curvature_radius + std::sqrt(std::max(0.0, element.curvature_radius * element.curvature_radius - r * r))) : 0;
        parts.push_back({{r * std::cos(turn), r * std::sin(turn), rise}, 0});
      }
    return parts;
  }
  const bool lens = std::isfinite(probe.elevation_focus) && dimensions == 3;
  for (int j = dimensions == 2 ? 0 : -4; j <= (dimensions == 2 ? 0 : 4); ++j)
    for (int i = width > 0 ? -1 : 0; i <= (width > 0 ? 1 : 0); ++i) {
      const double y = j * element.height / 8;
      parts.push_back({{i * width / 2, y, 0}, lens ? std::hypot(y, probe.elevation_focus) - probe.elevation_focus : 0});
    }
  return parts;
}

class PhysicalResponse : public SmoothResponse {
 public:
  PhysicalResponse(const Probe& probe, const Aperture& aperture, const WaveLaw& law, double low, double high,
                   int dimensions, double tolerance, bool direct)
      : divided_(aperture.strips() > 1), direct_(direct) {
    for (std::size_t kind = 0; kind < aperture.kinds(); ++kind) {
      const Element& element = probe.elements[aperture.representative(kind) / aperture.strips()];
      tables_.push_back(std::make_unique<Table>(probe, element, law, low, high, dimensions, tolerance));
      lines_.push_back(dimensions == 3 && LineTable::fits(probe, element)
                           ? std::make_unique<LineTable>(probe, element, law, low, high, tolerance)
                           : nullptr);
      parts_.push_back(surface_parts(probe, element, dimensions, divided_ ? 0 : element.width));
    }
  }
  std::unique_ptr<Workspace> workspace() const override { return std::make_unique<TableWorkspace>(); }
  const std::vector<Part>& parts(std::size_t kind) const override { return parts_[kind]; }
  double cycles(std::size_t frequencies) const override {
    const double m = static_cast<double>(frequencies);
    return divided_ ? 300 + 12 * m : 500 + 60 * m;
  }
  void amplitudes(std::size_t kind, const ElementFrame& frame, Vec3 point, const FrequencyNodes& nodes,
                  Workspace& workspace, double* real, double* imaginary) const override {
    const Vec3 local = frame.local(point);
    auto& own = static_cast<TableWorkspace&>(workspace);
    if (local.z < 0) {
      std::fill_n(real, nodes.size(), 0.0);
      std::fill_n(imaginary, nodes.size(), 0.0);
    } else if (divided_) {
      lines_[kind]->line(local, nodes, own, real, imaginary);
    } else if (direct_) {
      tables_[kind]->direct(local, nodes, own, real, imaginary);
    } else if (lines_[kind]) {
      lines_[kind]->interpolate(local, nodes, own, real, imaginary);
    } else {
      tables_[kind]->interpolate(local, nodes, own, real, imaginary);
    }
  }

 private:
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<std::unique_ptr<LineTable>> lines_;  // where they fit; null elsewhere
  std::vector<std::vector<Part>> parts_;
  bool divided_, direct_;
};

}  // namespace

std::unique_ptr<SmoothResponse> physical_response(const Probe& probe, const Aperture& aperture, const WaveLaw& law,
                                                  double low, double high, int dimensions, double tolerance, bool direct) {
  return std::make_unique<PhysicalResponse>(probe, aperture, law, low, high, dimensions, tolerance, direct);
}

std::vector<Strip> physical_lines(const Probe& probe, int dimensions, double wavenumber, double tolerance,
                                  double& nearest) {
  const Element& element = probe.elements.front();
  const bool straight = probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased;
  if (!straight || dimensions != 3 || !LineTable::fits(probe, element)) return {};
  const GaussRule& rule = LineTable::rule(wavenumber * element.width / 2, tolerance);
  nearest = LineTable::nearest(element.width / 2, wavenumber);
  std::vector<Strip> lines;
  for (std::size_t q = 0; q < rule.nodes.size(); ++q) lines.push_back({rule.nodes[q] / 2, 0, rule.weights[q]});
  return lines;
}

}  // namespace sonoforge
