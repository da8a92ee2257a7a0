#pragma once
#include <complex>

#include "core/random.hpp"
#include "sim/engine.hpp"

namespace sonoforge {

/// Analogue Butterworth low-pass [butterworth1930]: |H|^2 = 1 / (1 + (f / cutoff)^(2 order)).
struct Butterworth {
  double cutoff = 0;  ///< [Hz]
  std::int64_t order = 1;
  std::complex<double> response(double frequency) const;
  /// -d(phase)/d(2 pi f) [s]
  double group_delay(double frequency) const;
};

/// Throws `ConfigError` at "dead.INDEX" or "dead_count" where a probe of so many elements has none that die.
void check_dead_elements(const ElementSpreadConfig& config, std::size_t elements);

/// What stands between the pressure on the elements and the samples in the file, in the order of the signal:
///     (echoes in Pa where the drive is in Pa) element gains and delays, dead elements -> cross-talk -> sensitivity
///     [V/Pa] -> thermal noise -> anti-alias filter and sampling -> noise by SNR -> time-gain compensation ->
///     converter.
/// Steps that `receive` does not give are left out. Engines know none of this: they record what `engine_record` asks
/// for. The delay of the filter at the pulse's frequency is taken off again, as scanners do, so that echoes stay where
/// they belong.
class ReceiveChain {
 public:
  /// Draws the differences between the elements. `ConfigError` where an element does not exist.
  ReceiveChain(const SimulationInput& input, const RandomStream& random);

  /// The receiver with which engines record: where a filter stands before the sampling, at a multiple of its rate that
  /// holds all that the probe passes (three times the higher of pulse and probe frequency), so that what the filter
  /// lets through does alias.
  ReceiveConfig engine_record() const;

  /// The linear part without noise, from recorded pressures to samples.
  void receive(Acquisition& acquisition) const;
  /// The same with both kinds of noise, and the converter at the end.
  void receive_and_digitise(Acquisition& acquisition, const RandomStream& noise) const;

 private:
  void scale_to_pascal(Acquisition& acquisition) const;
  void vary_elements(Acquisition& acquisition) const;
  void mix_neighbours(Acquisition& acquisition) const;
  void scale_to_volts(Acquisition& acquisition) const;
  void filter_and_sample(Acquisition& acquisition) const;
  void amplify(Acquisition& acquisition) const;

  ReceiveConfig config_;
  std::size_t samples_;  // of the records in the file
  std::size_t oversampling_ = 1;
  double frequency_;  // of the pulse [Hz]
  double sound_speed_;
  std::vector<double> pascal_;  // [element] factor from the engines' echoes to Pa; empty if the drive is relative
  std::vector<double> gains_, delays_;                // [element]; dead: 0
  std::vector<std::vector<std::size_t>> neighbours_;  // [element]
};

/// Rounds to the nearest of 2^bits levels, which span -full_scale to +full_scale (the topmost is one step short of it),
/// and clips what lies beyond. The error of a busy signal has the power step^2 / 12 [bennett1948].
double quantised(double value, double full_scale, std::int64_t bits);
void digitise(Acquisition& acquisition, const AdcConfig& adc);

}  // namespace sonoforge
