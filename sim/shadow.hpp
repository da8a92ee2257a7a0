#pragma once
#include <vector>

#include "sim/engine.hpp"

namespace sonoforge {

/// What the tissue before a scatterer takes from its echo beyond the uniform background, as one real factor a
/// scatterer: shadows and enhancement at the price of a look-up. It stands for the integrals that `propagation:
/// straight` takes along every ray to every element at every frequency, and is less in three ways: the loss counts at
/// the pulse's frequency alone; rays to the elements are averaged within 25 degrees, as the aperture of an image does; and travel times stay those of the background.
///
/// Rays run in the plane y = that of the probe's centre; places off it have the factor of their projection.
/// Several transmits share the mean of their factors.
std::vector<double> shadow_factors(const SimulationInput& input);

/// The phantom with its scatterers' amplitudes times these factors.
Phantom shadowed(const SimulationInput& input);

}  // namespace sonoforge
