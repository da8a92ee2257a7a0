#pragma once
#include "core/random.hpp"
#include "transducers/acquisition.hpp"
#include "transducers/receive.hpp"

namespace sonoforge {

/// Adds white Gaussian noise whose power is `noise.snr` below the mean power of the noise-free samples of the whole acquisition
/// (all frames, transmits, channels). The same stream gives the same bits for any number of threads. Silent data stay silent.
void add_noise(Acquisition& acquisition, const NoiseConfig& noise, const RandomStream& random);

/// Adds white Gaussian noise of this standard deviation, in the unit of the samples; the same stream gives the same bits.
void add_white_noise(Acquisition& acquisition, double deviation, const RandomStream& random);

}  // namespace sonoforge
