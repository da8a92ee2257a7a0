#pragma once
#include <limits>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "core/vec3.hpp"

namespace sonoforge {

struct Probe;

/// One set of delays and weights; a transmit superposes one or more (multi-line transmit).
struct TransmitLaw {
  std::vector<double> delays;       ///< [element] s; NaN = silent
  std::vector<double> apodization;  ///< [element] in [-1, 1]; silent elements have 0, and 0 is silent
};

/// One transmit event. Times count from the instant at which the pulse centre leaves the first active element. All of
/// `focus`, `origin`, `direction` and `time_of_origin` follow from the elements, the delays and the speed they are
/// computed for; the pulse centre reaches a point x (in a medium of that speed c) at
///     plane      time_of_origin + dot(x, direction) / c
///     diverging  time_of_origin + |x - focus| / c        focus: the virtual source
///     element    time_of_origin + |x - focus| / c        focus: the element's position
///     focused    time_of_origin -+ |x - focus| / c       minus before the focus, plus behind it
///     custom     earliest arrival over all active elements of all laws; the three vectors and the time mean nothing
struct Transmit {
  enum class Wave { plane, diverging, focused, element, custom };
  Wave wave = Wave::plane;
  std::vector<TransmitLaw> laws;  ///< delays >= 0, the first active element of all laws fires at 0
  double angle = 0;               ///< steering of the beam axis in x-z, positive towards +x: atan(d.x / d.z) [rad]
  double azimuth = 0;             ///< the same in y-z: atan(d.y / d.z) [rad]
  Vec3 focus;                     ///< focused: focus; diverging: virtual source; element: its position [m]
  Vec3 origin;                    ///< where the beam axis meets the probe face [m]
  Vec3 direction{0, 0, 1};        ///< unit vector of the beam axis
  double time_of_origin = 0;      ///< plane: the wavefront passes the world origin; focused: it passes the focus;
                                  ///< diverging: it would leave the virtual source (<= 0); element: 0; custom: 0 [s]
};

/// All transmits of one frame, and how frames repeat.
struct Sequence {
  std::vector<Transmit> transmits;
  std::vector<double> receive_delays;  ///< [element] s, empty = none
  std::size_t frames = 1;
  double frame_rate = 0;  ///< [Hz]; 0 = not stated
  bool lines = false;     ///< each transmit makes its own image line (focused beams), not the whole image
};

class SequenceConfig : public Configurable {
 public:
  /// `sound_speed` [m/s]: the speed the delays are computed for.
  virtual Sequence build(const Probe& probe, double sound_speed) const = 0;
};

/// plane_waves, diverging_waves, focused_beams, synthetic_aperture, multi_line, custom.
const Catalog& sequence_catalog();

}  // namespace sonoforge
