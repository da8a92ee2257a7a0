#pragma once
#include "core/image.hpp"

namespace sonoforge {

/// A polar map on a Cartesian grid, by linear interpolation in range, angle and elevation; `outside` where the sector
/// does not reach. Interpolate envelopes or dB, not complex values: their phase turns between the samples. A Cartesian
/// map is resampled likewise. Throws `UserError` if `target` is polar.
RealMap scan_convert(const RealMap& map, const PixelGrid& target, float outside);

/// A Cartesian grid of square pixels that just holds a polar grid; `pixel` [m], by default the range step.
/// Throws `UserError` beyond 100 million pixels.
PixelGrid enclosing_grid(const PixelGrid& polar, double pixel = 0);

}  // namespace sonoforge
