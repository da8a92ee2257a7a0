#pragma once
#include <span>

#include "core/nd_array.hpp"
#include "sim/linear_models.hpp"

namespace sonoforge {

// MUST's simus and pfield to their digits [garcia2022, cigier2022]. What follows from them and may surprise:
// - All elements share one centre frequency with the pulse, which must be a plain sine burst.
// - Spectra are taken at f_k = 2 fc k / (N - 1), N = 2 ceil(fc / df0) + 1, where df0 leaves room for twice the longest
// path
//   with its delays and pulse. N, and with it everything below, depends on the transmit and on the farthest scatterer.
// - Echoes are the inverse transform of n = ceil(fs / (2 fc) (N - 1)) points with its factor 1/n (and df * width in two
//   dimensions), so their scale depends on the length of the record and on the sampling rate fs.
// - That transform's own sampling rate, n df, is a little above fs unless fs (N - 1) / (2 fc) is an integer. Here
// echoes are
//   values of the same Fourier series at the true times start + n / fs; where the two rates agree they are the same
//   numbers.
// - Times beyond half the series' period hold no echoes and are zero.
// - Echoes below 1e-5 of the largest one of their transmit are set to zero, softly.

/// The echoes of one transmit as MUST's `simus` or (planar arrays in three dimensions) `simus3` return them.
struct SimusEchoes {
  NdArray<double, 2> samples;          ///< [element, sample] at t = sample / effective_sampling_rate
  double effective_sampling_rate = 0;  ///< [Hz]
  std::size_t frequencies = 0;         ///< N
  double frequency_step = 0;           ///< [Hz]
  std::size_t first = 0, last = 0;     ///< indices of the band that is not left out
  std::size_t transform_size = 0;      ///< n
};
/// Frame 0 of one transmit, on MUST's own time axis for input.receive.sampling_rate (the rest of `receive` is unused).
SimusEchoes simus_echoes(const SimulationInput& input, const SimusOptions& options, std::size_t transmit);

/// The pressure of one transmit as MUST's `pfield` or `pfield3` return it; its threshold is -60 dB there.
struct SimusPressure {
  std::vector<double> rms;          ///< [point]: sqrt(df * sum |P|^2), in two dimensions times sqrt(width)
  std::size_t frequencies = 0;      ///< N
  double frequency_step = 0;        ///< [Hz]
  std::size_t first = 0, last = 0;  ///< indices of the band that is not left out
};
SimusPressure simus_pressure(const SimulationInput& input, const SimusOptions& options, std::span<const Vec3> points,
                             std::size_t transmit);

/// Length of the two-way pulse as MUST's `getpulse` cuts it off, at 1/1023 of its peak, in steps of 1 ns [s].
double simus_two_way_pulse_duration(const Pulse& pulse, const Probe& probe);

}  // namespace sonoforge
