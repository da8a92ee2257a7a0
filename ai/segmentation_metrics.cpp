#include "ai/segmentation_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "ai/statistics.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

double ratio(double numerator, double denominator, double otherwise) {
  return denominator > 0 ? numerator / denominator : otherwise;
}

std::vector<std::size_t> strides(const MaskGrid& grid) {
  std::vector<std::size_t> stride(grid.shape.size(), 1);
  for (std::size_t axis = grid.shape.size(); axis-- > 1;) stride[axis - 1] = stride[axis] * grid.shape[axis];
  return stride;
}

/// Indices of the surface pixels.
std::vector<std::size_t> surface(std::span<const std::uint8_t> mask, const MaskGrid& grid) {
  const auto stride = strides(grid);
  auto is_surface = [&](std::size_t pixel) {
    for (std::size_t axis = 0; axis < grid.shape.size(); ++axis) {
      const std::size_t at = pixel / stride[axis] % grid.shape[axis];
      if (at == 0 || at + 1 == grid.shape[axis]) return true;
      if (!mask[pixel - stride[axis]] || !mask[pixel + stride[axis]]) return true;
    }
    return false;
  };
  std::vector<std::size_t> pixels;
  for (std::size_t pixel = 0; pixel < mask.size(); ++pixel)
    if (mask[pixel] && is_surface(pixel)) pixels.push_back(pixel);
  return pixels;
}

/// Nearest marked pixel of every pixel, one axis after the other: along each line the lower envelope of parabolas that
/// stand on what is known so far [felzenszwalb2012].
class NearestPixel {
 public:
  NearestPixel(const MaskGrid& grid, const std::vector<std::size_t>& marked) : grid_(grid), stride_(strides(grid)) {
    const std::size_t count =
        std::accumulate(grid.shape.begin(), grid.shape.end(), std::size_t{1}, std::multiplies<>());
    nearest_.assign(count, nowhere);
    for (const auto pixel : marked) nearest_[pixel] = pixel;
    for (std::size_t axis = grid.shape.size(); axis-- > 0;) {
      for (std::size_t pixel = 0; pixel < count; ++pixel)
        if (pixel / stride_[axis] % grid.shape[axis] == 0) sweep(pixel, axis);
      done_.push_back(axis);
    }
  }

  /// Distance from a pixel to the nearest marked one.
  double distance(std::size_t pixel) const {
    std::vector<std::size_t> all(grid_.shape.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    return std::sqrt(squared(pixel, nearest_[pixel], all));
  }

 private:
  double squared(std::size_t a, std::size_t b, const std::vector<std::size_t>& axes) const {
    double sum = 0;
    for (const auto axis : axes) {
      const auto at = [&](std::size_t pixel) { return static_cast<double>(pixel / stride_[axis] % grid_.shape[axis]); };
      const double d = (at(b) - at(a)) * grid_.spacing[axis];
      sum += d * d;
    }
    return sum;
  }

  void sweep(std::size_t first, std::size_t axis) {
    const std::size_t count = grid_.shape[axis], stride = stride_[axis];
    struct Parabola {
      double position, height, from;
      std::size_t pixel;
    };
    std::vector<Parabola> envelope;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t pixel = first + i * stride, target = nearest_[pixel];
      if (target == nowhere) continue;
      Parabola next{static_cast<double>(i) * grid_.spacing[axis], squared(pixel, target, done_),
                    -std::numeric_limits<double>::infinity(), target};
      while (!envelope.empty()) {
        const Parabola& last = envelope.back();
        next.from = ((next.height + next.position * next.position) - (last.height + last.position * last.position)) /
                    (2 * (next.position - last.position));
        if (next.from > last.from) break;
        envelope.pop_back();
        next.from = -std::numeric_limits<double>::infinity();
      }
      envelope.push_back(next);
    }
    if (envelope.empty()) return;
    std::size_t lowest = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double position = static_cast<double>(i) * grid_.spacing[axis];
      while (lowest + 1 < envelope.size() && envelope[lowest + 1].from <= position) ++lowest;
      nearest_[first + i * stride] = envelope[lowest].pixel;
    }
  }

  const MaskGrid& grid_;
  std::vector<std::size_t> stride_, nearest_, done_;
};

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

double MaskOverlap::dice() const {
  return ratio(2 * static_cast<double>(both), static_cast<double>(mask + truth), 1);
}
double MaskOverlap::iou() const {
  return ratio(static_cast<double>(both), static_cast<double>(mask + truth - both), 1);
}
double MaskOverlap::precision() const {
  return ratio(static_cast<double>(both), static_cast<double>(mask), truth == 0 ? 1 : 0);
}
double MaskOverlap::recall() const {
  return ratio(static_cast<double>(both), static_cast<double>(truth), mask == 0 ? 1 : 0);
}
double MaskOverlap::volume_similarity() const {
  const double a = static_cast<double>(mask), b = static_cast<double>(truth);
  return 1 - ratio(std::abs(a - b), a + b, 0);
}

MaskOverlap mask_overlap(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth) {
  if (mask.size() != truth.size()) throw std::invalid_argument("masks of different sizes cannot be compared");
  MaskOverlap count;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const bool a = mask[i] != 0, b = truth[i] != 0;
    count.both += a && b;
    count.mask += a;
    count.truth += b;
  }
  return count;
}

double dice(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth) {
  return mask_overlap(mask, truth).dice();
}
double intersection_over_union(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth) {
  return mask_overlap(mask, truth).iou();
}

SurfaceDistances::Empty SurfaceDistances::empty() const {
  if (mask_to_truth.empty() && truth_to_mask.empty()) return Empty::both;
  return mask_to_truth.empty() || truth_to_mask.empty() ? Empty::one : Empty::none;
}
std::vector<double> SurfaceDistances::pooled() const {
  std::vector<double> all = mask_to_truth;
  all.insert(all.end(), truth_to_mask.begin(), truth_to_mask.end());
  return all;
}
double SurfaceDistances::hausdorff() const {
  return hausdorff_percentile(1);
}
double SurfaceDistances::hausdorff_percentile(double probability) const {
  if (empty() != Empty::none) return empty() == Empty::both ? 0 : diagonal;
  return quantile(pooled(), probability);
}
double SurfaceDistances::directed_percentile(bool from_mask, double probability) const {
  if (empty() != Empty::none) return empty() == Empty::both ? 0 : diagonal;
  return quantile(from_mask ? mask_to_truth : truth_to_mask, probability);
}
double SurfaceDistances::hausdorff_directed(double probability) const {
  return std::max(directed_percentile(true, probability), directed_percentile(false, probability));
}
double SurfaceDistances::directed_mean(bool from_mask) const {
  if (empty() != Empty::none) return empty() == Empty::both ? 0 : diagonal;
  return mean_of(from_mask ? mask_to_truth : truth_to_mask);
}
double SurfaceDistances::average_symmetric() const {
  if (empty() != Empty::none) return empty() == Empty::both ? 0 : diagonal;
  return mean_of(pooled());
}
double SurfaceDistances::average_of_directed() const {
  return 0.5 * (directed_mean(true) + directed_mean(false));
}
double SurfaceDistances::normalised(double tolerance) const {
  if (empty() != Empty::none) return empty() == Empty::both ? 1 : 0;
  const auto all = pooled();
  const auto within = std::count_if(all.begin(), all.end(), [&](double d) { return d <= tolerance * (1 + 1e-9); });
  return static_cast<double>(within) / static_cast<double>(all.size());
}

SurfaceDistances surface_distances(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth,
                                   const MaskGrid& grid) {
  std::size_t count = 1;
  double diagonal = 0;
  if (grid.shape.empty() || grid.shape.size() > 3 || grid.spacing.size() != grid.shape.size())
    throw std::invalid_argument("a mask has one to three axes, each with a spacing");
  for (std::size_t axis = 0; axis < grid.shape.size(); ++axis) {
    if (!(grid.spacing[axis] > 0) || std::isinf(grid.spacing[axis]))
      throw std::invalid_argument("the spacing of a mask must be positive");
    count *= grid.shape[axis];
    const double side = (static_cast<double>(grid.shape[axis]) - 1) * grid.spacing[axis];
    diagonal += side * side;
  }
  if (mask.size() != count || truth.size() != count)
    throw std::invalid_argument("masks of different sizes cannot be compared");
  const auto of_mask = surface(mask, grid), of_truth = surface(truth, grid);
  SurfaceDistances result;
  result.diagonal = std::sqrt(diagonal);
  if (of_mask.empty() || of_truth.empty()) {
    result.mask_to_truth.assign(of_mask.size(), result.diagonal);
    result.truth_to_mask.assign(of_truth.size(), result.diagonal);
    return result;
  }
  const NearestPixel to_truth(grid, of_truth), to_mask(grid, of_mask);
  for (const auto pixel : of_mask) result.mask_to_truth.push_back(to_truth.distance(pixel));
  for (const auto pixel : of_truth) result.truth_to_mask.push_back(to_mask.distance(pixel));
  return result;
}

}  // namespace sonoforge
