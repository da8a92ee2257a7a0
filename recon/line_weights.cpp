#include <algorithm>
#include <cmath>
#include <limits>

#include "recon/das_kernel.hpp"

namespace sonoforge {

void line_weights(std::span<const Vec3> origins, std::span<const Vec3> directions, Vec3 x, std::span<double> weights) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::fill(weights.begin(), weights.end(), 0.0);
  const bool flat = std::all_of(directions.begin(), directions.end(), [](Vec3 d) { return std::abs(d.y) < 1e-9; }) &&
                    std::all_of(origins.begin(), origins.end(), [&](Vec3 o) { return std::abs(o.y - origins[0].y) < 1e-9; });
  std::size_t left = origins.size(), right = left, nearest = left;
  double left_distance = infinity, right_distance = infinity, least = infinity;
  for (std::size_t k = 0; k < origins.size(); ++k) {
    const Vec3 from = x - origins[k], d = directions[k];
    if (!flat) {
      const double distance = norm(cross(from, d));
      if (distance < least) least = distance, nearest = k;
      continue;
    }
    const double side = from.x * d.z - from.z * d.x;  // > 0: the point lies to the +x side of the axis
    if (side >= 0 && side < left_distance) left_distance = side, left = k;
    if (side < 0 && -side < right_distance) right_distance = -side, right = k;
  }
  if (!flat) {
    if (nearest < weights.size()) weights[nearest] = 1;
    return;
  }
  if (left < origins.size() && right < origins.size()) {
    const double both = left_distance + right_distance;
    weights[left] = right_distance / both;
    weights[right] = left_distance / both;
    return;
  }
  // Beyond the outermost axis: fade out over the distance from it to its neighbour.
  const std::size_t outermost = left < origins.size() ? left : right;
  if (outermost == origins.size()) return;
  const double outside = std::min(left_distance, right_distance);
  double next = infinity;
  for (std::size_t k = 0; k < origins.size(); ++k) {
    if (k == outermost) continue;
    const Vec3 from = x - origins[k];
    next = std::min(next, std::abs(from.x * directions[k].z - from.z * directions[k].x));
  }
  const double spacing = next - outside;
  weights[outermost] = std::isfinite(next) ? (spacing > 0 ? std::max(0.0, 1 - outside / spacing) : 0.0) : 1.0;
}

}  // namespace sonoforge
