#pragma once
#include <complex>
#include <span>
#include <vector>

namespace sonoforge {

/// A real signal given by equally spaced frequencies: x(t) = Re sum_k coefficient[k] exp(2 pi i (first + k) step t).
struct FourierSeries {
  double step = 0;        ///< [Hz]
  std::size_t first = 0;  ///< index of the first coefficient's frequency
  std::vector<std::complex<double>> coefficients;
};

/// Values of a series at t = start + n / sampling_rate, exact to rounding for any start and rate: by the chirp
/// transform [bluestein1970], k n = (k^2 + n^2 - (k - n)^2) / 2.
class FourierSampler {
 public:
  /// All series it is used on share `step`, `first` and the number of coefficients.
  FourierSampler(double step, std::size_t first, std::size_t coefficients, double start, double sampling_rate,
                 std::size_t samples);
  void operator()(std::span<const std::complex<double>> coefficients, std::span<double> out) const;

 private:
  std::size_t size_, samples_, count_;
  std::vector<std::complex<double>> before_, kernel_, after_;
};

}  // namespace sonoforge
