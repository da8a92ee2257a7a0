#pragma once
#include <limits>
#include <optional>

#include "core/fields.hpp"

namespace sonoforge {

/// `noise: {snr: 40 dB}`: white noise whose power over the whole record is snr below the noise-free RF's.
struct NoiseConfig : Configurable {
  double snr = std::numeric_limits<double>::infinity();  ///< [dB]
  void fields(FieldVisitor& visit) override;
};

/// What the receiver records: exactly one of depth, duration and samples is given.
struct ReceiveConfig : Configurable {
  enum class Pulse { centred, causal };
  double sampling_rate = 0;        ///< [Hz]
  double start = 0;                ///< [s]
  std::optional<double> depth;     ///< [m]; record until the two-way time of this depth, plus steering and pulse
  std::optional<double> duration;  ///< [s]
  std::optional<std::int64_t> samples;
  Pulse pulse = Pulse::centred;
  NoiseConfig noise;

  void fields(FieldVisitor& visit) override;
  void check() const override;

  /// Number of samples of each record; `ConfigError` where that is none or absurd. With `samples` that number, with
  /// `duration` T ceil(T fs). With `depth` d ceil((2 d / c + last_firing + pulse_duration - start) fs) + 1: a pulse
  /// echoed at depth d straight below the last element to fire is recorded whole. `last_firing` is the largest delay of
  /// any active element of any transmit [s], which also covers steering: the record of a steered wave is that much
  /// longer.
  std::size_t sample_count(double sound_speed, double last_firing, double pulse_duration) const;
};

}  // namespace sonoforge
