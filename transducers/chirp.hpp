#pragma once
#include "transducers/pulse.hpp"
#include "transducers/window.hpp"

namespace sonoforge {

/// A linear chirp: window(t) sin(2 pi (fm t + k t^2 / 2)) over |t| < duration / 2, fm the mean of the two frequencies
/// and k = (frequency_to - frequency_from) / duration. Its spectrum is integrated to the rounding of double.
struct ChirpConfig : PulseConfig {
  double frequency_from = 0;  ///< instantaneous frequency at the beginning [Hz]
  double frequency_to = 0;    ///< and at the end; may be lower [Hz]
  double duration = 0;        ///< [s]
  double amplitude = 1;       ///< [drive unit]
  Window window = Window::tukey25;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Pulse> build(const Probe& probe) const override;
};

}  // namespace sonoforge
