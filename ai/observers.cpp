#include "ai/observers.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "ai/quadratic_form.hpp"
#include "core/normal_distribution.hpp"

namespace sonoforge {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double ridge = 1e-9;              // of the mean variance
constexpr double least_information = 1e-9;  // directions below it are left out of sums and filters

MatrixXd columns_of(const MatrixXd& matrix, const std::vector<std::size_t>& chosen) {
  MatrixXd some(matrix.rows(), static_cast<Eigen::Index>(chosen.size()));
  for (std::size_t i = 0; i < chosen.size(); ++i)
    some.col(static_cast<Eigen::Index>(i)) = matrix.col(static_cast<Eigen::Index>(chosen[i]));
  return some;
}

void check(const LesionTask& task) {
  for (const auto column : task.inside)
    if (column >= static_cast<std::size_t>(task.response.cols()))
      throw std::invalid_argument("lesion_spectrum: a column inside the lesion does not exist");
  if (task.noise.size() > 0 && (task.noise.rows() != task.response.rows() || task.noise.cols() != task.response.rows()))
    throw std::invalid_argument("lesion_spectrum: the noise covariance does not fit the data");
  if (task.noise.size() == 0 && !(task.white_noise > 0))
    throw std::invalid_argument("lesion_spectrum: without noise every lesion is seen (the variance is not positive)");
}

Eigen::LLT<MatrixXd> decomposed(MatrixXd covariance) {
  covariance.diagonal().array() += ridge * covariance.trace() / static_cast<double>(covariance.rows());
  Eigen::LLT<MatrixXd> decomposition(covariance);
  if (decomposition.info() != Eigen::Success)
    throw std::invalid_argument("observers: a covariance is not positive definite");
  return decomposition;
}

/// Directions in which the lesion shows, strongest first: x = V^T / sqrt(information) * back * y.
LesionSpectrum spectrum_of(const MatrixXd& seen, const MatrixXd& back, bool matched) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(0.5 * (seen + seen.transpose()));
  Eigen::Index kept = 0;
  const auto& values = solver.eigenvalues();
  while (kept < values.size() && values(values.size() - 1 - kept) > least_information) ++kept;
  LesionSpectrum spectrum{VectorXd(kept), {}, matched};
  MatrixXd directions(values.size(), kept);
  for (Eigen::Index k = 0; k < kept; ++k) {
    const Eigen::Index at = values.size() - 1 - k;
    spectrum.information(k) = std::min(values(at), 1.0);
    directions.col(k) = solver.eigenvectors().col(at) / std::sqrt(values(at));
  }
  spectrum.filter = directions.transpose() * back;
  return spectrum;
}

/// Moments and area of sum_i weights_i (u_i^2 + v_i^2).
void judge(IntensityObserver& observer, const MatrixXd& background, const MatrixXd& lesion) {
  const Eigen::Index pixels = observer.weights.size();
  VectorXd both(2 * pixels);
  both << observer.weights, observer.weights;
  std::vector<double> terms;
  double mean = 0, variance = 0;
  for (const bool with_lesion : {false, true}) {
    const MatrixXd root = decomposed(with_lesion ? lesion : background).matrixL();
    const MatrixXd form = root.transpose() * both.asDiagonal() * root;
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(form, Eigen::EigenvaluesOnly);
    const double sign = with_lesion ? 1 : -1;
    mean += sign * solver.eigenvalues().sum();
    variance += solver.eigenvalues().squaredNorm();  // 2 sum a^2, halved for the mean of two
    for (const double value : solver.eigenvalues()) terms.push_back(sign * value);
  }
  observer.signal_to_noise = mean / std::sqrt(variance);
  const double largest = std::abs(
      *std::max_element(terms.begin(), terms.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));
  std::erase_if(terms, [&](double value) { return std::abs(value) < 1e-12 * largest; });
  observer.area = positive_probability(terms);
}

}  // namespace

LesionSpectrum lesion_spectrum(const LesionTask& task) {
  check(task);
  const MatrixXd& h = task.response;
  if (task.noise.size() > 0) {
    MatrixXd covariance = task.noise;
    covariance.selfadjointView<Eigen::Lower>().rankUpdate(h);
    covariance.triangularView<Eigen::StrictlyUpper>() = covariance.transpose();
    const MatrixXd lesion = columns_of(h, task.inside);
    const MatrixXd back = decomposed(std::move(covariance)).solve(lesion).transpose();
    return spectrum_of(back * lesion, back, false);
  }
  // H^T (H H^T + s^2)^-1 = (H^T H + s^2)^-1 H^T: the smaller of the two systems when there are more data than
  // scatterers.
  MatrixXd gram = MatrixXd::Zero(h.cols(), h.cols());
  gram.selfadjointView<Eigen::Lower>().rankUpdate(h.transpose());
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  const MatrixXd of_lesion = columns_of(gram, task.inside);
  gram.diagonal().array() += task.white_noise;
  MatrixXd units = MatrixXd::Zero(h.cols(), static_cast<Eigen::Index>(task.inside.size()));
  for (std::size_t i = 0; i < task.inside.size(); ++i)
    units(static_cast<Eigen::Index>(task.inside[i]), static_cast<Eigen::Index>(i)) = 1;
  const MatrixXd back = Eigen::LLT<MatrixXd>(gram).solve(units).transpose();
  return spectrum_of(back * of_lesion, back, true);
}

VectorXd log_likelihood_ratio(const LesionSpectrum& spectrum, const LesionTask& task, double contrast,
                              const MatrixXd& data) {
  if (!(contrast > -1)) throw std::invalid_argument("log_likelihood_ratio: a contrast is above -1");
  const MatrixXd x = spectrum.matched ? MatrixXd(spectrum.filter * (task.response.transpose() * data))
                                      : MatrixXd(spectrum.filter * data);
  const VectorXd weights = (1 - (1 + contrast * spectrum.information.array()).inverse()).matrix();
  return 0.5 * (weights.transpose() * x.cwiseAbs2()).transpose();
}

double ideal_area(const VectorXd& information, double contrast) {
  std::vector<double> weights;
  for (const double value : information) {
    const double ratio = 1 + contrast * value;
    weights.push_back(ratio - 1);         // lesion: (1 - 1/l) l
    weights.push_back(-(1 - 1 / ratio));  // background
  }
  return positive_probability(weights);
}

double ideal_detectability(const VectorXd& information, double contrast) {
  double difference = 0, variance = 0;
  for (const double value : information) {
    const double ratio = 1 + contrast * value, weight = 1 - 1 / ratio;
    difference += 0.5 * weight * (ratio - 1);
    variance += 0.25 * (weight * weight + (ratio - 1) * (ratio - 1));
  }
  return variance > 0 ? difference / std::sqrt(variance) : 0;
}

double threshold_contrast(const VectorXd& information, double detectability) {
  if (!(information.sum() > 0)) return std::numeric_limits<double>::infinity();
  double low = 0, high = 1;
  while (ideal_detectability(information, high) < detectability) {
    high *= 2;
    if (high > 1e12) return std::numeric_limits<double>::infinity();
  }
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    (ideal_detectability(information, middle) < detectability ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

IntensityObserver intensity_observer(const MatrixXd& background, const MatrixXd& lesion, double relative_error) {
  const Eigen::Index pixels = background.rows() / 2;
  if (background.rows() != background.cols() || lesion.rows() != background.rows() || lesion.cols() != lesion.rows() ||
      background.rows() != 2 * pixels || pixels == 0)
    throw std::invalid_argument("intensity_observer: the covariances are not those of pairs");
  VectorXd difference(pixels);
  MatrixXd covariance = MatrixXd::Zero(pixels, pixels);
  for (const MatrixXd* s : {&background, &lesion}) {
    const double sign = s == &lesion ? 1 : -1;
    for (Eigen::Index i = 0; i < pixels; ++i)
      difference(i) = (s == &background ? 0 : difference(i)) + sign * ((*s)(i, i) + (*s)(pixels + i, pixels + i));
    // E I^2 = 2 (E I)^2 of circular values.
    const VectorXd mean = s->diagonal().head(pixels) + s->diagonal().tail(pixels);
    covariance.diagonal() += relative_error * relative_error * mean.cwiseAbs2();
    // cov(u^2 + v^2, u'^2 + v'^2) = 2 (uu'^2 + uv'^2 + vu'^2 + vv'^2) of Gaussian values; the mean of two hypotheses.
    covariance += s->topLeftCorner(pixels, pixels).cwiseAbs2() + s->topRightCorner(pixels, pixels).cwiseAbs2() +
                  s->bottomLeftCorner(pixels, pixels).cwiseAbs2() + s->bottomRightCorner(pixels, pixels).cwiseAbs2();
  }
  return intensity_observer(background, lesion, decomposed(std::move(covariance)).solve(difference));
}

IntensityObserver intensity_observer(const MatrixXd& background, const MatrixXd& lesion, const VectorXd& weights) {
  if (background.rows() != 2 * weights.size() || lesion.rows() != background.rows())
    throw std::invalid_argument("intensity_observer: weights and covariances do not fit");
  IntensityObserver observer{weights};
  judge(observer, background, lesion);
  return observer;
}

VectorXd hotelling_template(const MatrixXd& features, const std::vector<std::uint8_t>& truth) {
  const Eigen::Index count = features.rows(), cases = features.cols();
  if (static_cast<std::size_t>(cases) != truth.size())
    throw std::invalid_argument("hotelling_template: features and truth differ in size");
  VectorXd mean[2]{VectorXd::Zero(count), VectorXd::Zero(count)};
  double number[2]{0, 0};
  for (Eigen::Index i = 0; i < cases; ++i) {
    const int kind = truth[static_cast<std::size_t>(i)] != 0;
    mean[kind] += features.col(i);
    number[kind] += 1;
  }
  if (!(number[0] > static_cast<double>(count)) || !(number[1] > static_cast<double>(count)))
    throw std::invalid_argument("hotelling_template: a class has no more cases than there are features");
  for (const int kind : {0, 1}) mean[kind] /= number[kind];
  MatrixXd covariance = MatrixXd::Zero(count, count);
  for (Eigen::Index i = 0; i < cases; ++i) {
    const int kind = truth[static_cast<std::size_t>(i)] != 0;
    const VectorXd rest = features.col(i) - mean[kind];
    covariance += 0.5 / (number[kind] - 1) * rest * rest.transpose();
  }
  return decomposed(std::move(covariance)).solve(mean[1] - mean[0]);
}

MatrixXd laguerre_gauss_channels(const std::vector<double>& x, const std::vector<double>& z, double width,
                                 std::size_t channels) {
  if (x.size() != z.size() || !(width > 0)) throw std::invalid_argument("laguerre_gauss_channels: places do not fit");
  MatrixXd all(static_cast<Eigen::Index>(channels), static_cast<Eigen::Index>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double argument = 2 * std::numbers::pi * (x[i] * x[i] + z[i] * z[i]) / (width * width);
    // (n + 1) L_{n+1} = (2 n + 1 - t) L_n - n L_{n-1}
    double before = 0, now = 1;
    for (std::size_t n = 0; n < channels; ++n) {
      all(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(i)) = std::exp(-0.5 * argument) * now;
      const double order = static_cast<double>(n);
      const double next = ((2 * order + 1 - argument) * now - order * before) / (order + 1);
      before = now;
      now = next;
    }
  }
  for (Eigen::Index n = 0; n < all.rows(); ++n) all.row(n).normalize();
  return all;
}

double detectability_of_area(double area) {
  return std::numbers::sqrt2 * normal_quantile(area);
}

double observer_efficiency(double area, double ideal) {
  const double best = detectability_of_area(ideal), reached = std::max(detectability_of_area(area), 0.0);
  return best > 0 ? reached * reached / (best * best) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace sonoforge
