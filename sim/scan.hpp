#pragma once
#include <string>
#include <vector>

#include "core/random.hpp"
#include "sim/engine.hpp"

namespace sonoforge {

/// Components that are not named by a label: the noise, and the echoes of all that is not asked for.
inline constexpr const char* noise_component = "noise";
inline constexpr const char* other_component = "other";

/// Echoes of all frames without receive chain and noise, by any engine. Scatterers at rest are simulated once, for one
/// frame, and their echoes added to every frame, so that these are the same to the bit; only those that move are
/// simulated frame by frame.
Acquisition simulate_echoes(const Engine& engine, const SimulationInput& input);

/// Throws `ConfigError(index, ...)` for a component that is neither "noise" nor a label of this phantom.
void check_components(const Phantom& phantom, const std::vector<std::string>& components);

/// Echoes through the receive chain that `input.receive` describes.
///
/// `components` become those of the acquisition: labels of regions ("background" or the name of the background's tissue
/// for what lies in no labelled region), and "noise". Each label becomes the samples that its scatterers alone would
/// give, without noise; "other" is added for the scatterers of none of them; "noise" is what the whole has beyond
/// these: noise, rounding and clipping. The sum is the whole. `ConfigError` for a label that the phantom does
/// not have (`check_components`).
Acquisition scan(const Engine& engine, const SimulationInput& input, const std::vector<std::string>& components,
                 const RandomStream& noise);

}  // namespace sonoforge
