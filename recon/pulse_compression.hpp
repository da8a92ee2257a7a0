#pragma once
#include <optional>
#include <string>
#include <vector>

#include "recon/beamformer.hpp"
#include "transducers/acquisition.hpp"
#include "transducers/pulse.hpp"

namespace sonoforge {

/// Channel data after the matched filter of their pulse [north1963]: each record is correlated with the drive x(t),
/// whose centre stands at t = 0, so that echoes stay where they are. Samples are scaled such that the echo a x(t - t0)
/// has a peak of a at t0. A chirp of bandwidth B becomes 1 / B long, a phase code of chips as long as one chip, and
/// white noise loses as much as the best linear filter can take away.
///
/// RF and IQ data, shape and time axis kept; `components` are dropped. What the record cuts off of an echo is missing
/// in it. Throws `UserError` for pulses that differ between elements (what an element hears is a mixture of them) and
/// for pulses without any energy below half the sampling rate.
Acquisition compress_pulse(const Acquisition& acquisition, const Pulse& pulse);

/// Whether channel data go through the matched filter of their pulse before they are beamformed. `asked`: what the config
/// says; left out, chirps and codes do.
bool compresses_pulse(std::optional<bool> asked, const std::string& pulse_type);

/// The one way from channel data to an image: compression of the pulse, where the config asks for it, and the beamformer.
std::vector<ComplexMap> beamform(const Beamformer& beamformer, const Acquisition& acquisition, const PixelGrid& grid,
                                 std::optional<bool> compression, const Typed<PulseConfig>& pulse);

}  // namespace sonoforge
