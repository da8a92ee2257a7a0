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
};

/// delay_and_sum.
const Catalog& beamformer_catalog();

}  // namespace sonoforge
