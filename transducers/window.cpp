#include "transducers/window.hpp"

#include <cmath>
#include <numbers>

namespace sonoforge {
namespace {

/// Flat in the middle, a raised cosine over the outer `fraction` of the half width.
double tukey(double fraction, double distance) {
  if (distance <= 1 - fraction) return 1;
  return 0.5 * (1 + std::cos(std::numbers::pi * (distance - (1 - fraction)) / fraction));
}

}  // namespace

double window_value(Window window, double u) {
  const double distance = std::abs(u);
  if (!(distance <= 1)) return 0;
  const double phase = std::numbers::pi * distance;
  switch (window) {
    case Window::none:
      return 1;
    case Window::hann:
      return 0.5 * (1 + std::cos(phase));
    case Window::hamming:
      return 0.54 + 0.46 * std::cos(phase);
    case Window::blackman:
      return 0.42 + 0.5 * std::cos(phase) + 0.08 * std::cos(2 * phase);
    case Window::tukey25:
      return tukey(0.25, distance);
    case Window::tukey50:
      return tukey(0.5, distance);
    case Window::tukey75:
      return tukey(0.75, distance);
  }
  return 1;
}

}  // namespace sonoforge
