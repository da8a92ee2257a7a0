#pragma once
#include <cmath>
#include <cstddef>

namespace sonoforge {

/// Equally spaced coordinates: from, from + step, ... (SI units of whatever the axis measures).
struct Axis {
  double from = 0;
  double step = 1;
  std::size_t count = 1;

  double at(std::size_t i) const { return from + step * static_cast<double>(i); }
  double last() const { return at(count - 1); }
  /// Fractional index of a coordinate.
  double index_of(double coordinate) const { return (coordinate - from) / step; }

  /// All points from `from` to `to` at most (to included within a millionth of a step).
  static Axis from_to_step(double from, double to, double step) {
    return {from, step, static_cast<std::size_t>(std::floor((to - from) / step + 1e-6)) + 1};
  }
  friend bool operator==(const Axis&, const Axis&) = default;
};

}  // namespace sonoforge
