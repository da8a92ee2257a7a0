#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace sonoforge {

/// A region of a mask by its bounding box, in shares of the image's sides: 0 at the first pixel's outer edge, 1 at the
/// last one's.
struct Box {
  double x = 0, z = 0;           ///< centre
  double width = 0, height = 0;
  double score = 1;
};

/// The region of every pixel, from 1; 0 outside. Pixels that touch by side or corner belong together.
std::vector<std::size_t> connected_regions(const std::vector<std::uint8_t>& mask, std::size_t rows, std::size_t columns,
                                           std::size_t& count);

/// One box for each connected region.
std::vector<Box> boxes_of(const std::vector<std::uint8_t>& mask, std::size_t rows, std::size_t columns);

/// What a detector learns: [heat, log width, log height, centre] x [rows, columns]. Heat is the largest of the Gaussians
/// around the centres, of a standard deviation of a sixth of the box's sides, one pixel at least, and 1 at the pixel of
/// each centre; sizes stand at those pixels alone.
std::vector<float> heat_map(const std::vector<Box>& boxes, std::size_t rows, std::size_t columns);

/// Peaks of a detector's output [heat, width, height] x [rows, columns]: pixels whose heat reaches `threshold` and is not
/// below any of their eight neighbours (of equal ones the first counts), the place refined by the parabola through the
/// neighbours; strongest first. Boxes that overlap a stronger one by more than half (of both together) are dropped.
std::vector<Box> peaks(std::span<const float> output, std::size_t rows, std::size_t columns, double threshold);

}  // namespace sonoforge
