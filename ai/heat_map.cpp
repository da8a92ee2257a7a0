#include "ai/heat_map.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {
namespace {

double overlap(const Box& a, const Box& b) {
  const double w = std::min(a.x + a.width / 2, b.x + b.width / 2) - std::max(a.x - a.width / 2, b.x - b.width / 2);
  const double h = std::min(a.z + a.height / 2, b.z + b.height / 2) - std::max(a.z - a.height / 2, b.z - b.height / 2);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (a.width * a.height + b.width * b.height - w * h);
}

/// Where between -0.5 and 0.5 the parabola through three values has its top.
double top_of(double before, double at, double after) {
  const double bend = before - 2 * at + after;
  return bend < 0 ? std::clamp(0.5 * (before - after) / bend, -0.5, 0.5) : 0;
}

}  // namespace

std::vector<std::size_t> connected_regions(const std::vector<std::uint8_t>& mask, std::size_t rows, std::size_t columns,
                                           std::size_t& count) {
  std::vector<std::size_t> region(mask.size(), 0), open;
  count = 0;
  for (std::size_t start = 0; start < mask.size(); ++start) {
    if (!mask[start] || region[start]) continue;
    region[start] = ++count;
    open.assign(1, start);
    while (!open.empty()) {
      const std::size_t r = open.back() / columns, c = open.back() % columns;
      open.pop_back();
      for (std::size_t nr = r - (r > 0); nr <= std::min(r + 1, rows - 1); ++nr)
        for (std::size_t nc = c - (c > 0); nc <= std::min(c + 1, columns - 1); ++nc) {
          const std::size_t next = nr * columns + nc;
          if (!mask[next] || region[next]) continue;
          region[next] = count;
          open.push_back(next);
        }
    }
  }
  return region;
}

std::vector<Box> boxes_of(const std::vector<std::uint8_t>& mask, std::size_t rows, std::size_t columns) {
  std::size_t count = 0;
  const auto region = connected_regions(mask, rows, columns, count);
  struct Limits {
    std::size_t left = static_cast<std::size_t>(-1), right = 0, top = static_cast<std::size_t>(-1), bottom = 0;
  };
  std::vector<Limits> limits(count);
  for (std::size_t i = 0; i < region.size(); ++i) {
    if (region[i] == 0) continue;
    Limits& one = limits[region[i] - 1];
    one.left = std::min(one.left, i % columns);
    one.right = std::max(one.right, i % columns + 1);
    one.top = std::min(one.top, i / columns);
    one.bottom = std::max(one.bottom, i / columns + 1);
  }
  std::vector<Box> boxes;
  const double across = static_cast<double>(columns), down = static_cast<double>(rows);
  for (const Limits& one : limits)
    boxes.push_back({0.5 * static_cast<double>(one.left + one.right) / across,
                     0.5 * static_cast<double>(one.top + one.bottom) / down,
                     static_cast<double>(one.right - one.left) / across,
                     static_cast<double>(one.bottom - one.top) / down});
  return boxes;
}

std::vector<float> heat_map(const std::vector<Box>& boxes, std::size_t rows, std::size_t columns) {
  const std::size_t pixels = rows * columns;
  std::vector<float> map(4 * pixels, 0.0F);
  const double across = static_cast<double>(columns), down = static_cast<double>(rows);
  for (const Box& box : boxes) {
    const double spread_x = std::max(1.0, box.width * across / 6), spread_z = std::max(1.0, box.height * down / 6);
    const auto c = static_cast<std::size_t>(std::clamp(std::floor(box.x * across), 0.0, across - 1));
    const auto r = static_cast<std::size_t>(std::clamp(std::floor(box.z * down), 0.0, down - 1));
    for (std::size_t i = 0; i < pixels; ++i) {
      const double dx = (static_cast<double>(i % columns) - static_cast<double>(c)) / spread_x;
      const double dz = (static_cast<double>(i / columns) - static_cast<double>(r)) / spread_z;
      map[i] = std::max(map[i], static_cast<float>(std::exp(-0.5 * (dx * dx + dz * dz))));
    }
    const std::size_t centre = r * columns + c;
    map[pixels + centre] = static_cast<float>(std::log(std::max(box.width, 1 / across)));
    map[2 * pixels + centre] = static_cast<float>(std::log(std::max(box.height, 1 / down)));
    map[3 * pixels + centre] = 1;
  }
  return map;
}

std::vector<Box> peaks(std::span<const float> output, std::size_t rows, std::size_t columns, double threshold) {
  const std::size_t pixels = rows * columns;
  const auto heat = [&](std::size_t r, std::size_t c) { return double{output[r * columns + c]}; };
  std::vector<Box> found;
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < columns; ++c) {
      const double here = heat(r, c);
      if (!(here >= threshold)) continue;
      bool top = true;
      for (std::size_t nr = r - (r > 0); nr <= std::min(r + 1, rows - 1); ++nr)
        for (std::size_t nc = c - (c > 0); nc <= std::min(c + 1, columns - 1); ++nc) {
          const std::size_t other = nr * columns + nc, own = r * columns + c;
          if (other < own ? heat(nr, nc) >= here : heat(nr, nc) > here) top = false;
        }
      if (!top) continue;
      const double dx = c > 0 && c + 1 < columns ? top_of(heat(r, c - 1), here, heat(r, c + 1)) : 0;
      const double dz = r > 0 && r + 1 < rows ? top_of(heat(r - 1, c), here, heat(r + 1, c)) : 0;
      const std::size_t at = r * columns + c;
      found.push_back({(static_cast<double>(c) + 0.5 + dx) / static_cast<double>(columns),
                       (static_cast<double>(r) + 0.5 + dz) / static_cast<double>(rows), double{output[pixels + at]},
                       double{output[2 * pixels + at]}, here});
    }
  std::stable_sort(found.begin(), found.end(), [](const Box& a, const Box& b) { return a.score > b.score; });
  std::vector<Box> kept;
  for (const Box& box : found)
    if (std::none_of(kept.begin(), kept.end(), [&](const Box& other) { return overlap(box, other) > 0.5; }))
      kept.push_back(box);
  return kept;
}

}  // namespace sonoforge
