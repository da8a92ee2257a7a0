#pragma once
#include <optional>

#include "transducers/pulse.hpp"
#include "transducers/window.hpp"

namespace sonoforge {

/// sin(2 pi f t) over |t| < cycles / (2 f), times a window.
struct BurstConfig : PulseConfig {
  std::optional<double> frequency;  ///< default: the probe's [Hz]
  double cycles = 1;
  double amplitude = 1;  ///< [drive unit]
  Window window = Window::none;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Pulse> build(const Probe& probe) const override;
};

}  // namespace sonoforge
