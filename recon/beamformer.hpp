#pragma once
#include "core/fields.hpp"
#include "core/image.hpp"
#include "transducers/acquisition.hpp"

namespace sonoforge {

/// Turns channel data, ours or measured, into a complex (analytic) image on a grid.
class Beamformer : public Configurable {
 public:
  /// Throws `ConfigError` ("sampling_rate") where RF sampled at this rate [Hz] around this frequency [Hz] cannot be
  /// beamformed.
  virtual void check_signal(double /*sampling_rate*/, double /*centre_frequency*/) const {}
  /// One map a frame, transmits compounded. Values are the complex envelope at each pixel: |value| is the envelope.
  virtual std::vector<ComplexMap> beamform(const Acquisition& acquisition, const PixelGrid& grid) const = 0;
  /// The first frame seen through each of so many equally wide parts of the receive aperture, side by side along the
  /// elements' lateral axis; which elements they are changes from pixel to pixel, their directions against the
  /// elements' normals do not. Their sum is the image where weights are not divided by. Throws `ConfigError` where the
  /// beamformer and `UserError` where the probe has no such parts.
  virtual std::vector<ComplexMap> beamform_parts(const Acquisition& acquisition, const PixelGrid& grid,
                                                 std::size_t parts) const = 0;
};

/// delay_and_sum.
const Catalog& beamformer_catalog();

}  // namespace sonoforge
