#pragma once
#include <Eigen/Core>
#include <span>
#include <vector>

namespace sonoforge {

/// Lower bounds of the standard deviation that any unbiased estimator can have: what is lost below them is lost to the
/// physics, what is lost above them to the method. Arguments that make no sense throw `std::invalid_argument`.

/// Covariance bound of the parameters of a known curve in white Gaussian noise of this deviation: noise^2 (J^T J)^-1,
/// `jacobian` [datum, parameter] [kay1993]. Infinite where the parameters cannot be told apart.
Eigen::MatrixXd cramer_rao_covariance(const Eigen::MatrixXd& jacobian, double noise_deviation);

/// Delay of an echo of known shape, sampled as `echo` at `sampling_rate` [Hz] in white noise of this deviation [s].
/// With `phase_known` the fine structure counts (bandwidth about 0 Hz), else only the envelope (about the mean
/// frequency). Amplitude may be unknown in either case: it does not change the bound of a whole echo. [kay1993]
enum class EchoPhase { known, unknown };
double delay_bound(std::span<const double> echo, double sampling_rate, double noise_deviation, EchoPhase phase);

/// Delay between two windows of fully developed speckle whose spectrum is flat over a band, from noise and
/// decorrelation together [walker1995] [s]. `bandwidth` is relative to `frequency` [Hz], `window` its length [s],
/// `correlation` of the noise-free windows, `snr` their amplitude ratio (not dB).
double speckle_delay_bound(double frequency, double bandwidth, double window, double correlation, double snr);

/// Sound speed from the arrivals of one echo on elements at lateral places `x` [m], transmitted straight down; depth
/// and speed unknown: t = (z + sqrt(z^2 + x^2)) / c, each arrival known with this deviation [s]. In m/s.
double sound_speed_bound(std::span<const double> x, double depth, double sound_speed, double delay_deviation);

/// Attenuation coefficient a0 in a(f) = a0 f^exponent from periodograms of speckle, whose values are exponentially
/// distributed about |S(f)|^2 exp(-4 a0 f^exponent z) [Np/m/Hz^exponent]. `spectra` independent periodograms at each
/// depth [m]; the level at each frequency [Hz] is unknown. `snr` is the power ratio of speckle to noise, the same
/// everywhere.
double attenuation_bound(std::span<const double> frequencies, std::span<const double> depths, double spectra,
                         double exponent, double snr);

}  // namespace sonoforge
