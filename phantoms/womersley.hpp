#pragma once
#include <complex>
#include <vector>

namespace sonoforge {

/// Bessel function J of order 0 or 1 of a complex argument by its power series, which holds 1e-10 up to |z| = 40 on the
/// ray arg z = 3 pi / 4 that oscillating flow needs.
std::complex<double> bessel_j(int order, std::complex<double> z);

/// Laminar flow through a long rigid tube, steady or driven by a periodic pressure gradient [womersley1955]: with r the
/// distance from the axis over the tube's radius, m(t) = m0 + sum_n m_n cos(n w t + phase_n) the velocity averaged over
/// the section, and L_n = i^(3/2) alpha sqrt(n),
///     u(r, t) = 2 m0 (1 - r^2) + sum_n Re[m_n e^(i phase_n) (1 - J0(L_n r) / J0(L_n)) / (1 - 2 J1(L_n) / (L_n
///     J0(L_n))) e^(i n w t)].
class PulsatileFlow {
 public:
  /// `mean` [m/s]; `amplitudes` [m/s] and `phases` [rad] of harmonics 1, 2, ... of `rate` [Hz]; `womersley` is alpha =
  /// R sqrt(w / kinematic viscosity) of the first.
  PulsatileFlow(double mean, const std::vector<double>& amplitudes, const std::vector<double>& phases, double rate,
                double womersley);

  /// Along the axis at r in [0, 1] [m/s].
  double velocity(double r, double time) const;
  /// Its integral from time 0 [m].
  double path(double r, double time) const;

 private:
  struct Harmonic {
    std::complex<double> scale;           // m_n e^(i phase) / (1 - 2 J1 / (L J0))
    std::complex<double> argument, edge;  // L_n, J0(L_n)
    double frequency = 0;                 // n w [rad/s]
    std::complex<double> at(double r) const { return scale * (1.0 - bessel_j(0, argument * r) / edge); }
  };
  double mean_;
  std::vector<Harmonic> harmonics_;
};

}  // namespace sonoforge
