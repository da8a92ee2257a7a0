#include "core/eikonal.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

namespace sonoforge {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double near_source = 2.5;  // half side of the box in which rays are taken as straight [spacings]

/// Nodes and weights of the cubic along one axis at a place in units of the spacing.
struct AxisStencil {
  std::size_t first = 0, count = 1;
  std::array<double, 4> weight{1, 0, 0, 0};
};

AxisStencil axis_stencil(double place, std::size_t nodes) {
  AxisStencil stencil;
  if (nodes == 1) return stencil;
  const double last = static_cast<double>(nodes - 1);
  const double inside = std::isnan(place) ? 0 : std::clamp(place, 0.0, last);
  stencil.count = std::min<std::size_t>(4, nodes);
  const double first = std::clamp(std::floor(inside) - 1, 0.0, last + 1 - static_cast<double>(stencil.count));
  stencil.first = static_cast<std::size_t>(first);
  const double t = inside - first;
  for (std::size_t i = 0; i < stencil.count; ++i) {
    double weight = 1;
    for (std::size_t j = 0; j < stencil.count; ++j)
      if (j != i) weight *= (t - static_cast<double>(j)) / (static_cast<double>(i) - static_cast<double>(j));
    stencil.weight[i] = weight;
  }
  return stencil;
}

double interpolate(const EikonalStencil& stencil, std::span<const double> values) {
  double sum = 0;
  for (std::size_t i = 0; i < stencil.count; ++i) sum += stencil.weight[i] * values[stencil.node[i]];
  return sum;
}

/// One upwind difference: along its axis dT = sign * (alpha u + c), positive in the direction the wave goes.
struct Upwind {
  std::size_t axis = 0;
  double sign = 1;                // +1: the wave comes from the lower neighbour
  double alpha = 0, c = 0;        // alpha u + c, u the excess time at the node
  std::size_t near = 0, far = 0;  // neighbours; far == near where the difference is of first order
};

/// The slope of T along an axis from neither side of which the wave comes: T is least there within a spacing of the
/// node.
struct Across {
  std::size_t axis = 0;
  double slope = 0;      // of T
  std::size_t near = 0;  // the node upstream whose neighbours across give it
};

class Marching {
 public:
  Marching(const EikonalGrid& grid, std::span<const double> slowness, std::span<const std::vector<double>> rates,
           FirstArrivals& result)
      : grid_(grid),
        slowness_(slowness),
        rates_(rates),
        result_(result),
        time_(grid.size(), infinity),
        accepted_(grid.size(), 0) {
    stride_ = {1, grid.counts[0], grid.counts[0] * grid.counts[1]};
  }

  void run() {
    start();
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Trial trial = heap_.back();
      heap_.pop_back();
      if (accepted_[trial.node] || trial.time > time_[trial.node]) continue;
      accept(trial.node);
    }
  }

 private:
  struct Trial {
    double time;
    std::size_t node;
  };
  static bool later(const Trial& a, const Trial& b) { return a.time > b.time || (a.time == b.time && a.node > b.node); }
  using Place = std::array<std::size_t, 3>;

  Place place_of(std::size_t node) const {
    return {node % grid_.counts[0], node / grid_.counts[0] % grid_.counts[1], node / stride_[2]};
  }
  Vec3 from_source(const Place& at) const { return grid_.position(at[0], at[1], at[2]) - result_.source; }
  double distance(Vec3 d) const { return grid_.plane() ? std::hypot(d.x, d.z) : norm(d); }

  /// Values of the nodes around the source along straight rays.
  void start() {
    Place low{}, high{};
    const std::array<double, 3> source{result_.source.x, result_.source.y, result_.source.z};
    const std::array<double, 3> origin{grid_.origin.x, grid_.origin.y, grid_.origin.z};
    for (std::size_t d = 0; d < 3; ++d) {
      const double at = (source[d] - origin[d]) / grid_.spacing, last = static_cast<double>(grid_.counts[d] - 1);
      low[d] = static_cast<std::size_t>(std::clamp(std::ceil(at - near_source), 0.0, last));
      high[d] = static_cast<std::size_t>(std::clamp(std::floor(at + near_source), 0.0, last));
    }
    std::vector<std::size_t> nodes;
    for (std::size_t k = low[2]; k <= high[2]; ++k)
      for (std::size_t j = low[1]; j <= high[1]; ++j)
        for (std::size_t i = low[0]; i <= high[0]; ++i) {
          const std::size_t node = grid_.index(i, j, k);
          const Vec3 d = from_source({i, j, k});
          const double r = distance(d);
          result_.excess_time[node] = straight_excess(d, r, slowness_, result_.source_slowness);
          for (std::size_t law = 0; law < rates_.size(); ++law)
            result_.excess_integrals[law][node] = straight_excess(d, r, rates_[law], result_.source_rates[law]);
          time_[node] = result_.source_slowness * r + result_.excess_time[node];
          accepted_[node] = 1;
          nodes.push_back(node);
        }
    for (const std::size_t node : nodes) update_neighbours(node);
  }

  /// Integral of (value - value at the source) along the straight line, by Simpson's rule.
  double straight_excess(Vec3 d, double r, std::span<const double> values, double at_source) const {
    constexpr int intervals = 8;
    double sum = 0;
    for (int i = 0; i <= intervals; ++i) {
      const double weight = i == 0 || i == intervals ? 1 : (i % 2 == 1 ? 4 : 2);
      const Vec3 point = result_.source + (static_cast<double>(i) / intervals) * d;
      sum += weight * (interpolate(stencil_at(grid_, point), values) - at_source);
    }
    return r * sum / (3 * intervals);
  }

  void accept(std::size_t node) {
    // More of its neighbours are known than when its time was found.
    const Front front(*this, node);
    result_.excess_time[node] = front.excess;
    time_[node] = result_.source_slowness * front.r + front.excess;
    accepted_[node] = 1;
    integrate(node, front);
    update_neighbours(node);
  }

  void update_neighbours(std::size_t node) {
    const Place at = place_of(node);
    for (std::size_t d = 0; d < 3; ++d) {
      if (at[d] > 0) update(node - stride_[d]);
      if (at[d] + 1 < grid_.counts[d]) update(node + stride_[d]);
    }
  }

  void update(std::size_t node) {
    if (accepted_[node]) return;
    const Front front(*this, node);
    const double time = result_.source_slowness * front.r + front.excess;
    if (!(time < time_[node])) return;
    time_[node] = time;
    result_.excess_time[node] = front.excess;
    heap_.push_back({time, node});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// The wave as it comes to a node: differences used, and the excess time that they give.
  struct Front {
    std::array<Upwind, 3> used{};
    std::array<Across, 3> across{};
    std::size_t count = 0, count_across = 0;
    double excess = infinity;
    std::array<double, 3> direction{};  // grad r
    double r = 0;

    Front(const Marching& march, std::size_t node) {
      const Place at = march.place_of(node);
      const Vec3 d = march.from_source(at);
      r = march.distance(d);
      direction = {d.x / r, d.y / r, d.z / r};
      std::array<Upwind, 3> all;
      std::size_t n = 0;
      for (std::size_t axis = 0; axis < 3; ++axis)
        if (march.find_upwind(node, at, axis, direction[axis], all[n])) ++n;
      // All axes if the wave comes from all these neighbours, else the earliest arrival over fewer.
      for (std::size_t size = n; size > 0 && count == 0; --size)
        for (unsigned mask = 1; mask < 1U << n; ++mask)
          if (static_cast<std::size_t>(__builtin_popcount(mask)) == size)
            consider(march, node, std::span(all).first(n), mask);
    }

    /// Solves sum (alpha u + c)^2 = s^2 - (slopes across)^2, the sum over the axes of the mask.
    void consider(const Marching& march, std::size_t node, std::span<const Upwind> all, unsigned mask) {
      const double s = march.slowness_[node];
      std::array<Upwind, 3> chosen;
      std::size_t n = 0;
      double a = 0, b = 0, c = -s * s;
      for (std::size_t i = 0; i < all.size(); ++i)
        if (mask >> i & 1U) {
          chosen[n++] = all[i];
          a += all[i].alpha * all[i].alpha;
          b += all[i].alpha * all[i].c;
          c += all[i].c * all[i].c;
        }
      std::array<Across, 3> slopes;
      std::size_t others = 0;
      for (std::size_t axis = 0; axis < 3; ++axis) {
        if (std::any_of(chosen.begin(), chosen.begin() + n, [&](const Upwind& u) { return u.axis == axis; })) continue;
        const bool found = std::any_of(chosen.begin(), chosen.begin() + n, [&](const Upwind& u) {
          return march.find_across(u.near, axis, direction[axis], s, slopes[others]);
        });
        if (!found) continue;
        c += slopes[others].slope * slopes[others].slope;
        ++others;
      }
      const double discriminant = b * b - a * c;
      if (!(discriminant >= 0)) return;
      const double u = (std::sqrt(discriminant) - b) / a;
      if (!(u < excess)) return;
      for (std::size_t i = 0; i < n; ++i)
        if (chosen[i].alpha * u + chosen[i].c < 0) return;
      excess = u;
      used = chosen, count = n;
      across = slopes, count_across = others;
    }
  };

  /// Without this, the line on which T is least along an axis would be of first order only near the source.
  bool find_across(std::size_t near, std::size_t axis, double direction, double s, Across& across) const {
    const std::size_t count = grid_.counts[axis], at = place_of(near)[axis], step = stride_[axis];
    if (at == 0 || at + 1 >= count || !accepted_[near - step] || !accepted_[near + step]) return false;
    across = {axis, result_.source_slowness * direction + central(near, axis, result_.excess_time), near};
    // A bend of this size is a boundary of media or the meeting of two waves.
    const double bend =
        (result_.excess_time[near - step] - 2 * result_.excess_time[near] + result_.excess_time[near + step]) /
        grid_.spacing;
    return std::abs(bend) < 0.05 * s && std::abs(across.slope) < 0.3 * s;
  }
  double central(std::size_t near, std::size_t axis, std::span<const double> values) const {
    return (values[near + stride_[axis]] - values[near - stride_[axis]]) / (2 * grid_.spacing);
  }

  bool find_upwind(std::size_t node, const Place& at, std::size_t axis, double direction, Upwind& upwind) const {
    const std::size_t step = stride_[axis];
    const bool below = at[axis] > 0 && accepted_[node - step];
    const bool above = at[axis] + 1 < grid_.counts[axis] && accepted_[node + step];
    if (!below && !above) return false;
    const bool lower = below && (!above || time_[node - step] <= time_[node + step]);
    upwind.axis = axis;
    upwind.sign = lower ? 1 : -1;
    upwind.near = lower ? node - step : node + step;
    const bool inside = lower ? at[axis] > 1 : at[axis] + 2 < grid_.counts[axis];
    const std::size_t next = inside ? (lower ? upwind.near - step : upwind.near + step) : upwind.near;
    const bool second = inside && accepted_[next] && time_[next] <= time_[upwind.near];
    upwind.far = second ? next : upwind.near;
    upwind.alpha = (second ? 1.5 : 1.0) / grid_.spacing;
    upwind.c = upwind.sign * result_.source_slowness * direction - known(upwind, result_.excess_time);
    return true;
  }

  /// The part of an upwind difference that stands for values already known.
  double known(const Upwind& upwind, std::span<const double> values) const {
    const double near = values[upwind.near];
    return (upwind.far == upwind.near ? near : 2 * near - 0.5 * values[upwind.far]) / grid_.spacing;
  }

  /// grad T . grad L = s a with the differences by which the wave came.
  void integrate(std::size_t node, const Front& front) {
    const double excess = result_.excess_time[node];
    for (std::size_t law = 0; law < rates_.size(); ++law) {
      double right = slowness_[node] * rates_[law][node], left = 0;
      for (std::size_t i = 0; i < front.count; ++i) {
        const Upwind& upwind = front.used[i];
        const double slope = std::max(upwind.alpha * excess + upwind.c, 0.0);  // of T along the way of the wave
        left += slope * upwind.alpha;
        right -= slope * (upwind.sign * result_.source_rates[law] * front.direction[upwind.axis] -
                          known(upwind, result_.excess_integrals[law]));
      }
      for (std::size_t i = 0; i < front.count_across; ++i) {
        const Across& side = front.across[i];
        right -= side.slope * (result_.source_rates[law] * front.direction[side.axis] +
                               central(side.near, side.axis, result_.excess_integrals[law]));
      }
      result_.excess_integrals[law][node] = left > 0 ? right / left : result_.excess_integrals[law][front.used[0].near];
    }
  }

  const EikonalGrid& grid_;
  std::span<const double> slowness_;
  std::span<const std::vector<double>> rates_;
  FirstArrivals& result_;
  std::vector<double> time_;  // [node] the earliest arrival known so far
  std::vector<std::uint8_t> accepted_;
  std::array<std::size_t, 3> stride_{};
  std::vector<Trial> heap_;
};

}  // namespace

EikonalStencil stencil_at(const EikonalGrid& grid, Vec3 point) {
  const Vec3 place = (point - grid.origin) / grid.spacing;
  const AxisStencil x = axis_stencil(place.x, grid.counts[0]), y = axis_stencil(place.y, grid.counts[1]),
                    z = axis_stencil(place.z, grid.counts[2]);
  EikonalStencil stencil;
  for (std::size_t k = 0; k < z.count; ++k)
    for (std::size_t j = 0; j < y.count; ++j)
      for (std::size_t i = 0; i < x.count; ++i) {
        stencil.node[stencil.count] = grid.index(x.first + i, y.first + j, z.first + k);
        stencil.weight[stencil.count++] = x.weight[i] * y.weight[j] * z.weight[k];
      }
  return stencil;
}

FirstArrivals first_arrivals(const EikonalGrid& grid, std::span<const double> slowness,
                             std::span<const std::vector<double>> rates, Vec3 source) {
  const Vec3 place = (source - grid.origin) / grid.spacing;
  const auto inside = [](double at, std::size_t count) {
    return at >= -1e-9 && at <= static_cast<double>(count - 1) + 1e-9;
  };
  if (!inside(place.x, grid.counts[0]) || !inside(place.z, grid.counts[2]) ||
      (!grid.plane() && !inside(place.y, grid.counts[1])))
    throw std::invalid_argument("the source lies outside the grid of the travel times");
  if (slowness.size() != grid.size()) throw std::invalid_argument("the slowness has not the size of the grid");
  for (const double s : slowness)
    if (!(s > 0 && std::isfinite(s))) throw std::invalid_argument("the slowness must be positive everywhere");
  FirstArrivals result;
  result.source = source;
  const EikonalStencil at_source = stencil_at(grid, source);
  result.source_slowness = interpolate(at_source, slowness);
  result.excess_time.assign(grid.size(), 0);
  for (const auto& rate : rates) {
    if (rate.size() != grid.size()) throw std::invalid_argument("a rate has not the size of the grid");
    result.source_rates.push_back(interpolate(at_source, rate));
    result.excess_integrals.emplace_back(grid.size(), 0.0);
  }
  Marching(grid, slowness, rates, result).run();
  return result;
}

}  // namespace sonoforge
