#pragma once
#include <vector>

#include "core/image.hpp"

namespace sonoforge {

/// Motion from the phase between frames.
struct DopplerMaps {
  RealMap velocity;  ///< along the beam, positive towards the probe [m/s]
  RealMap power;     ///< mean |value|^2 over the frames
  RealMap variance;  ///< 1 - |R(1)| / R(0), in [0, 1]: how unlike the frames are
};

/// Lag-one autocorrelation R(1) = sum conj(x_k) x_(k+1) over frames [kasai1985]. An echo that moves away loses phase:
/// v = c frame_rate arg(R(1)) / (4 pi centre_frequency), unambiguous below c frame_rate / (4 centre_frequency).
/// R is first summed over a square of (2 `smoothing` + 1) pixels a side in x and z. Wants at least two frames of one
/// grid and positive rates and speed: else `UserError`.
DopplerMaps color_doppler(const std::vector<ComplexMap>& frames, double frame_rate, double centre_frequency,
                          double sound_speed, std::size_t smoothing = 0);

}  // namespace sonoforge
