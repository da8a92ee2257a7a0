#pragma once
#include <complex>
#include <functional>
#include <span>
#include <vector>

#include "core/fft.hpp"

namespace sonoforge {

/// Frequencies k / T of signals that are sampled at n / fs and last less than T = length / fs: echoes from outside of
/// the record do not wrap into it.
class SignalGrid {
 public:
  /// `period` [s]: what T must reach at least.
  SignalGrid(double sampling_rate, double period);
  /// The same frequencies, sampled `factor` times as densely.
  SignalGrid refined(std::size_t factor) const;

  double spacing() const { return sampling_rate_ / static_cast<double>(fft_.size()); }  ///< [Hz]
  std::size_t length() const { return fft_.size(); }
  double sampling_rate() const { return sampling_rate_; }

  /// p(t) = 2 Re integral_0^inf P(f) exp(i 2 pi f t) df at t = start + n / fs, n < length. `spectrum` holds P at the
  /// frequencies (first + i) * spacing; those above fs / 2 fold as in any sampling. `samples` takes up to length
  /// values.
  void synthesize(std::span<const std::complex<double>> spectrum, std::size_t first, double start,
                  std::span<double> samples) const;

 private:
  SignalGrid(double sampling_rate, std::size_t length);
  double sampling_rate_;
  RealFft<double> fft_;
};

/// Consecutive bins of a grid, `count` of them from `first` on.
struct BinRange {
  std::size_t first = 0, count = 0;
  double cut_level = 0;  ///< |spectrum| relative to its maximum where the search had to end; 0 if it ended by itself
};

/// The bins in which `magnitude(f)` exceeds `threshold` times its maximum, up to `highest` [Hz].
/// `magnitude` is called from many threads at once.
BinRange significant_bins(double spacing, double highest, double threshold,
                          const std::function<double(double)>& magnitude);

/// How far a signal with this spectrum reaches before and after t = 0: the time beyond which it stays below 1e-6 of its
/// peak [s]. Looked for up to `reach` [s], with frequencies up to `highest` [Hz].
/// `magnitude` is called from many threads at once.
double signal_half_duration(const std::function<std::complex<double>(double)>& spectrum, double highest, double reach);

}  // namespace sonoforge
