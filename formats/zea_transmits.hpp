#pragma once
#include <vector>

#include "transducers/acquisition.hpp"

namespace sonoforge {

/// A sequence as the arrays of zea's `scan` group hold it: one row a transmit, single precision, SI.
struct ZeaTransmits {
  std::vector<float> delays, apodization;  ///< t0_delays, tx_apodizations [transmit, element]; silent elements 0
  std::vector<float> starts;               ///< initial_times
  std::vector<float> distances;            ///< focus_distances
  std::vector<float> origins;              ///< transmit_origins [transmit, 3]
  std::vector<float> polar, azimuths;      ///< polar_angles, azimuth_angles
};
ZeaTransmits zea_transmits(const Acquisition& acquisition);

}  // namespace sonoforge
