#include "sim/fourier_series.hpp"

#include <cmath>

#include "core/fft.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

/// exp(2 pi i turns)
std::complex<double> cis(long double turns) {
  double c, s;
  cis_turns(static_cast<double>(turns - std::nearbyint(turns)), c, s);
  return {c, s};
}

/// exp(i pi rate n^2): n^2 is exact in long double, and so is the reduction of the product for all that matters.
std::complex<double> chirp(long double rate, std::size_t n) {
  const auto square = static_cast<long double>(n) * static_cast<long double>(n);
  return cis(square * rate / 2);
}

}  // namespace

FourierSampler::FourierSampler(double step, std::size_t first, std::size_t coefficients, double start,
                               double sampling_rate, std::size_t samples)
    : size_(good_fft_size(coefficients + samples)), samples_(samples), count_(coefficients) {
  const long double rate = static_cast<long double>(step) / sampling_rate;
  before_.resize(count_);
  for (std::size_t k = 0; k < count_; ++k)
    before_[k] = cis(static_cast<long double>(first + k) * step * start) * chirp(rate, k);
  after_.resize(samples_);
  for (std::size_t n = 0; n < samples_; ++n)
    after_[n] = cis(static_cast<long double>(first) * rate * static_cast<long double>(n)) * chirp(rate, n) /
                static_cast<double>(size_);
  std::vector<std::complex<double>> lag(size_);
  for (std::size_t n = 0; n < samples_; ++n) lag[n] = std::conj(chirp(rate, n));
  for (std::size_t k = 1; k < count_; ++k) lag[size_ - k] = std::conj(chirp(rate, k));
  kernel_.resize(size_);
  ComplexFft<double>(size_).forward(lag, kernel_);
}

void FourierSampler::operator()(std::span<const std::complex<double>> coefficients, std::span<double> out) const {
  const ComplexFft<double> fft(size_);
  std::vector<std::complex<double>> work(size_), spectrum(size_);
  for (std::size_t k = 0; k < count_; ++k) work[k] = coefficients[k] * before_[k];
  fft.forward(work, spectrum);
  for (std::size_t i = 0; i < size_; ++i) spectrum[i] *= kernel_[i];
  fft.inverse(spectrum, work);
  for (std::size_t n = 0; n < samples_; ++n) out[n] = (work[n] * after_[n]).real();
}

}  // namespace sonoforge
