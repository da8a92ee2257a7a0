#include "core/scan_conversion.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

/// Where a coordinate falls between two samples of an axis.
struct Between {
  std::size_t low = 0, high = 0;
  double fraction = 0;
  bool inside = false;
};

Between find(const Axis& axis, double coordinate) {
  if (axis.count == 0) return {};
  if (axis.count == 1) return {0, 0, 0, true};  // an axis of one sample is constant
  const double index = axis.index_of(coordinate), last = static_cast<double>(axis.count - 1);
  constexpr double tolerance = 1e-9;  // the rounding of a coordinate on the very edge
  if (!(index >= -tolerance && index <= last + tolerance)) return {};
  const double clamped = std::clamp(index, 0.0, last);
  const auto low = std::min(static_cast<std::size_t>(clamped), axis.count - 2);
  return {low, low + 1, clamped - static_cast<double>(low), true};
}

}  // namespace

RealMap scan_convert(const RealMap& map, const PixelGrid& target, float outside) {
  if (target.kind == PixelGrid::Kind::polar)
    throw UserError("scan conversion to a polar grid is not possible (pictures are Cartesian). Give a Cartesian grid");
  RealMap result(target);
  parallel_for(target.z.count, [&](std::size_t iz) {
    for (std::size_t iy = 0; iy < target.y.count; ++iy)
      for (std::size_t ix = 0; ix < target.x.count; ++ix) {
        const Vec3 p = target.position(iz, iy, ix);
        double lateral = p.x, depth = p.z;
        if (map.grid.kind == PixelGrid::Kind::polar) {
          const double below = p.z - map.grid.apex_depth;
          lateral = std::atan2(p.x, below);
          depth = std::hypot(p.x, below);
        }
        const Between x = find(map.grid.x, lateral), y = find(map.grid.y, p.y), z = find(map.grid.z, depth);
        float& value = result.values(iz, iy, ix);
        if (!(x.inside && y.inside && z.inside)) {
          value = outside;
          continue;
        }
        const auto along_x = [&](std::size_t jz, std::size_t jy) {
          return (1 - x.fraction) * static_cast<double>(map.values(jz, jy, x.low)) +
                 x.fraction * static_cast<double>(map.values(jz, jy, x.high));
        };
        const auto plane = [&](std::size_t jz) {
          return (1 - y.fraction) * along_x(jz, y.low) + y.fraction * along_x(jz, y.high);
        };
        value = static_cast<float>((1 - z.fraction) * plane(z.low) + z.fraction * plane(z.high));
      }
  });
  return result;
}

PixelGrid enclosing_grid(const PixelGrid& polar, double pixel) {
  if (polar.kind != PixelGrid::Kind::polar || polar.size() == 0) return polar;
  if (!(pixel > 0)) pixel = std::abs(polar.z.step);
  const double a0 = polar.x.from, a1 = polar.x.last(), r0 = polar.z.from, r1 = polar.z.last();
  double x0 = INFINITY, x1 = -INFINITY, z0 = INFINITY, z1 = -INFINITY;
  const auto include = [&](double angle) {
    for (double r : {r0, r1}) {
      x0 = std::min(x0, r * std::sin(angle)), x1 = std::max(x1, r * std::sin(angle));
      z0 = std::min(z0, r * std::cos(angle)), z1 = std::max(z1, r * std::cos(angle));
    }
  };
  include(a0), include(a1);
  for (int quarter = -4; quarter <= 4; ++quarter) {  // the extremes of sine and cosine inside the sector
    const double angle = quarter * std::numbers::pi / 2;
    if (angle > std::min(a0, a1) && angle < std::max(a0, a1)) include(angle);
  }
  const double nx = std::ceil((x1 - x0) / pixel - 1e-6) + 1, nz = std::ceil((z1 - z0) / pixel - 1e-6) + 1;
  if (!(nx * nz * static_cast<double>(polar.y.count) <= 1e8))
    throw UserError(
        "the scan-converted image would have over 100 million pixels (a pixel is too small for the sector). "
        "Choose larger pixels");
  PixelGrid grid;
  grid.x = {(x0 + x1) / 2 - pixel * (nx - 1) / 2, pixel, static_cast<std::size_t>(nx)};
  grid.y = polar.y;
  grid.z = {polar.apex_depth + z0, pixel, static_cast<std::size_t>(nz)};
  return grid;
}

}  // namespace sonoforge
