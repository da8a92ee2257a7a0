#include "ai/cramer_rao.hpp"

#include <Eigen/QR>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "core/fft.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

}  // namespace

Eigen::MatrixXd cramer_rao_covariance(const Eigen::MatrixXd& jacobian, double noise_deviation) {
  require(noise_deviation > 0 && jacobian.cols() > 0, "cramer_rao_covariance: noise and parameters are needed");
  const Eigen::Index count = jacobian.cols();
  // Columns of one length first: parameters have units, and rank must not depend on them.
  const Eigen::VectorXd scale = jacobian.colwise().norm().transpose();
  const auto unknown = Eigen::MatrixXd::Constant(count, count, std::numeric_limits<double>::infinity());
  if (!(scale.minCoeff() > 0)) return unknown;
  const Eigen::MatrixXd scaled = jacobian * scale.cwiseInverse().asDiagonal();
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(scaled);
  if (qr.rank() < count) return unknown;
  const Eigen::MatrixXd r = qr.matrixR().topLeftCorner(count, count).triangularView<Eigen::Upper>();
  const Eigen::MatrixXd inverse =
      qr.colsPermutation() * r.triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(count, count));
  const Eigen::MatrixXd weighted = scale.cwiseInverse().asDiagonal() * inverse;
  return noise_deviation * noise_deviation * weighted * weighted.transpose();
}

double delay_bound(std::span<const double> echo, double sampling_rate, double noise_deviation, EchoPhase phase) {
  require(echo.size() >= 2 && sampling_rate > 0 && noise_deviation > 0,
          "delay_bound: an echo, rate and noise are needed");
  const std::size_t n = echo.size();
  const RealFft<double> fft(n);
  std::vector<std::complex<double>> spectrum(fft.bins());
  fft.forward(echo, spectrum);
  double energy = 0, first = 0, second = 0;
  for (std::size_t k = 0; k < spectrum.size(); ++k) {
    const double frequency = 2 * pi * static_cast<double>(k) * sampling_rate / static_cast<double>(n);
    // Bins but the ends stand for two frequencies of opposite sign.
    const double power = std::norm(spectrum[k]) * (k == 0 || 2 * k == n ? 1 : 2) / static_cast<double>(n);
    energy += power;
    first += frequency * power;
    second += frequency * frequency * power;
  }
  require(energy > 0, "delay_bound: the echo is silent");
  const double information = phase == EchoPhase::known ? second : second - first * first / energy;
  return information > 0 ? noise_deviation / std::sqrt(information) : std::numeric_limits<double>::infinity();
}

double speckle_delay_bound(double frequency, double bandwidth, double window, double correlation, double snr) {
  require(frequency > 0 && bandwidth > 0 && window > 0 && correlation > 0 && correlation <= 1 && snr > 0,
          "speckle_delay_bound: values must be positive, and the correlation at most 1");
  const double coherence = 1 / (correlation * correlation) * std::pow(1 + 1 / (snr * snr), 2) - 1;
  return std::sqrt(3 / (2 * std::pow(frequency, 3) * pi * pi * window * (std::pow(bandwidth, 3) + 12 * bandwidth)) *
                   coherence);
}

double sound_speed_bound(std::span<const double> x, double depth, double sound_speed, double delay_deviation) {
  require(x.size() >= 2 && depth > 0 && sound_speed > 0, "sound_speed_bound: elements, depth and speed are needed");
  Eigen::MatrixXd jacobian(static_cast<Eigen::Index>(x.size()), 2);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double way = std::hypot(depth, x[i]);
    const auto row = static_cast<Eigen::Index>(i);
    jacobian(row, 0) = -(depth + way) / (sound_speed * sound_speed);  // by the speed
    jacobian(row, 1) = (1 + depth / way) / sound_speed;               // by the depth
  }
  return std::sqrt(cramer_rao_covariance(jacobian, delay_deviation)(0, 0));
}

double attenuation_bound(std::span<const double> frequencies, std::span<const double> depths, double spectra,
                         double exponent, double snr) {
  require(!frequencies.empty() && depths.size() >= 2 && spectra > 0 && snr > 0,
          "attenuation_bound: frequencies, two depths and spectra are needed");
  double mean = 0, spread = 0, powers = 0;
  for (const double z : depths) mean += z / static_cast<double>(depths.size());
  for (const double z : depths) spread += (z - mean) * (z - mean);
  for (const double f : frequencies) powers += std::pow(f, 2 * exponent);
  // An exponential value carries information 1 about the logarithm of its mean, of which speckle is the share below.
  const double share = snr / (1 + snr);
  const double information = 16 * spectra * share * share * powers * spread;
  return information > 0 ? 1 / std::sqrt(information) : std::numeric_limits<double>::infinity();
}

}  // namespace sonoforge
