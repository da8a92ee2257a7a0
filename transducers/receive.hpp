#pragma once
#include <optional>

#include "transducers/receiver.hpp"

namespace sonoforge {

/// What the receiver records: exactly one of depth, duration and samples is given.
struct ReceiveConfig : Configurable {
  enum class Pulse { centred, causal };
  /// Scatterers move between transmits only, each seen where it is when the transmit fires; or also during one, each
  /// seen where it is when the pulse reaches it.
  enum class Motion { between, during };
  double sampling_rate = 0;        ///< [Hz]
  double start = 0;                ///< [s]
  std::optional<double> depth;     ///< [m]; record until the two-way time of this depth, plus steering and pulse
  std::optional<double> duration;  ///< [s]
  std::optional<std::int64_t> samples;
  Pulse pulse = Pulse::centred;
  Motion motion = Motion::between;
  /// The receive chain, in the order of the signal; what is not given is ideal.
  ElementSpreadConfig elements;
  std::optional<CrossTalkConfig> cross_talk;
  std::optional<double> sensitivity;  ///< of an element's voltage to its mean pressure [V/Pa]; missing = samples in Pa
  NoiseConfig noise;
  std::optional<AntiAliasConfig> anti_alias;
  std::optional<TgcConfig> tgc;
  std::optional<AdcConfig> adc;

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
