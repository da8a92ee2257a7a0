#pragma once
#include <complex>
#include <cstddef>
#include <memory>
#include <span>

namespace sonoforge {

/// One-dimensional FFTs; the only place that knows FFTW. Plans are cached and shared; `forward`/`inverse` may be called
/// from many threads at once. Conventions: forward sum x[n] exp(-i 2 pi k n / N), inverse without the 1/N.
/// T is float or double.
template <class T>
class RealFft {
 public:
  explicit RealFft(std::size_t n);
  std::size_t size() const { return n_; }
  std::size_t bins() const { return n_ / 2 + 1; }
  /// in: n values, out: n/2+1 bins.
  void forward(std::span<const T> in, std::span<std::complex<T>> out) const;
  /// in: n/2+1 bins (kept), out: n values, unnormalised: inverse(forward(x)) = n x.
  void inverse(std::span<const std::complex<T>> in, std::span<T> out) const;

 private:
  std::size_t n_;
  void* forward_plan_;
  void* inverse_plan_;
};

template <class T>
class ComplexFft {
 public:
  explicit ComplexFft(std::size_t n);
  std::size_t size() const { return n_; }
  void forward(std::span<const std::complex<T>> in, std::span<std::complex<T>> out) const;
  void inverse(std::span<const std::complex<T>> in, std::span<std::complex<T>> out) const;

 private:
  std::size_t n_;
  void* forward_plan_;
  void* inverse_plan_;
};

/// The smallest n' >= n whose only prime factors are 2, 3, 5 and 7.
std::size_t good_fft_size(std::size_t n);

}  // namespace sonoforge
