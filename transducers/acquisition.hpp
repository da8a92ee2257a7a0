#pragma once
#include <limits>
#include <string>
#include <vector>

#include "core/nd_array.hpp"
#include "transducers/probe.hpp"
#include "transducers/sequence.hpp"

namespace sonoforge {

/// A part of the samples of an acquisition, of the same shape: the echoes of one kind of tissue, clutter, noise.
struct SignalComponent {
  std::string name;
  NdArray<float, 4> samples;
};

/// Channel data with all that is needed to make an image of it; simulated or measured.
struct Acquisition {
  /// Echoes, shape [frame, transmit, channel, sample]; each channel contiguous in time. In IQ data `samples_q` holds
  /// the quadrature part and has the same shape; it is empty for RF. The phase of IQ data counts from sample 0 of each
  /// record: RF = Re((I + i Q) exp(+i 2 pi demodulation_frequency (t - start))).
  NdArray<float, 4> samples;
  NdArray<float, 4> samples_q;
  std::vector<SignalComponent> components;  ///< simulated RF only: what `samples` is the sum of; empty = not split
  double sampling_rate = 0;                 ///< [Hz]
  std::vector<double> start;    ///< [transmit] time of sample 0 after the first element fired its pulse centre [s]
  double centre_frequency = 0;  ///< [Hz]
  std::vector<double> tgc_gain;  ///< [sample] factor that the samples carry (time-gain compensation); empty = none
  double demodulation_frequency = 0;  ///< of IQ data [Hz]; 0 for RF
  double sound_speed = 1540;          ///< assumed for reconstruction [m/s]
  Probe probe;
  Sequence sequence;  ///< transmits of one frame
  std::string description;
  std::vector<std::string> notes;  ///< what a reader had to assume about a foreign file

  bool is_iq() const { return !samples_q.empty(); }
  std::size_t frames() const { return samples.extent(0); }
  std::size_t transmits() const { return samples.extent(1); }
  std::size_t channels() const { return samples.extent(2); }
  std::size_t samples_per_channel() const { return samples.extent(3); }
};

}  // namespace sonoforge
