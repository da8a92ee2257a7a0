#include "sim/equivalent_points.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/progress.hpp"
#include "sim/lanes.hpp"
#include "sim/smooth_response.hpp"

namespace sonoforge {
namespace {

/// One axis of the grid; a box without extent there has one point.
struct GridAxis {
  std::size_t count = 1;
  double half = 0;
  const ChebyshevRule* rule = nullptr;
  GridAxis(std::size_t n, double half_length)
      : count(half_length > 0 ? n : 1), half(half_length), rule(&chebyshev_rule(count)) {}
};

/// Weights of a vector of places, [point][lane].
template <class T>
void axis_weights(const GridAxis& axis, V<T> place, T* out) {
  constexpr std::size_t lanes = Vector<T>::lanes;
  if (axis.count == 1) {
    store(out, V<T>{} + 1);
    return;
  }
  // A place this near to a point has that point's weight 1 to within the digits of T.
  constexpr T nearest = sizeof(T) == 4 ? T(1e-9) : T(1e-17);
  V<T> sum{};
  for (std::size_t i = 0; i < axis.count; ++i) {
    V<T> difference = place - static_cast<T>(axis.rule->points[i]);
    const V<T> magnitude = difference < 0 ? -difference : difference;
    difference = magnitude < nearest ? V<T>{} + nearest : difference;
    const V<T> weight = static_cast<T>(axis.rule->weights[i]) / difference;
    store(out + i * lanes, weight);
    sum += weight;
  }
  const V<T> inverse = 1 / sum;
  for (std::size_t i = 0; i < axis.count; ++i) store(out + i * lanes, load(out + i * lanes) * inverse);
}

}  // namespace

template <class T>
void spread(const Cell& box, const PointGrid& grid, std::span<const Vec3> positions, std::span<const double> strengths,
            SpreadWorkspace<T>& w, std::vector<EchoPoint<T>>& points) {
  constexpr std::size_t lanes = Vector<T>::lanes;
  const std::array<GridAxis, 3> axes{GridAxis(grid.counts[0], box.half.x), GridAxis(grid.counts[1], box.half.y),
                                     GridAxis(grid.counts[2], box.half.z)};
  // The axis of most points is the one whose loop runs in vectors.
  std::array<std::size_t, 3> order{0, 1, 2};
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return axes[a].count < axes[b].count; });
  const GridAxis &outer = axes[order[0]], &middle = axes[order[1]], &inner = axes[order[2]];
  const std::size_t row = (inner.count + lanes - 1) / lanes * lanes, blocks = row / lanes;
  w.real.assign(outer.count * middle.count * row, 0), w.imaginary.assign(outer.count * middle.count * row, 0);
  w.weights.resize((outer.count + middle.count + inner.count) * lanes);
  w.rows.assign(row * lanes, 0);
  T* const by_outer = w.weights.data();
  T* const by_middle = by_outer + outer.count * lanes;
  T* const by_inner = by_middle + middle.count * lanes;
  const Vec3 turns = grid.carrier / (-2 * std::numbers::pi);

  for (std::size_t first = 0; first < positions.size(); first += lanes) {
    check_interrupted();
    const std::size_t count = std::min(lanes, positions.size() - first);
    V<T> place[3] = {}, phase{}, strength{};
    for (std::size_t l = 0; l < count; ++l) {
      const Vec3 d = positions[first + l] - box.centre;
      for (std::size_t i = 0; i < 3; ++i)
        place[i][l] = axes[order[i]].half > 0 ? static_cast<T>(component(d, order[i]) / axes[order[i]].half) : T(0);
      phase[l] = static_cast<T>(dot(d, turns));
      strength[l] = static_cast<T>(strengths[first + l]);
    }
    axis_weights<T>(outer, place[0], by_outer);
    axis_weights<T>(middle, place[1], by_middle);
    axis_weights<T>(inner, place[2], by_inner);
    for (std::size_t i = 0; i < inner.count; ++i)
      for (std::size_t l = 0; l < lanes; ++l) w.rows[l * row + i] = by_inner[i * lanes + l];
    V<T> re, im;
    cis<T>(phase, re, im);
    re *= strength, im *= strength;
    for (std::size_t l = 0; l < count; ++l) {
      const T* const line = w.rows.data() + l * row;
      T *real = w.real.data(), *imaginary = w.imaginary.data();
      for (std::size_t o = 0; o < outer.count; ++o) {
        const T o_re = by_outer[o * lanes + l] * re[l], o_im = by_outer[o * lanes + l] * im[l];
        for (std::size_t m = 0; m < middle.count; ++m, real += row, imaginary += row) {
          const T a = by_middle[m * lanes + l] * o_re, b = by_middle[m * lanes + l] * o_im;
          for (std::size_t v = 0; v < blocks; ++v) {
            const V<T> weight = load(line + v * lanes);
            store(real + v * lanes, load(real + v * lanes) + a * weight);
            store(imaginary + v * lanes, load(imaginary + v * lanes) + b * weight);
          }
        }
      }
    }
  }

  for (std::size_t o = 0; o < outer.count; ++o)
    for (std::size_t m = 0; m < middle.count; ++m)
      for (std::size_t i = 0; i < inner.count; ++i) {
        double at[3];
        at[order[0]] = outer.rule->points[o] * outer.half, at[order[1]] = middle.rule->points[m] * middle.half;
        at[order[2]] = inner.rule->points[i] * inner.half;
        const double angle = at[0] * grid.carrier.x + at[1] * grid.carrier.y + at[2] * grid.carrier.z;
        const double c = std::cos(angle), s = std::sin(angle);
        const std::size_t place = (o * middle.count + m) * row + i;
        const double re = static_cast<double>(w.real[place]), im = static_cast<double>(w.imaginary[place]);
        points.push_back({static_cast<T>(at[0]), static_cast<T>(at[1]), static_cast<T>(at[2]),
                          static_cast<T>(re * c - im * s), static_cast<T>(re * s + im * c)});
      }
}

template void spread<float>(const Cell&, const PointGrid&, std::span<const Vec3>, std::span<const double>,
                            SpreadWorkspace<float>&, std::vector<EchoPoint<float>>&);
template void spread<double>(const Cell&, const PointGrid&, std::span<const Vec3>, std::span<const double>,
                             SpreadWorkspace<double>&, std::vector<EchoPoint<double>>&);

}  // namespace sonoforge
