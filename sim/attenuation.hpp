#pragma once
#include "core/units.hpp"

namespace sonoforge {

/// A uniform medium as waves of one frequency see it: exp(-i k(f) r - a(f) r), time factor exp(+i w t).
///
/// A medium that loses energy by a power law a(f) = a0 w^y must be dispersive, or sound would arrive before it was sent
/// (Kramers-Kronig) [szabo1995, waters2000]. With the speed c0 held at the reference frequency w0:
///     y != 1:  1/c(w) = 1/c0 + a0 tan(pi y / 2) (w^(y-1) - w0^(y-1))
///     y == 1:  1/c(w) = 1/c0 - (2/pi) a0 ln(w/w0)
class UniformMedium {
 public:
  /// `sound_speed` [m/s] holds at `reference_frequency` [Hz]; without `dispersion` it holds at all frequencies.
  /// Throws `ConfigError` where the exponent lies outside [0, 3), for which no causal law of this form exists.
  UniformMedium(double sound_speed, Attenuation attenuation, double reference_frequency, bool dispersion);

  double sound_speed() const { return sound_speed_; }
  bool lossless() const { return attenuation_.db_per_cm == 0; }
  /// Amplitude loss a(f) [Np/m].
  double attenuation(double frequency) const;
  /// 1 / c(f) [s/m]; 1/c0 at 0 Hz. Not positive where the law has been stretched beyond its meaning.
  double slowness(double frequency) const;
  /// k(f) = 2 pi f / c(f) [rad/m].
  double wavenumber(double frequency) const;
  /// Group delay a metre, dk/dw [s/m].
  double group_slowness(double frequency) const;

 private:
  double sound_speed_;
  Attenuation attenuation_;
  double reference_;  // angular frequency [rad/s]
  bool dispersive_;
};

/// Phase that the dispersion of a power law with exponent y adds, over the loss in nepers, both at the frequency
/// `ratio` times the reference: (1/c(w) - 1/c0) w / a(w).
double dispersive_phase(double exponent, double ratio);

}  // namespace sonoforge
