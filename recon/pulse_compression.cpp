#include "recon/pulse_compression.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "core/error.hpp"
#include "core/fft.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<float>;

/// conj(X) at the frequencies of the bins over the pulse's energy, and the 1/N of the transform.
std::vector<Complex> matched_filter(const std::vector<double>& frequencies, double spacing, const Pulse& pulse,
                                    std::size_t transform) {
  std::vector<std::complex<double>> spectrum(frequencies.size());
  parallel_for(frequencies.size(), [&](std::size_t k) {
    if (frequencies[k] > 0) spectrum[k] = pulse.spectrum(frequencies[k], 0);
  });
  // The autocorrelation at its peak: the integral of |X|^2 over positive and negative frequencies. Summed over the bins
  // of the transform it is that of the record's own sampling.
  double energy = 0;
  for (const auto& x : spectrum) energy += 2 * std::norm(x) * spacing;
  if (!(energy > 0))
    throw UserError(
        "the pulse has nothing below half the sampling rate (its echoes cannot be compressed). Set "
        "'image.pulse_compression: off'");
  // Correlation is an integral over time; the sum over samples and x at its true scale leave X / (energy transform).
  std::vector<Complex> filter;
  for (const auto& x : spectrum) filter.push_back(Complex(std::conj(x) / (energy * static_cast<double>(transform))));
  return filter;
}

}  // namespace

Acquisition compress_pulse(const Acquisition& acquisition, const Pulse& pulse) {
  if (pulse.per_element())
    throw UserError(
        "elements send different pulses (no one filter matches their mixture). Set 'image.pulse_compression: off'");
  Acquisition out = acquisition;
  out.components.clear();
  const std::size_t samples = acquisition.samples_per_channel();
  if (samples == 0) return out;
  const double rate = acquisition.sampling_rate;
  // The filter reaches half a pulse to either side: without room at the end, it would wrap round.
  const auto room = static_cast<std::size_t>(std::ceil(2 * pulse.half_duration() * rate)) + 1;
  const std::size_t size = good_fft_size(samples + room);
  const double spacing = rate / static_cast<double>(size);
  const std::size_t records = acquisition.samples.size() / samples;
  if (!acquisition.is_iq()) {
    const RealFft<float> fft(size);
    std::vector<double> frequencies(fft.bins());
    // What stands at 0 Hz and at half the rate is no band.
    for (std::size_t k = 1; 2 * k < size; ++k) frequencies[k] = static_cast<double>(k) * spacing;
    const auto filter = matched_filter(frequencies, spacing, pulse, size);
    parallel_for(records, [&](std::size_t record) {
      std::vector<float> signal(size);
      std::vector<Complex> bins(fft.bins());
      std::copy_n(acquisition.samples.data() + record * samples, samples, signal.begin());
      fft.forward(signal, bins);
      for (std::size_t k = 0; k < bins.size(); ++k) bins[k] *= filter[k];
      fft.inverse(bins, signal);
      std::copy_n(signal.begin(), samples, out.samples.data() + record * samples);
    });
    return out;
  }
  const ComplexFft<float> fft(size);
  std::vector<double> frequencies(size);
  for (std::size_t k = 0; k < size; ++k) {
    const double offset = static_cast<double>(k) - (2 * k < size ? 0.0 : static_cast<double>(size));
    frequencies[k] = acquisition.demodulation_frequency + offset * spacing;
  }
  const auto filter = matched_filter(frequencies, spacing, pulse, size);
  parallel_for(records, [&](std::size_t record) {
    std::vector<Complex> signal(size), bins(size);
    for (std::size_t n = 0; n < samples; ++n)
      signal[n] = {acquisition.samples.data()[record * samples + n],
                   acquisition.samples_q.data()[record * samples + n]};
    fft.forward(signal, bins);
    for (std::size_t k = 0; k < size; ++k) bins[k] *= filter[k];
    fft.inverse(bins, signal);
    for (std::size_t n = 0; n < samples; ++n) {
      out.samples.data()[record * samples + n] = signal[n].real();
      out.samples_q.data()[record * samples + n] = signal[n].imag();
    }
  });
  return out;
}

bool compresses_pulse(std::optional<bool> asked, const std::string& pulse_type) {
  return asked.value_or(pulse_type == "chirp" || pulse_type == "coded");
}

std::vector<ComplexMap> beamform(const Beamformer& beamformer, const Acquisition& acquisition, const PixelGrid& grid,
                                 std::optional<bool> compression, const Typed<PulseConfig>& pulse) {
  if (!pulse || !compresses_pulse(compression, pulse.type)) return beamformer.beamform(acquisition, grid);
  return beamformer.beamform(compress_pulse(acquisition, *pulse->build(acquisition.probe)), grid);
}

}  // namespace sonoforge
