#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "transducers/probe.hpp"
#include "transducers/sequence.hpp"

namespace sonoforge {

/// More than this many delays (transmits x laws x elements) are refused, so that a slip of the pen cannot exhaust
/// memory.
inline constexpr std::size_t max_delays = 50'000'000;

/// `frames: {count: 32, rate: 10 kHz}`: how often the transmits repeat.
struct FramesConfig : Configurable {
  std::int64_t count = 1;
  double rate = 0;  ///< [Hz]; 0 = not stated
  void fields(FieldVisitor& visit) override;
};

/// The keys angles and azimuths, in [-89, 89] deg.
void angle_fields(FieldVisitor& visit, std::vector<double>& angles, std::vector<double>& azimuths,
                  std::string_view angles_doc, std::string_view azimuths_doc, bool required = false);
/// Entry i of azimuths that are none (0), one for all, or one an angle [rad].
double azimuth_of(const std::vector<double>& azimuths, std::size_t i);
/// Throws `ConfigError` unless there is an angle, and no azimuth, one, or one an angle.
void check_angle_pairs(const std::vector<double>& angles, const std::vector<double>& azimuths);
/// Throws `ConfigError("azimuths", ...)` if the probe cannot steer there: one that is flat in y has no azimuth, a
/// row-column probe not both angles at once.
void check_steering(const Probe& probe, double angle, double azimuth);

/// What all sequences share.
struct CommonSequenceConfig : SequenceConfig {
  FramesConfig frames;

 protected:
  void frames_field(FieldVisitor& visit);
  /// Throws `ConfigError(key, ...)` if the delays of so many laws would be absurdly many.
  void check_size(const Probe& probe, std::size_t laws, const char* key) const;
  Sequence sequence_of(std::vector<Transmit> transmits) const;
};

}  // namespace sonoforge
