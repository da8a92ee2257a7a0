#include "transducers/burst.hpp"
#include "transducers/chirp.hpp"
#include "transducers/coded.hpp"
#include "transducers/sampled_pulse.hpp"
#include "transducers/square_wave.hpp"

namespace sonoforge {

const Catalog& pulse_catalog() {
  static const Catalog catalog{
      .kind = "pulse",
      .doc = "The electrical drive of the elements, its centre at t = 0.",
      .types = {row_of<BurstConfig>("burst", "A sine burst of some cycles."),
                row_of<ChirpConfig>("chirp", "A sine whose frequency changes linearly."),
                row_of<CodedConfig>("coded", "Sine bursts whose signs follow a Barker, Golay or own code."),
                row_of<SquareWaveConfig>("square_wave", "Some periods of a square wave, as switching pulsers send."),
                row_of<SampledPulseConfig>("samples", "A recorded waveform from an HDF5 file.")},
      .presets = {},
      .default_type = "burst"};
  return catalog;
}

}  // namespace sonoforge
