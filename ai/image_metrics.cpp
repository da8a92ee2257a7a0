#include "ai/image_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ai/heat_map.hpp"
#include "recon/metrics.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

bool has(const LabelMap& segmentation, const std::string& label) {
  return std::find(segmentation.channels.begin(), segmentation.channels.end(), label) != segmentation.channels.end();
}

std::vector<std::uint8_t> mask_of(const LabelMap& segmentation, const std::string& label) {
  const auto channel =
      std::find(segmentation.channels.begin(), segmentation.channels.end(), label) - segmentation.channels.begin();
  const std::size_t pixels = segmentation.grid.size();
  std::vector<std::uint8_t> mask(pixels);
  for (std::size_t i = 0; i < pixels; ++i)
    mask[i] = segmentation.values.data()[static_cast<std::size_t>(channel) * pixels + i] != 0;
  return mask;
}

/// Levels [dB] inside a class and in the ring around it.
struct Levels {
  std::vector<double> inside, outside;
};
Levels levels_of(std::span<const double> image, const LabelMap& segmentation, const MetricOptions& options) {
  Levels levels;
  const auto mask = mask_of(segmentation, options.target);
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i]) levels.inside.push_back(image[i]);
  if (levels.inside.empty()) return levels;
  for (const auto i : region_pixels(segmentation, {"background", 0, options.target, options.ring}))
    levels.outside.push_back(image[i]);
  return levels;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double contrast(std::span<const double> image, const LabelMap& segmentation, const MetricOptions& options) {
  const Levels levels = levels_of(image, segmentation, options);
  return levels.inside.size() < 2 || levels.outside.size() < 2 ? nan : mean(levels.inside) - mean(levels.outside);
}

double lateral_width(std::span<const double> image, const LabelMap& segmentation, const std::string& points) {
  const std::size_t rows = segmentation.grid.z.count, columns = segmentation.grid.x.count;
  std::size_t count = 0;
  const auto region = connected_regions(mask_of(segmentation, points), rows, columns, count);
  std::vector<std::size_t> brightest(count + 1, rows * columns);
  for (std::size_t i = 0; i < region.size(); ++i) {
    auto& best = brightest[region[i]];
    if (region[i] != 0 && (best == rows * columns || image[i] > image[best])) best = i;
  }
  double sum = 0, measured = 0;
  for (std::size_t r = 1; r <= count; ++r) {
    const std::size_t row = brightest[r] / columns;
    // The profile around the peak alone: brighter neighbours are not its own.
    const auto reach = static_cast<std::ptrdiff_t>(std::ceil(2e-3 / segmentation.grid.x.step)),
               at = static_cast<std::ptrdiff_t>(brightest[r] % columns);
    const auto first = std::max<std::ptrdiff_t>(0, at - reach),
               last = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(columns) - 1, at + reach);
    const double width = width_at_drop(
        image.subspan(row * columns + static_cast<std::size_t>(first), static_cast<std::size_t>(last - first + 1)));
    if (std::isfinite(width)) sum += width * segmentation.grid.x.step, measured += 1;
  }
  return measured > 0 ? sum / measured : nan;
}

}  // namespace

bool is_image_metric(const std::string& name) {
  return name == "gcnr" || name == "contrast" || name == "lateral_width" || name == "erased" || name == "invented";
}

double image_metric(const std::string& name, std::span<const double> image, std::span<const double> truth,
                    const LabelMap& segmentation, const MetricOptions& options) {
  if (name == "lateral_width")
    return has(segmentation, options.points) ? lateral_width(image, segmentation, options.points) : nan;
  if (!has(segmentation, options.target)) return nan;
  if (name == "contrast") return contrast(image, segmentation, options);
  if (name == "gcnr") {
    Levels levels = levels_of(image, segmentation, options);
    if (levels.inside.size() < 2 || levels.outside.size() < 2) return nan;
    for (auto* part : {&levels.inside, &levels.outside})
      for (double& value : *part) value = std::pow(10.0, std::max(value, -200.0) / 20);
    return generalised_contrast_to_noise(levels.inside, levels.outside);
  }
  const double shown = contrast(image, segmentation, options), true_contrast = contrast(truth, segmentation, options);
  if (std::isnan(shown) || std::isnan(true_contrast)) return nan;
  const bool there = std::abs(true_contrast) >= options.seen, seen = std::abs(shown) >= options.seen;
  return name == "erased" ? there && !seen : !there && seen;
}

}  // namespace sonoforge
