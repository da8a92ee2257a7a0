#include "ai/mask_measures.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "ai/heat_map.hpp"
#include "phantoms/fetal_head.hpp"

namespace sonoforge {
namespace {

std::vector<std::uint8_t> largest_filled(std::span<const std::uint8_t> mask, std::size_t rows, std::size_t columns) {
  std::size_t count = 0;
  const std::vector<std::uint8_t> all(mask.begin(), mask.end());
  const auto region = connected_regions(all, rows, columns, count);
  std::vector<std::size_t> sizes(count + 1, 0);
  for (const auto r : region) ++sizes[r];
  std::vector<std::uint8_t> one(mask.size(), 0);
  if (count == 0) return one;
  sizes[0] = 0;
  const auto best = static_cast<std::size_t>(std::max_element(sizes.begin(), sizes.end()) - sizes.begin());
  for (std::size_t i = 0; i < region.size(); ++i) one[i] = region[i] == best;
  // What is outside can be reached from the border by sides; the rest is inside.
  std::vector<std::uint8_t> outside(mask.size(), 0);
  std::vector<std::size_t> open;
  const auto reach = [&](std::size_t i) {
    if (one[i] || outside[i]) return;
    outside[i] = 1;
    open.push_back(i);
  };
  for (std::size_t r = 0; r < rows; ++r) reach(r * columns), reach(r * columns + columns - 1);
  for (std::size_t c = 0; c < columns; ++c) reach(c), reach((rows - 1) * columns + c);
  while (!open.empty()) {
    const std::size_t i = open.back(), r = i / columns, c = i % columns;
    open.pop_back();
    if (r > 0) reach(i - columns);
    if (r + 1 < rows) reach(i + columns);
    if (c > 0) reach(i - 1);
    if (c + 1 < columns) reach(i + 1);
  }
  for (std::size_t i = 0; i < one.size(); ++i) one[i] = !outside[i];
  return one;
}

}  // namespace

MaskMeasures measure_mask(std::span<const std::uint8_t> mask, const PixelGrid& grid) {
  const std::size_t rows = grid.z.count, columns = grid.x.count;
  const auto one = largest_filled(mask, rows, columns);
  double area = 0, x = 0, z = 0, xx = 0, xz = 0, zz = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const bool polar = grid.kind == PixelGrid::Kind::polar;
    const double pixel = grid.x.step * grid.z.step * (polar ? grid.z.at(r) : 1);
    for (std::size_t c = 0; c < columns; ++c) {
      if (!one[r * columns + c]) continue;
      const Vec3 at = grid.position(r, 0, c);
      area += pixel;
      x += pixel * at.x, z += pixel * at.z;
      xx += pixel * at.x * at.x, xz += pixel * at.x * at.z, zz += pixel * at.z * at.z;
    }
  }
  MaskMeasures found;
  if (area <= 0) return found;
  x /= area, z /= area;
  // Pixels are squares: each adds a twelfth of its side squared.
  const double along = grid.kind == PixelGrid::Kind::polar ? grid.x.step * grid.z.at(rows / 2) : grid.x.step;
  xx = xx / area - x * x + along * along / 12;
  zz = zz / area - z * z + grid.z.step * grid.z.step / 12;
  xz = xz / area - x * z;
  const double mean = (xx + zz) / 2, spread = std::hypot((xx - zz) / 2, xz);
  // The second moment along an axis of a filled ellipse is a quarter of the semi-axis squared.
  const double a = 2 * std::sqrt(mean + spread), b = 2 * std::sqrt(std::max(mean - spread, 0.0));
  found.area = area;
  found.diameter = 2 * std::sqrt(area / std::numbers::pi);
  found.long_axis = 2 * a;
  found.short_axis = 2 * b;
  found.circumference = ellipse_circumference(2 * a, 2 * b);
  return found;
}

}  // namespace sonoforge
