#include "transducers/convex_array.hpp"
#include "transducers/custom_probe.hpp"
#include "transducers/linear_array.hpp"
#include "transducers/matrix_array.hpp"
#include "transducers/probe_library.hpp"
#include "transducers/ring_array.hpp"
#include "transducers/single_element.hpp"

namespace sonoforge {

const Catalog& probe_catalog() {
  static const Catalog catalog{
      .kind = "probe",
      .doc = "The array of elements that transmits and receives.",
      .types = {row_of<LinearArray>("linear_array",
                                    "Rectangular elements side by side along x (linear and phased arrays)."),
                row_of<ConvexArray>("convex_array", "Rectangular elements on an arc that bulges into the body."),
                row_of<MatrixArray>("matrix_array", "Rectangular elements on a grid in x and y."),
                row_of<RowColumnArray>("row_column_array",
                                       "Long elements in columns and rows, crossed at right angles."),
                row_of<RingArray>("ring_array", "Elements around a circle, all facing its centre."),
                row_of<Disc>("disc", "One flat round element."),
                row_of<Bowl>("bowl", "One spherical cap, focused at its centre of curvature."),
                row_of<CustomProbe>("custom", "Rectangular elements anywhere, from an HDF5 file.")},
      .presets = probe_library()};
  return catalog;
}

}  // namespace sonoforge
