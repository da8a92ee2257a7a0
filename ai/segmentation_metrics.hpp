#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace sonoforge {

/// Overlap and surface distances of two masks on one grid. Any value but 0 counts as inside.
///
/// Empty masks. Both empty: they agree (Dice, IoU, precision, recall, volume similarity and NSD 1, distances 0). One
/// empty: they do not (0; distances are the diagonal of the grid, the longest that it has room for). A miss can thus
/// never improve a mean.

/// Counts of pixels.
struct MaskOverlap {
  std::size_t both = 0, mask = 0, truth = 0;

  double dice() const;               ///< 2 |A and B| / (|A| + |B|)
  double iou() const;                ///< |A and B| / |A or B|
  double precision() const;          ///< |A and B| / |A|; 0 where only the mask is empty
  double recall() const;             ///< |A and B| / |B|
  double volume_similarity() const;  ///< 1 - | |A| - |B| | / (|A| + |B|)
};
/// Throws `std::invalid_argument` where the sizes differ.
MaskOverlap mask_overlap(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth);

double dice(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth);
double intersection_over_union(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth);

/// Grid of a mask, slowest axis first: [z, x], [z, y, x] ...
struct MaskGrid {
  std::vector<std::size_t> shape;
  std::vector<double> spacing;  ///< of pixel centres, any unit; distances come in the same
};

/// Distance from every surface pixel of one mask to the nearest of the other [maierhein2024]. A pixel of the mask is
/// surface where one of its face neighbours is outside the mask or outside the grid.
struct SurfaceDistances {
  std::vector<double> mask_to_truth, truth_to_mask;  ///< in the order of the pixels
  double diagonal = 0;                               ///< of the grid: (count - 1) * spacing along every axis

  double hausdorff() const;                               ///< largest distance
  double hausdorff_percentile(double probability) const;  ///< percentile of the distances of both directions pooled
  double hausdorff_directed(double probability) const;    ///< the larger of the percentiles of either direction
  double average_symmetric() const;                       ///< ASSD: mean of the pooled distances
  double average_of_directed() const;                     ///< mean of the two directed means
  double directed_mean(bool from_mask) const;
  double directed_percentile(bool from_mask, double probability) const;
  /// Normalised surface distance [nikolov2021], counted in pixels: share of the pooled surface pixels that lie within
  /// `tolerance` of the other surface. A distance that equals the tolerance but for rounding (1e-9) is within.
  double normalised(double tolerance) const;

 private:
  enum class Empty { none, both, one };
  Empty empty() const;
  std::vector<double> pooled() const;
};
/// Throws `std::invalid_argument` for sizes that do not fit, more than three axes or a spacing that is not positive.
SurfaceDistances surface_distances(std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth,
                                   const MaskGrid& grid);

}  // namespace sonoforge
