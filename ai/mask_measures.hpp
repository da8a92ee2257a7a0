#pragma once
#include <cstdint>
#include <span>

#include "core/image.hpp"

namespace sonoforge {

/// What a ruler would read off a mask. The mask [depth, lateral] stands on `grid` (one plane; sectors are measured at their
/// true places). Numbers are 0 for an empty mask.
struct MaskMeasures {
  double area = 0;           ///< [m^2]
  double diameter = 0;       ///< of the circle of that area [m]
  double long_axis = 0;      ///< of the ellipse of the same second moments [m]
  double short_axis = 0;     ///< [m]
  double circumference = 0;  ///< of that ellipse [m]
};
/// Of the largest connected region alone, with its holes filled.
MaskMeasures measure_mask(std::span<const std::uint8_t> mask, const PixelGrid& grid);

}  // namespace sonoforge
