#pragma once
#include <cstdint>
#include <vector>

#include "core/image.hpp"
#include "io/png.hpp"

namespace sonoforge {

/// Outlines of masks on an image of one plane, with square pixels; sectors are scan converted. Orange: `mask`; blue:
/// `truth`; white where both run. Either may be empty, else it has the image's shape [depth, lateral].
Picture overlay_picture(const RealMap& image, const std::vector<std::uint8_t>& mask, const std::vector<std::uint8_t>& truth,
                        double dynamic_range, std::size_t most_pixels_a_side = 1200);

/// The grid of square pixels that the picture uses.
PixelGrid picture_grid(const PixelGrid& grid, std::size_t most_pixels_a_side);
/// A mask on another grid: there where more than half of the interpolated mask is.
std::vector<std::uint8_t> convert_mask(const PixelGrid& from, const std::vector<std::uint8_t>& mask, const PixelGrid& to);

}  // namespace sonoforge
