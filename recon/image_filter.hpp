#pragma once
#include <vector>

#include "core/fields.hpp"
#include "core/image.hpp"

namespace sonoforge {

/// Smooths the envelope of an image before it is compressed to decibels: `image.filters`, applied in the order written.
/// Lengths are in metres on the tissue, also on polar grids, where a pixel grows with its range. At the image's edges
/// the neighbourhood is cut off there. Elevation is left alone. Throws `UserError` where a neighbourhood would hold
/// more than 101 pixels a side.
class ImageFilter : public Configurable {
 public:
  virtual RealMap apply(const RealMap& envelope) const = 0;
};

/// gaussian, median, lee.
const Catalog& image_filter_catalog();

/// All filters, one after the other.
RealMap filtered(RealMap envelope, const std::vector<Typed<ImageFilter>>& filters);

}  // namespace sonoforge
