#pragma once
#include "sim/engine.hpp"

namespace sonoforge {

/// Time of sample 0 after the centre of the pulse leaves the first element to fire [s]. With `receive.pulse: causal`
/// the pulse begins at time zero, so that its centre, from which all times count, lags by half its length.
double record_start(const SimulationInput& input);

/// Samples of each record.
std::size_t record_samples(const SimulationInput& input);

/// When a transmit fires, after the first one of the first frame [s]: the transmits of a frame divide its period
/// evenly. 0 where no frame rate is given.
double firing_time(const Sequence& sequence, std::size_t frame, std::size_t transmit);

/// Whether scatterers change place between any two transmits.
bool scatterers_move(const SimulationInput& input);

/// Where the scatterers are at a time [s].
std::vector<Vec3> scatterer_positions(const Scatterers& scatterers, double time);

/// A box that holds all scatterers at all firings.
Bounds scatterer_bounds(const SimulationInput& input);

/// Where each scatterer is when the pulse of a transmit first reaches it (`receive.motion: during`): at the place x and
/// time t for which t = firing time + min over active elements (delay + |x - element| / c).
std::vector<Vec3> positions_when_hit(const SimulationInput& input, std::size_t frame, std::size_t transmit);

/// Adds to the notes of an acquisition those of a part of it, each once.
void add_notes(Acquisition& acquisition, const Acquisition& part);

/// Throws `ConfigError` where the samples would not fit into this machine's memory beside the copies that follow.
void check_record_size(const SimulationInput& input);

/// An acquisition of zeros with all but the samples filled in. `ConfigError` where it would not fit into memory.
Acquisition empty_acquisition(const SimulationInput& input);

}  // namespace sonoforge
