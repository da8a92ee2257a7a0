#include "sim/signal_grid.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/units.hpp"
#include "sim/memory_limit.hpp"

namespace sonoforge {

/// Of a transform that holds a period, a little rounded up. The FFT library counts samples in 32 bits.
static std::size_t transform_length(double sampling_rate, double period) {
  constexpr double most = 1e9, bytes_per_sample = 32;
  const double samples = std::ceil(period * sampling_rate) + 1;
  const std::string what = "a signal of " + format_quantity(period, Unit::second) + " at " +
                           format_quantity(sampling_rate, Unit::hertz);
  const char* const less = "Use a shorter pulse or record, delays that differ less, or a lower frequency";
  if (!(samples <= most))
    throw ConfigError("", what + " has too many samples (" + format_number(samples) + ", at most 1e9). " + less);
  check_working_memory(bytes_per_sample * samples, what, less);
  return good_fft_size(std::max<std::size_t>(16, static_cast<std::size_t>(samples)));
}

SignalGrid::SignalGrid(double sampling_rate, double period)
    : SignalGrid(sampling_rate, transform_length(sampling_rate, period)) {}

SignalGrid::SignalGrid(double sampling_rate, std::size_t length) : sampling_rate_(sampling_rate), fft_(length) {}

SignalGrid SignalGrid::refined(std::size_t factor) const {
  return SignalGrid(sampling_rate_ * static_cast<double>(factor), length() * factor);
}

void SignalGrid::synthesize(std::span<const std::complex<double>> spectrum, std::size_t first, double start,
                            std::span<double> samples) const {
  const std::size_t n = fft_.size();
  const double df = spacing();
  std::vector<std::complex<double>> folded(fft_.bins());
  for (std::size_t i = 0; i < spectrum.size(); ++i) {
    if (i % 65536 == 0) check_interrupted();
    const std::size_t k = first + i, bin = k % n;
    // The number of turns is reduced before it becomes an angle, so that late records lose no digits.
    const double turns = static_cast<double>(k) * df * start;
    auto value = spectrum[i] * df * std::polar(1.0, 2 * std::numbers::pi * (turns - std::floor(turns)));
    if (k == 0) value = value.real() / 2;  // half of the first bin lies at negative frequencies
    if (bin == 0 || 2 * bin == n)
      folded[bin] += 2 * value.real();
    else if (2 * bin < n)
      folded[bin] += value;
    else
      folded[n - bin] += std::conj(value);
  }
  if (samples.size() == n) {
    fft_.inverse(folded, samples);
    return;
  }
  std::vector<double> all(n);
  fft_.inverse(folded, all);
  std::copy_n(all.begin(), std::min(samples.size(), n), samples.begin());
  if (samples.size() > n) std::fill(samples.begin() + static_cast<std::ptrdiff_t>(n), samples.end(), 0.0);
}

BinRange significant_bins(double spacing, double highest, double threshold,
                          const std::function<double(double)>& magnitude) {
  std::vector<double> values(static_cast<std::size_t>(std::floor(highest / spacing)) + 1);
  parallel_blocks(values.size(), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = begin; k < end; ++k) values[k] = magnitude(static_cast<double>(k) * spacing);
  });
  const double largest = *std::max_element(values.begin(), values.end());
  BinRange range;
  if (!(largest > 0)) return range;
  const auto significant = [&](double value) { return value > threshold * largest; };
  const auto begin = std::find_if(values.begin(), values.end(), significant);
  const auto end = std::find_if(values.rbegin(), values.rend(), significant).base();
  range.first = static_cast<std::size_t>(begin - values.begin());
  range.count = static_cast<std::size_t>(end - begin);
  // The maximum over the last twentieth, since spectra of bursts have zeros.
  if (end == values.end())
    range.cut_level =
        *std::max_element(values.end() - static_cast<std::ptrdiff_t>((values.size() + 19) / 20), values.end()) /
        largest;
  return range;
}

double signal_half_duration(const std::function<std::complex<double>(double)>& spectrum, double highest, double reach) {
  const SignalGrid grid(4 * highest, 2 * reach);
  std::vector<std::complex<double>> bins(static_cast<std::size_t>(highest / grid.spacing()));
  for (std::size_t k = 0; k < bins.size(); ++k) {
    if (k % 1024 == 0) check_interrupted();
    bins[k] = spectrum(static_cast<double>(k) * grid.spacing());
  }
  std::vector<double> signal(grid.length());
  grid.synthesize(bins, 0, 0, signal);
  double peak = 0;
  for (double value : signal) peak = std::max(peak, std::abs(value));
  // Negative times stand in the second half of the period.
  std::size_t last = 0;
  for (std::size_t i = 0; i < signal.size(); ++i)
    if (std::abs(signal[i]) > 1e-6 * peak) last = std::max(last, std::min(i, signal.size() - i));
  return static_cast<double>(last + 1) / grid.sampling_rate();
}

}  // namespace sonoforge
