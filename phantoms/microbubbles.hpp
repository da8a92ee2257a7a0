#pragma once
#include "phantoms/flow_phantom.hpp"

namespace sonoforge {

/// Scattering length |s| [m] of a gas bubble of radius R in a liquid: R / |(f0/f)^2 - 1 + i d|, the linear answer of an
/// oscillator of resonance f0 and damping d [leighton1994]. Its cross-section is 4 pi |s|^2.
double bubble_scattering_length(double radius, double frequency, double resonance, double damping);
/// Minnaert's resonance of a free bubble: sqrt(3 k p0 / rho) / (2 pi R), with k = 1.07, p0 = 101.3 kPa and rho = 1000
/// kg/m^3 [leighton1994] [Hz].
double bubble_resonance(double radius);

/// Bubbles of a contrast agent that flow with the blood through a vessel: each is a target of the class "bubble", so
/// that localisation can be judged. Radii are log-normal; the echo of a bubble relative to that of the median one
/// follows its scattering length, `contrast` says how far the median one stands above a scatterer of liver. Shells
/// raise the resonance by `stiffening` (ours; free bubbles have 1). Bubbles answer linearly: their harmonics are not in
/// the linear engines.
struct MicrobubblesPhantom : FlowPhantom {
  double concentration = 1e9;  ///< [1/m^3]
  double median_radius = 1.2e-6, radius_spread = 0.35;
  double frequency = 5e6;  ///< at which bubbles scatter [Hz]
  double stiffening = 1.5, damping = 0.2;
  double contrast = 30;  ///< [dB]

  void fields(FieldVisitor& visit) override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
