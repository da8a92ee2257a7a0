#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/image.hpp"
#include "formats/zea.hpp"
#include "phantoms/phantom.hpp"

namespace sonoforge {

/// What may stand in `labels:`, and what it is.
struct LabelDoc {
  std::string_view name;
  std::string_view unit;  ///< "" for ratios, masks, and labels of several units
  std::string_view doc;   ///< one sentence
  bool of_phantom;        ///< follows from the phantom alone: `rasterize_labels` knows it; others: app/image_truth.hpp
};
const std::vector<LabelDoc>& label_docs();
/// The names of those that follow from the phantom alone.
const std::vector<std::string>& phantom_label_names();
/// All names.
const std::vector<std::string>& label_names();
/// Throws `ConfigError("", ...)` for a name that is none of `label_names`, with the nearest one.
void check_label_names(const std::vector<std::string>& names);

/// Truth maps of a phantom on the pixels of an image: the value at each pixel's centre, from the same shapes that placed the
/// scatterers.
///   segmentation  one channel a class, in order of first appearance; a later region covers an earlier one, labelled or not; point and
///                 wire targets mark the pixel nearest to them. 0 or 1
///   instances     one channel: 0 nowhere, else 1 + the index of the labelled region that covers the pixel
///   sound_speed   [m/s]; attenuation at 1 MHz [dB/cm]; density [kg/m^3]; echogenicity: scatterer density times mean squared amplitude
///                 [dB], -300 where nothing scatters
///   velocity      channels x, y, z: of what is at the pixel [m/s]; displacement: the way it has come since time 0 [m];
///   strain        channels xx, zz, xz: Green's, since time 0; all three are 0 where nothing moves
/// All of the state at `time` [s] after that of the phantom. Names of other labels, and boxes, have no map.
std::vector<LabelMap> rasterize_labels(const Phantom& phantom, const PixelGrid& grid, const std::vector<std::string>& names,
                                       double time = 0);
/// Whether any of the maps above changes with time.
bool labels_move(const Phantom& phantom);

/// The smallest rectangles along x and z about the pixels of each class, edges of pixels: "CLASS.box_left", "box_right",
/// "box_top", "box_bottom" [m], and "CLASS.box_pixels". Classes without pixels have none.
std::vector<Measurement> class_boxes(const LabelMap& segmentation);

/// True sizes of labelled regions where they have a closed form and are finite and not zero: "CLASS.volume" [m^3] and "CLASS.area" [m^2] of the
/// section with the plane in the middle of the phantom's extent along y ("CLASS.2.volume" for the second region of a class).
/// They are sizes of whole shapes: what a later region covers or the extent cuts off counts too.
/// Then the phantom's own measurements (diameters, circumferences, stenosis, ...).
std::vector<Measurement> true_measurements(const Phantom& phantom);

}  // namespace sonoforge
