#include "phantoms/womersley.hpp"

#include <cmath>
#include <numbers>

namespace sonoforge {

std::complex<double> bessel_j(int order, std::complex<double> z) {
  const std::complex<double> quarter = -z * z / 4.0;
  std::complex<double> term = order == 0 ? 1.0 : z / 2.0, sum = term;
  for (int k = 1; k < 200; ++k) {
    term *= quarter / static_cast<double>(k * (k + order));
    sum += term;
    if (std::abs(term) < 1e-17 * std::abs(sum) && k > std::abs(z)) break;
  }
  return sum;
}

PulsatileFlow::PulsatileFlow(double mean, const std::vector<double>& amplitudes, const std::vector<double>& phases,
                             double rate, double womersley)
    : mean_(mean) {
  for (std::size_t i = 0; i < amplitudes.size(); ++i) {
    const double n = static_cast<double>(i + 1);
    Harmonic h;
    h.frequency = 2 * std::numbers::pi * n * rate;
    h.argument = std::polar(womersley * std::sqrt(n), 0.75 * std::numbers::pi);
    h.edge = bessel_j(0, h.argument);
    h.scale = std::polar(amplitudes[i], phases.empty() ? 0 : phases[i]) /
              (1.0 - 2.0 * bessel_j(1, h.argument) / (h.argument * h.edge));
    harmonics_.push_back(h);
  }
}

double PulsatileFlow::velocity(double r, double time) const {
  double u = 2 * mean_ * (1 - r * r);
  for (const auto& h : harmonics_) u += (h.at(r) * std::polar(1.0, h.frequency * time)).real();
  return u;
}

double PulsatileFlow::path(double r, double time) const {
  double way = 2 * mean_ * (1 - r * r) * time;
  for (const auto& h : harmonics_)
    way += (h.at(r) * (std::polar(1.0, h.frequency * time) - 1.0) / std::complex<double>(0, h.frequency)).real();
  return way;
}

}  // namespace sonoforge
