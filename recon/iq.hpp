#pragma once
#include <complex>
#include <cstddef>
#include <span>
#include <vector>

#include "core/fft.hpp"

namespace sonoforge {

/// How RF becomes baseband (in-phase and quadrature) data.
struct Demodulation {
  enum class LowPass {
    fourier,      ///< exact to rounding inside the pass band, zero beyond: raised cosine from 0.8 to 1 of the cut-off
    butterworth,  ///< fifth order, forwards and backwards, as many toolboxes do it
  };
  double sampling_rate = 0;  ///< of the RF [Hz]
  double frequency = 0;      ///< what becomes 0 Hz [Hz]
  LowPass low_pass = LowPass::fourier;
  double cutoff = 0;  ///< [Hz]; 0: half the distance to the image of the band, see `demodulation_cutoff`
};

/// Half the distance between the band of interest, now at 0 Hz, and its mirror image, which sampling has folded to
/// -2 frequency + k sampling_rate. It also holds for band-pass sampled RF, whose sampling rate is below 2 frequency.
/// Throws `UserError` where image and band fall together.
double demodulation_cutoff(double sampling_rate, double frequency);

/// Turns records of one length into baseband: 2 low_pass(rf exp(-i 2 pi frequency n / sampling_rate)), n counted from
/// the first sample of the record; so rf = Re(iq exp(+i 2 pi frequency n / sampling_rate)) inside the band and |iq| is
/// the envelope. One object serves many threads. T is float or double.
template <class T>
class Demodulator {
 public:
  Demodulator(const Demodulation& demodulation, std::size_t samples);
  /// rf and iq: `samples` values.
  void operator()(std::span<const T> rf, std::span<std::complex<T>> iq) const;

 private:
  std::size_t samples_;
  std::vector<std::complex<T>> mixer_;
  Demodulation::LowPass low_pass_;
  // fourier
  std::size_t padded_ = 0;
  ComplexFft<T> fft_;
  std::vector<T> response_;
  // butterworth
  std::vector<double> b_, a_;
};

/// The analytic signal of records of one length: x + i Hilbert(x), by FFT of the zero-padded record.
template <class T>
class AnalyticSignal {
 public:
  explicit AnalyticSignal(std::size_t samples);
  void operator()(std::span<const T> rf, std::span<std::complex<T>> analytic) const;

 private:
  std::size_t samples_, padded_;
  ComplexFft<T> fft_;
};

/// Coefficients of a digital low-pass Butterworth filter by the bilinear transform, `cutoff` over the Nyquist frequency
/// in (0, 1) [oppenheim2010].
void butterworth_low_pass(std::size_t order, double cutoff, std::vector<double>& b, std::vector<double>& a);

/// Filters forwards and backwards, without phase shift: the record is extended at both ends by its odd reflection over
/// 3 x (filter length) samples and the filter starts in the steady state of the first value [gustafsson1996].
/// Records must be longer than that extension: `UserError`.
std::vector<std::complex<double>> filter_both_ways(std::span<const double> b, std::span<const double> a,
                                                   std::span<const std::complex<double>> signal);

}  // namespace sonoforge
