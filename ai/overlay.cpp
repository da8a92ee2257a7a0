#include "ai/overlay.hpp"

#include <algorithm>
#include <cmath>

#include "core/scan_conversion.hpp"

namespace sonoforge {

PixelGrid picture_grid(const PixelGrid& grid, std::size_t most_pixels_a_side) {
  PixelGrid target = grid.kind == PixelGrid::Kind::polar ? enclosing_grid(grid) : grid;
  const double width = target.x.step * static_cast<double>(target.x.count), height = target.z.step * static_cast<double>(target.z.count);
  const double pixel = std::max(std::min(target.x.step, target.z.step), std::max(width, height) / static_cast<double>(most_pixels_a_side));
  auto shared = [pixel](Axis axis, double extent) {
    const auto count = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(extent / pixel)));
    const double centre = axis.from + 0.5 * axis.step * static_cast<double>(axis.count - 1);
    return Axis{centre - 0.5 * pixel * static_cast<double>(count - 1), pixel, count};
  };
  target.x = shared(target.x, width);
  target.z = shared(target.z, height);
  return target;
}

std::vector<std::uint8_t> convert_mask(const PixelGrid& from, const std::vector<std::uint8_t>& mask, const PixelGrid& to) {
  RealMap part(from);
  for (std::size_t i = 0; i < mask.size(); ++i) part.values.data()[i] = mask[i] ? 1.0F : 0.0F;
  const RealMap there = scan_convert(part, to, 0);
  std::vector<std::uint8_t> result(there.values.size());
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = there.values.data()[i] > 0.5F;
  return result;
}

Picture overlay_picture(const RealMap& image, const std::vector<std::uint8_t>& mask, const std::vector<std::uint8_t>& truth,
                        double dynamic_range, std::size_t most_pixels_a_side) {
  const PixelGrid grid = picture_grid(image.grid, most_pixels_a_side);
  RealMap clamped = image;
  for (float& value : clamped.values.flat()) value = std::clamp(value, static_cast<float>(-dynamic_range), 0.0F);
  const RealMap there = scan_convert(clamped, grid, static_cast<float>(-dynamic_range));
  Picture picture;
  picture.width = grid.x.count;
  picture.height = grid.z.count;
  picture.channels = 3;
  for (const float value : there.values.flat()) {
    const auto grey = static_cast<std::uint8_t>(std::lround(255 * std::clamp(static_cast<double>(value) / dynamic_range + 1, 0.0, 1.0)));
    picture.values.insert(picture.values.end(), {grey, grey, grey});
  }
  auto outline = [&](const std::vector<std::uint8_t>& one) {
    std::vector<std::uint8_t> edge(picture.width * picture.height);
    if (one.empty()) return edge;
    const auto inside = convert_mask(image.grid, one, grid);
    const std::size_t w = picture.width, h = picture.height;
    for (std::size_t r = 0; r < h; ++r)
      for (std::size_t c = 0; c < w; ++c) {
        const std::size_t i = r * w + c;
        edge[i] = inside[i] && (r == 0 || c == 0 || r + 1 == h || c + 1 == w || !inside[i - 1] || !inside[i + 1] || !inside[i - w] || !inside[i + w]);
      }
    return edge;
  };
  const auto found = outline(mask), known = outline(truth);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!found[i] && !known[i]) continue;
    // A pair of colours that also the colour-blind tell apart.
    const std::array<std::uint8_t, 3> colour = found[i] && known[i] ? std::array<std::uint8_t, 3>{255, 255, 255}
                                               : found[i]           ? std::array<std::uint8_t, 3>{255, 159, 28}
                                                                    : std::array<std::uint8_t, 3>{66, 165, 255};
    std::copy(colour.begin(), colour.end(), picture.values.begin() + static_cast<std::ptrdiff_t>(3 * i));
  }
  return picture;
}

}  // namespace sonoforge
