#pragma once
#include <map>
#include <string>
#include <vector>

#include "app/experiment.hpp"
#include "core/image.hpp"

namespace sonoforge::lab {

/// One config as the lab computed it: phantom, channel data, beamformed data, image.
struct Scene {
  std::string text;  ///< the config
  Experiment experiment;
  Acquisition acquisition;
  PixelGrid grid;  ///< the beamformer's
  std::vector<ComplexMap> maps;
  RealMap levels;                         ///< the envelope, after the image's filters
  RealMap image;                          ///< the first map's levels [dB]
  std::map<std::string, double> seconds;  ///< that each part took

  /// Throws `UserError` and `ConfigError` for mistakes, for configs that name files, and for more than the lab answers at once.
  explicit Scene(const std::string& config);

  /// Polar images are shown on the Cartesian grid that holds them.
  PixelGrid shown() const;
  RealMap decibels() const;
  /// Mean over standard deviation of the envelope, 1.91 in full speckle: the median over squares of 2 mm in which `classes` (on the
  /// image's grid) marks nothing, so that neither the slow changes over the picture nor single bright targets count. NaN where there
  /// are fewer than five such squares, and for polar images.
  double speckle_snr(const LabelMap& classes) const;
};

}  // namespace sonoforge::lab
