#include "transducers/convex_array.hpp"
#include "transducers/linear_array.hpp"
#include "transducers/probe_library.hpp"

namespace sonoforge {

const Catalog& probe_catalog() {
  static const Catalog catalog{
      .kind = "probe",
      .doc = "The array of elements that transmits and receives.",
      .types = {row_of<LinearArray>("linear_array",
                                    "Rectangular elements side by side along x (linear and phased arrays)."),
                row_of<ConvexArray>("convex_array", "Rectangular elements on an arc that bulges into the body.")},
      .presets = probe_library()};
  return catalog;
}

}  // namespace sonoforge
