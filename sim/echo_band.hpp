#pragma once
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <span>
#include <vector>

#include "sim/echo_engine.hpp"

namespace sonoforge {

/// The band of frequencies with energy, and how long a pulse of that band lasts.
struct EchoBand {
  double low = 0, high = 0;
  double reach = 0;            // before and behind the pulse's centre [s]
  double soft = 0;             // see weight
  double step = 0;             // of `before` [s]
  std::vector<double> before;  // share of the pulse's energy before each instant; its centre is in the middle

  double energy_before(double time) const {
    const double at =
        std::clamp(time / step + static_cast<double>(before.size()) / 2, 0.0, static_cast<double>(before.size() - 1));
    return before[static_cast<std::size_t>(at)];
  }

  /// A spectrum that reaches down to 0 Hz must not end there with a step, or its analytic signal would ring on. The
  /// echoes are 2 Re of the integral over all frequencies of weight * spectrum, with weight(f) + weight(-f) = 1.
  double weight(double f) const {
    if (f >= soft) return 1;
    if (f <= -soft) return 0;
    const double s = std::sin(std::numbers::pi / 4 * (1 + f / soft));
    return s * s;
  }
};

/// A band that begins below this share of its highest frequency is taken to reach down to 0 Hz.
constexpr double lowest_share = 0.12;

/// The spectrum of a real signal at any frequency, times the scattering law.
std::complex<double> spectrum_at(const EchoModel& model, double exponent, double frequency);
std::complex<double> element_drive_at(const EchoModel& model, double frequency, std::size_t element);

/// What is left out of the band, and wraps around the short records, may fall into the record where most echoes do
/// not: it is small beside what is recorded. Nothing is in the band where nothing is heard.
EchoBand band_of(const EchoModel& model, const ScattererGroup& group, std::span<const Transmit> transmits,
                 const EchoRecord& record, double accuracy);

}  // namespace sonoforge
