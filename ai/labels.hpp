#pragma once
#include <string>
#include <vector>

#include "core/image.hpp"
#include "formats/zea.hpp"
#include "phantoms/phantom.hpp"

namespace sonoforge {

/// Names that `rasterize_labels` knows: segmentation, instances, sound_speed, attenuation, density, echogenicity.
const std::vector<std::string>& label_names();
/// Throws `ConfigError("", ...)` for a name that is none of them, with the nearest one.
void check_label_names(const std::vector<std::string>& names);

/// Truth maps of a phantom on the pixels of an image: the value at each pixel's centre, from the same shapes that placed the
/// scatterers.
///   segmentation  one channel a class, in order of first appearance; a later region covers an earlier one, labelled or not; point and
///                 wire targets mark the pixel nearest to them. 0 or 1
///   instances     one channel: 0 nowhere, else 1 + the index of the labelled region that covers the pixel
///   sound_speed   [m/s]; attenuation at 1 MHz [dB/cm]; density [kg/m^3]; echogenicity: scatterer density times mean squared amplitude
///                 [dB], -300 where nothing scatters
std::vector<LabelMap> rasterize_labels(const Phantom& phantom, const PixelGrid& grid, const std::vector<std::string>& names);

/// True sizes of labelled regions where they have a closed form and are finite and not zero: "CLASS.volume" [m^3] and "CLASS.area" [m^2] of the
/// section with the plane in the middle of the phantom's extent along y ("CLASS.2.volume" for the second region of a class).
/// They are sizes of whole shapes: what a later region covers or the extent cuts off counts too.
/// Then the phantom's own measurements (diameters, circumferences, stenosis, ...).
std::vector<Measurement> true_measurements(const Phantom& phantom);

}  // namespace sonoforge
