#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core/fields.hpp"

namespace sonoforge {

/// `noise: {snr: 40 dB}`: white noise whose power over the whole record is snr below the noise-free RF's.
/// `noise: {figure: 3 dB}`: thermal noise of a receiver matched to its source, see `thermal_voltage`.
struct NoiseConfig : Configurable {
  double snr = std::numeric_limits<double>::infinity();  ///< [dB]
  std::optional<double> figure;                          ///< noise figure of the receiver [dB]
  double temperature = 293.15;                           ///< of the source [K]
  double resistance = 50;                                ///< of the source, and of the receiver matched to it [ohm]
  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// Root mean square noise voltage over a band [Hz] at the input of the receiver: the available power k T B of a
  /// resistor [nyquist1928], times the noise factor [friis1944], over the resistance: sqrt(F k T B R) [V].
  double thermal_voltage(double bandwidth) const;
};

/// `elements:` how the channels of a probe differ in reception; all draws come from the seed.
struct ElementSpreadConfig : Configurable {
  double gain_spread = 0;       ///< standard deviation of the gain [dB]
  double phase_spread = 0;      ///< standard deviation of the phase at the centre frequency, held as a delay [rad]
  std::vector<double> dead;     ///< numbers of elements that receive nothing, from 0
  std::int64_t dead_count = 0;  ///< further dead elements, drawn
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// `cross_talk:` each element also hears its nearest neighbours.
struct CrossTalkConfig : Configurable {
  double level = -40;  ///< of a neighbour's signal relative to its own [dB]
  void fields(FieldVisitor& visit) override;
};

/// `anti_alias:` Butterworth low-pass before sampling.
struct AntiAliasConfig : Configurable {
  double cutoff = 0;       ///< -3 dB [Hz]
  std::int64_t order = 3;  ///< number of poles
  void fields(FieldVisitor& visit) override;
};

/// `tgc:` gain that grows with the time of the echo; depth means c t / 2.
struct TgcConfig : Configurable {
  double slope = 0;            ///< gain over depth [dB/m]
  std::vector<double> depths;  ///< instead: a table, linear between its rows, constant beyond [m]
  std::vector<double> gains;   ///< [dB]
  double maximum = 60;         ///< gain never exceeds this [dB]
  void fields(FieldVisitor& visit) override;
  void check() const override;
  double gain_db(double depth) const;
};

/// `adc:` samples are rounded to 2^bits levels and clipped.
struct AdcConfig : Configurable {
  std::int64_t bits = 12;
  std::optional<double> full_scale;  ///< levels span -full_scale to +full_scale [V]; missing = follows the signal
  double headroom = 0;  ///< without full_scale: how far that lies above the largest sample; below 0 dB clips [dB]
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

}  // namespace sonoforge
