#include "recon/iq.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/units.hpp"

namespace sonoforge {
namespace {

using std::numbers::pi;

/// Room for the low pass to ring without wrapping round to the other end of the record.
std::size_t padded_size(std::size_t samples) {
  return good_fft_size(samples + samples / 8 + 64);
}

/// 1 up to 0.8 of the cut-off, then a raised cosine down to 0.
double low_pass_response(double frequency, double cutoff) {
  const double u = std::abs(frequency) / cutoff;
  if (u <= 0.8) return 1;
  if (u >= 1) return 0;
  return 0.5 * (1 + std::cos(pi * (u - 0.8) / 0.2));
}

/// Steady state of the direct form II transposed delays for a constant input of 1.
std::vector<double> steady_state(std::span<const double> b, std::span<const double> a) {
  double sum_b = 0, sum_a = 0;
  for (double v : b) sum_b += v;
  for (double v : a) sum_a += v;
  const double output = sum_b / sum_a;
  std::vector<double> state(a.size() - 1);
  double rest = 0;
  for (std::size_t i = a.size() - 1; i-- > 0;) state[i] = rest += b[i + 1] - a[i + 1] * output;
  return state;
}

void filter_in_place(std::span<const double> b, std::span<const double> a, std::span<const double> unit_state,
                     std::span<std::complex<double>> signal) {
  std::vector<std::complex<double>> state(unit_state.size());
  for (std::size_t i = 0; i < state.size(); ++i) state[i] = unit_state[i] * signal.front();
  for (auto& value : signal) {
    const std::complex<double> in = value, out = b[0] * in + state[0];
    for (std::size_t i = 0; i + 1 < state.size(); ++i) state[i] = b[i + 1] * in - a[i + 1] * out + state[i + 1];
    state.back() = b[state.size()] * in - a[state.size()] * out;
    value = out;
  }
}

}  // namespace

double demodulation_cutoff(double sampling_rate, double frequency) {
  const double image = std::abs(std::remainder(2 * frequency, sampling_rate));
  if (!(image > 0.05 * frequency))
    throw UserError("the RF cannot be demodulated at " + format_quantity(frequency, Unit::hertz) + " (sampled at " +
                    format_quantity(sampling_rate, Unit::hertz) +
                    " its mirror image falls onto the band itself). Give the right demodulation frequency or "
                    "sampling rate");
  return image / 2;
}

void butterworth_low_pass(std::size_t order, double cutoff, std::vector<double>& b, std::vector<double>& a) {
  if (!(cutoff > 0 && cutoff < 1)) throw UserError("the cut-off of a low-pass filter lies outside the sampled band");
  using Complex = std::complex<double>;
  // Analogue poles on the circle of the pre-warped cut-off, then z = (2 + s) / (2 - s).
  const double warped = 2 * std::tan(pi * cutoff / 2);
  std::vector<Complex> denominator{1};
  double gain = 1;
  for (std::size_t k = 0; k < order; ++k) {
    const Complex pole = warped * std::polar(1.0, pi * (2.0 * static_cast<double>(k) + 1 + static_cast<double>(order)) /
                                                      (2.0 * static_cast<double>(order)));
    const Complex z = (2.0 + pole) / (2.0 - pole);
    std::vector<Complex> next(denominator.size() + 1);
    for (std::size_t i = 0; i < denominator.size(); ++i) next[i] += denominator[i], next[i + 1] -= z * denominator[i];
    denominator = std::move(next);
  }
  b.assign(order + 1, 0);
  a.assign(order + 1, 0);
  double binomial = 1, sum_a = 0, sum_b = 0;
  for (std::size_t i = 0; i <= order; ++i) {
    a[i] = denominator[i].real();
    b[i] = binomial;  // all zeros at z = -1
    binomial = binomial * static_cast<double>(order - i) / static_cast<double>(i + 1);
    sum_a += a[i];
    sum_b += b[i];
  }
  gain = sum_a / sum_b;  // 1 at 0 Hz
  for (double& v : b) v *= gain;
}

std::vector<std::complex<double>> filter_both_ways(std::span<const double> b, std::span<const double> a,
                                                   std::span<const std::complex<double>> signal) {
  const std::size_t n = signal.size(), edge = 3 * std::max(a.size(), b.size());
  if (n <= edge)
    throw UserError("records of " + std::to_string(n) +
                    " samples are too short for the Butterworth low pass (it needs " + std::to_string(edge + 1) +
                    "). Record longer or use the Fourier low pass");
  std::vector<std::complex<double>> extended(n + 2 * edge);
  for (std::size_t i = 0; i < edge; ++i) {
    extended[i] = 2.0 * signal[0] - signal[edge - i];
    extended[edge + n + i] = 2.0 * signal[n - 1] - signal[n - 2 - i];
  }
  std::copy(signal.begin(), signal.end(), extended.begin() + static_cast<std::ptrdiff_t>(edge));
  const std::vector<double> state = steady_state(b, a);
  for (int pass = 0; pass < 2; ++pass) {
    filter_in_place(b, a, state, extended);
    std::reverse(extended.begin(), extended.end());
  }
  return {extended.begin() + static_cast<std::ptrdiff_t>(edge),
          extended.begin() + static_cast<std::ptrdiff_t>(edge + n)};
}

template <class T>
Demodulator<T>::Demodulator(const Demodulation& demodulation, std::size_t samples)
    : samples_(samples),
      mixer_(samples),
      low_pass_(demodulation.low_pass),
      padded_(padded_size(samples)),
      fft_(padded_) {
  const double rate = demodulation.sampling_rate, f0 = demodulation.frequency;
  const double cutoff = demodulation.cutoff > 0 ? demodulation.cutoff : demodulation_cutoff(rate, f0);
  for (std::size_t n = 0; n < samples; ++n) {
    // Whole turns are taken off first: a phase of thousands of radians would cost digits.
    const double turns = std::remainder(f0 / rate * static_cast<double>(n), 1.0);
    mixer_[n] = std::complex<T>(std::polar(2.0, -2 * pi * turns));
  }
  if (low_pass_ == Demodulation::LowPass::butterworth) {
    butterworth_low_pass(5, 2 * cutoff / rate, b_, a_);
    return;
  }
  response_.resize(padded_);
  for (std::size_t k = 0; k < padded_; ++k) {
    const double frequency = rate * std::remainder(static_cast<double>(k) / static_cast<double>(padded_), 1.0);
    response_[k] = static_cast<T>(low_pass_response(frequency, cutoff) / static_cast<double>(padded_));
  }
}

template <class T>
void Demodulator<T>::operator()(std::span<const T> rf, std::span<std::complex<T>> iq) const {
  if (low_pass_ == Demodulation::LowPass::butterworth) {
    std::vector<std::complex<double>> mixed(samples_);
    for (std::size_t n = 0; n < samples_; ++n) mixed[n] = std::complex<double>(mixer_[n]) * static_cast<double>(rf[n]);
    mixed = filter_both_ways(b_, a_, mixed);
    for (std::size_t n = 0; n < samples_; ++n) iq[n] = std::complex<T>(mixed[n]);
    return;
  }
  std::vector<std::complex<T>> time(padded_), spectrum(padded_);
  for (std::size_t n = 0; n < samples_; ++n) time[n] = mixer_[n] * rf[n];
  fft_.forward(time, spectrum);
  for (std::size_t k = 0; k < padded_; ++k) spectrum[k] *= response_[k];
  fft_.inverse(spectrum, time);
  std::copy_n(time.begin(), samples_, iq.begin());
}

template <class T>
AnalyticSignal<T>::AnalyticSignal(std::size_t samples)
    : samples_(samples), padded_(padded_size(samples)), fft_(padded_) {}

template <class T>
void AnalyticSignal<T>::operator()(std::span<const T> rf, std::span<std::complex<T>> analytic) const {
  std::vector<std::complex<T>> time(padded_), spectrum(padded_);
  for (std::size_t n = 0; n < samples_; ++n) time[n] = rf[n];
  fft_.forward(time, spectrum);
  const T scale = T(1) / static_cast<T>(padded_);
  for (std::size_t k = 0; k < padded_; ++k) {
    const bool own_mirror = k == 0 || 2 * k == padded_;
    spectrum[k] *= own_mirror ? scale : 2 * k < padded_ ? 2 * scale : T(0);
  }
  fft_.inverse(spectrum, time);
  // The real part is the record itself: no need to keep its rounding.
  for (std::size_t n = 0; n < samples_; ++n) analytic[n] = {rf[n], time[n].imag()};
}

template class Demodulator<float>;
template class Demodulator<double>;
template class AnalyticSignal<float>;
template class AnalyticSignal<double>;

}  // namespace sonoforge
