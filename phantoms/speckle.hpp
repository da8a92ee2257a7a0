#pragma once
#include "phantoms/phantom.hpp"

namespace sonoforge {

/// More scatterers than this are refused before memory is taken.
inline constexpr double max_scatterers = 1e8;

/// Fills `phantom.extent` with point scatterers, appended to `phantom.scatterers`.
///
/// The points are a Poisson process in space times density: each cubic millimetre of the world draws its own points, each with a
/// place and a height, and a point exists where its height lies below the scatterer density of the tissue it falls in. Its amplitude
/// is normal with that tissue's strength (and the gains of region and echo map). So a change of one region leaves every point outside it
/// as it was, to the bit, and results do not depend on the number of threads.
///
/// Where the extent is a plane (y from and to equal), scatterers lie in it, as many as in a slice of 1 mm.
/// Throws `ConfigError("extent", ...)` where there would be more than `max_scatterers`.
void add_speckle(Phantom& phantom, const RandomStream& random);

}  // namespace sonoforge
