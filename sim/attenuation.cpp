#include "sim/attenuation.hpp"

#include <cmath>
#include <numbers>

#include "core/error.hpp"

namespace sonoforge {
namespace {
constexpr double two_pi = 2 * std::numbers::pi;
}

UniformMedium::UniformMedium(double sound_speed, Attenuation attenuation, double reference_frequency, bool dispersion)
    : sound_speed_(sound_speed),
      attenuation_(attenuation),
      reference_(two_pi * reference_frequency),
      dispersive_(dispersion && attenuation.db_per_cm != 0) {
  if (attenuation.db_per_cm != 0 && !(attenuation.exponent >= 0 && attenuation.exponent < 3))
    throw ConfigError("attenuation", "attenuation grows with frequency to the power " +
                                         format_number(attenuation.exponent) +
                                         " (the causal power law holds from 0 to below 3). Use an exponent near 1");
}

double dispersive_phase(double exponent, double ratio) {
  // a0 w^(y-1) is the attenuation at w over w, and w0^(y-1) = w^(y-1) exp(-(y-1) ln(w/w0)). The tangent of pi y / 2 is
  // -1 / tan(pi (y-1) / 2): so all digits remain as y comes near 1, where it grows without bound and the difference of
  // the powers vanishes.
  const double log_ratio = std::log(ratio), y = exponent;
  if (y == 1) return -2 / std::numbers::pi * log_ratio;
  return std::expm1(-(y - 1) * log_ratio) / std::tan(std::numbers::pi * (y - 1) / 2);
}

double UniformMedium::attenuation(double frequency) const {
  return lossless() ? 0 : attenuation_.nepers_per_metre(frequency);
}

double UniformMedium::slowness(double frequency) const {
  if (!dispersive_ || frequency <= 0) return 1 / sound_speed_;
  const double w = two_pi * frequency;
  return 1 / sound_speed_ + attenuation(frequency) / w * dispersive_phase(attenuation_.exponent, w / reference_);
}

double UniformMedium::wavenumber(double frequency) const {
  return two_pi * frequency * slowness(frequency);
}

double UniformMedium::group_slowness(double frequency) const {
  const double step = 1e-4 * frequency;
  if (!dispersive_ || step <= 0) return 1 / sound_speed_;
  return (wavenumber(frequency + step) - wavenumber(frequency - step)) / (two_pi * 2 * step);
}

}  // namespace sonoforge
