#pragma once
#include <string>
#include <vector>

#include "core/random.hpp"
#include "sim/engine.hpp"
#include "sim/reverberation.hpp"

namespace sonoforge {

/// Components that are not named by a label: the noise, what comes by way of reflectors, and the echoes of all that is
/// not asked for.
inline constexpr const char* noise_component = "noise";
inline constexpr const char* reverberation_component = "reverberation";
inline constexpr const char* other_component = "other";

/// Echoes of all frames without receive chain and noise, by any engine, those by way of `reflectors` included.
/// Scatterers at rest are simulated once, for one frame, and their echoes added to every frame, so that these are the
/// same to the bit; only those that move are simulated frame by frame.
Acquisition simulate_echoes(const Engine& engine, const SimulationInput& input,
                            const std::optional<Reverberation>& reflectors = {});

/// Throws `ConfigError(index, ...)` for a component that is neither "noise" nor a label of this phantom, nor
/// "reverberation" where there are reflectors.
void check_components(const Phantom& phantom, const std::vector<std::string>& components, bool reflectors = false);

/// Echoes through the receive chain that `input.receive` describes.
///
/// `components` become those of the acquisition: labels of regions ("background" or the name of the background's tissue
/// for what lies in no labelled region), and "noise". Each label becomes the samples that its scatterers alone would
/// give, without noise; "other" is added for the scatterers of none of them; "reverberation" are all echoes that come
/// by way of the reflectors, which stay with their scatterers' label where it is not asked for; "noise" is what the
/// whole has beyond these: noise, rounding and clipping. The sum is the whole. `ConfigError` for a label that the
/// phantom does not have (`check_components`).
Acquisition scan(const Engine& engine, const SimulationInput& input, const std::vector<std::string>& components,
                 const RandomStream& noise, const std::optional<Reverberation>& reflectors = {});

}  // namespace sonoforge
