#pragma once
#include <optional>

#include "transducers/pulse.hpp"

namespace sonoforge {

/// The sign of sin(2 pi f t + phase) over |t| < cycles / (2 f): what a pulser that switches between two voltages sends.
struct SquareWaveConfig : PulseConfig {
  std::optional<double> frequency;  ///< default: the probe's [Hz]
  double cycles = 1;
  double phase = 0;      ///< at t = 0 [rad]
  double amplitude = 1;  ///< [drive unit]

  void fields(FieldVisitor& visit) override;
  std::shared_ptr<const Pulse> build(const Probe& probe) const override;
};

}  // namespace sonoforge
