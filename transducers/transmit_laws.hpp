#pragma once
#include <vector>

#include "transducers/probe.hpp"
#include "transducers/sequence.hpp"

namespace sonoforge {

/// Transmits from geometry. `weights` [element] are the apodization; an element of weight 0 is silent, and so is one
/// that faces away from where the wave goes. All throw `ConfigError("", ...)` if no element is left. Delays hold for
/// `sound_speed`.

/// Unit vector whose projections are tilted by `angle` in x-z and by `azimuth` in y-z: along (tan angle, tan azimuth,
/// 1).
Vec3 steering_direction(double angle, double azimuth = 0);

/// A plane wave along steering_direction(angle, azimuth).
Transmit plane_transmit(const Probe& probe, std::vector<double> weights, double angle, double azimuth,
                        double sound_speed);

/// A wave that seems to come from a virtual source behind the face; `direction` is the beam's axis.
Transmit diverging_transmit(const Probe& probe, std::vector<double> weights, Vec3 source, Vec3 direction,
                            double sound_speed);

/// A wave that arrives at `focus` from all elements at once; `origin` is where its axis leaves the face.
Transmit focused_transmit(const Probe& probe, std::vector<double> weights, Vec3 focus, Vec3 origin, double sound_speed);

/// One element alone.
Transmit element_transmit(const Probe& probe, std::size_t element);

/// Silences elements of weight 0 and shifts all laws so that the first active element fires at 0. Returns the time
/// taken off every delay. Throws `ConfigError("", ...)` if all elements are silent.
double start_at_first_firing(Transmit& transmit);

/// Ones for the elements that a transmit steered in x (or in y, `along_y`) can use: on a row-column probe its columns
/// (or rows), since only they are divided along that axis; on any other probe all elements.
std::vector<double> steerable_elements(const Probe& probe, bool along_y);

/// The largest delay of any active element of any transmit [s].
double last_firing(const Sequence& sequence);

}  // namespace sonoforge
