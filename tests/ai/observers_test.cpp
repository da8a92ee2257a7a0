#include "ai/observers.hpp"

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>
#include <numbers>

#include "ai/classification_metrics.hpp"
#include "ai/quadratic_form.hpp"
#include "core/normal_distribution.hpp"
#include "core/random.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd normal_matrix(Eigen::Index rows, Eigen::Index columns, RandomStream random) {
  MatrixXd all(rows, columns);
  for (Eigen::Index j = 0; j < columns; ++j)
    for (Eigen::Index i = 0; i < rows; ++i) all(i, j) = random.normal();
  return all;
}

TEST(QuadraticForm, AgreesWithClosedForms) {
  // a z^2 > b z'^2: |z'| / |z| is Cauchy's, so the probability is 2/pi arctan(sqrt(a/b)).
  for (const double ratio : {0.1, 0.7, 1.0, 5.0})
    EXPECT_NEAR(positive_probability({ratio, -1}), 2 / pi * std::atan(std::sqrt(ratio)), 1e-4) << ratio;
  // Pairs are exponential with means 2a, 2b: P(a E > b E') = a / (a + b).
  for (const double a : {0.2, 1.0, 3.0}) EXPECT_NEAR(positive_probability({a, a, -1, -1}), a / (a + 1), 1e-6) << a;
  // Gamma against gamma: with n pairs of each, a beta probability. n = 2: p^2 (3 - 2 p), p = a / (a + b).
  const double p = 2.0 / 3.0;
  EXPECT_NEAR(positive_probability({2, 2, 2, 2, -1, -1, -1, -1}), p * p * (3 - 2 * p), 1e-7);
  EXPECT_EQ(positive_probability({1, 2}), 1);
  EXPECT_EQ(positive_probability({-1}), 0);
  EXPECT_EQ(positive_probability({}), 0.5);
}

TEST(QuadraticForm, ManyTermsApproachTheNormalDistribution) {
  // 4000 and 4000 terms: mean 40, deviation sqrt(2 * 4000 * (1.01^2 + 1)); the skewness, below 0.01, moves a
  // probability by at most 0.07 times itself.
  std::vector<double> weights(4000, 1.01);
  weights.insert(weights.end(), 4000, -1.0);
  const double z = 40 / std::sqrt(2 * 4000 * (1.01 * 1.01 + 1));
  EXPECT_NEAR(positive_probability(weights), normal_probability(z), 1e-3);
}

/// Cells that do not mix: each scatterer shows in a datum of its own, with this gain.
LesionTask separate_cells(const std::vector<double>& gains, double noise) {
  LesionTask task;
  task.white_noise = noise;
  const auto count = static_cast<Eigen::Index>(gains.size());
  task.response = MatrixXd::Zero(count, count);
  for (std::size_t i = 0; i < gains.size(); ++i) {
    task.response(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(i)) = gains[i];
    task.inside.push_back(i);
  }
  return task;
}

TEST(IdealObserver, SeparateCellsHaveTheClosedForm) {
  // information = h^2 / (h^2 + s^2); with equal cells the ratio is gamma's, and for two cells the area a / (1 + a).
  const auto spectrum = lesion_spectrum(separate_cells({2, 1, 0.5}, 0.25));
  EXPECT_NEAR(spectrum.information(0), 4 / 4.25, 1e-12);
  EXPECT_NEAR(spectrum.information(1), 1 / 1.25, 1e-12);
  EXPECT_NEAR(spectrum.information(2), 0.25 / 0.5, 1e-12);
  const auto two = lesion_spectrum(separate_cells({1, 1}, 0.25));
  const double ratio = 1 + 3 * 0.8;
  EXPECT_NEAR(ideal_area(two.information, 3), ratio / (1 + ratio), 1e-6);
  // Low contrast: d'^2 = C^2 / 2 sum information^2, C^2 times the number of complex cells where noise is low.
  const auto many = lesion_spectrum(separate_cells(std::vector<double>(200, 1.0), 1e-6));
  // The next term is C / 2 of it.
  EXPECT_NEAR(ideal_detectability(many.information, 0.01), 0.01 * std::sqrt(100.0) * (1 - 0.005), 1e-4 * 0.1);
  EXPECT_NEAR(threshold_contrast(many.information, 0.001), 0.0001, 1e-4 * 0.0001);
}

TEST(IdealObserver, BothWaysOfSolvingAgree) {
  // White noise as a number (scatterers' system) and as a covariance (data's system).
  LesionTask task;
  task.response = normal_matrix(40, 25, RandomStream(1, 0, "response"));
  task.inside = {3, 4, 5, 11, 20};
  task.white_noise = 2;
  const auto first = lesion_spectrum(task);
  LesionTask other = task;
  other.noise = 2 * MatrixXd::Identity(40, 40);
  const auto second = lesion_spectrum(other);
  ASSERT_EQ(first.information.size(), 5);
  EXPECT_LT((first.information - second.information).norm(), 1e-7);
  const MatrixXd data = normal_matrix(40, 10, RandomStream(2, 0, "data"));
  EXPECT_LT((log_likelihood_ratio(first, task, -0.6, data) - log_likelihood_ratio(second, other, -0.6, data)).norm(),
            1e-6);
}

TEST(IdealObserver, RatioIsThatOfTheDensities) {
  // 1/2 y^T (S0^-1 - S1^-1) y, worked out by inverting the covariances.
  LesionTask task;
  task.response = normal_matrix(12, 9, RandomStream(3, 0, "response"));
  task.inside = {0, 2, 7};
  task.white_noise = 0.7;
  const double contrast = 1.5;
  MatrixXd background = task.response * task.response.transpose() + 0.7 * MatrixXd::Identity(12, 12);
  MatrixXd lesion = background;
  for (const int i : {0, 2, 7}) lesion += contrast * task.response.col(i) * task.response.col(i).transpose();
  const MatrixXd data = normal_matrix(12, 5, RandomStream(4, 0, "data"));
  const MatrixXd form = 0.5 * (background.inverse() - lesion.inverse());
  const VectorXd found = log_likelihood_ratio(lesion_spectrum(task), task, contrast, data);
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(found(i), data.col(i).dot(form * data.col(i)), 1e-9);
}

TEST(IdealObserver, ExactAreaIsThatOfSampledCases) {
  // 4000 cases a class; DeLong's error tells by how much the two may differ: four times it.
  LesionTask task;
  task.response = normal_matrix(30, 40, RandomStream(5, 0, "response"));
  for (std::size_t i = 10; i < 22; ++i) task.inside.push_back(i);
  task.white_noise = 3;
  const double contrast = -0.7;
  constexpr Eigen::Index cases = 8000;
  MatrixXd scatterers = normal_matrix(40, cases, RandomStream(6, 0, "scatterers"));
  std::vector<std::uint8_t> truth;
  for (Eigen::Index i = 0; i < cases; ++i) {
    truth.push_back(i % 2 != 0);
    if (i % 2)
      for (const auto inside : task.inside) scatterers(static_cast<Eigen::Index>(inside), i) *= std::sqrt(1 + contrast);
  }
  const MatrixXd data =
      task.response * scatterers + std::sqrt(3.0) * normal_matrix(30, cases, RandomStream(7, 0, "noise"));
  const auto spectrum = lesion_spectrum(task);
  const VectorXd scores = log_likelihood_ratio(spectrum, task, contrast, data);
  const auto sampled = delong({std::vector<double>(scores.begin(), scores.end())}, truth);
  EXPECT_NEAR(sampled.area[0], ideal_area(spectrum.information, contrast), 4 * sampled.standard_error(0));

  // Pairs of the first 30 data as complex pixels: no observer of intensities beats the ideal one, and its exact area is
  // that of its scores too.
  MatrixXd background = 3 * MatrixXd::Identity(30, 30) + task.response * task.response.transpose(), lesion = background;
  for (const auto inside : task.inside) {
    const auto column = task.response.col(static_cast<Eigen::Index>(inside));
    lesion += contrast * column * column.transpose();
  }
  const auto intensity = intensity_observer(background, lesion);
  EXPECT_LT(intensity.area, ideal_area(spectrum.information, contrast));
  const MatrixXd squares = data.topRows(15).cwiseAbs2() + data.bottomRows(15).cwiseAbs2();
  const VectorXd found = squares.transpose() * intensity.weights;
  const auto area = delong({std::vector<double>(found.begin(), found.end())}, truth);
  EXPECT_NEAR(area.area[0], intensity.area, 4 * area.standard_error(0));
}

/// A lattice of scatterers seen through a pulse-echo response that does not change over the field: Gaussian envelope of
/// unit width (standard deviation of the amplitude) in both directions, carrier along z. Pixels (complex) on the same
/// lattice.
struct Field {
  double step = 0.7;
  int half = 16;  ///< lattice from -half to half steps
  int side() const { return 2 * half + 1; }
  double place(int i) const { return (i - half) * step; }
  Eigen::Index index(int ix, int iz) const { return ix * side() + iz; }

  LesionTask task(double radius, double noise) const {
    const Eigen::Index count = side() * side();
    LesionTask task;
    task.white_noise = noise;
    task.response = MatrixXd(2 * count, count);
    for (int jx = 0; jx < side(); ++jx)
      for (int jz = 0; jz < side(); ++jz) {
        if (std::hypot(place(jx), place(jz)) <= radius) task.inside.push_back(static_cast<std::size_t>(index(jx, jz)));
        for (int ix = 0; ix < side(); ++ix)
          for (int iz = 0; iz < side(); ++iz) {
            const double x = place(ix) - place(jx), z = place(iz) - place(jz);
            const double size = std::exp(-(x * x + z * z) / 2) * step;
            task.response(index(ix, iz), index(jx, jz)) = size * std::cos(2.0 * z);
            task.response(count + index(ix, iz), index(jx, jz)) = size * std::sin(2.0 * z);
          }
      }
    return task;
  }
};

TEST(SmithWagnerObserver, ContrastDetailSlopeIsMinusOne) {
  // Correlation cell of the intensity: the complex field has correlation exp(-r^2 / 4), the intensity its square
  // exp(-r^2 / 2), whose integral is 2 pi: a cell of diameter 2.83. Lesions of 4 to 6 cells across, low contrast: the
  // ideal observer's threshold falls as 1 / diameter. The rim, where a cell is half inside, adds a share of about
  // width / radius: the slope may differ from -1 by 0.05.
  const Field field;
  std::vector<double> logs_of_diameter, logs_of_contrast;
  for (const double radius : {6.0, 6.9, 7.8, 8.7}) {
    const auto task = field.task(radius, 1e-3);
    const double diameter = 2 * field.step * std::sqrt(static_cast<double>(task.inside.size()) / pi);
    EXPECT_GE(diameter, 4 * 2.83);
    logs_of_diameter.push_back(std::log(diameter));
    logs_of_contrast.push_back(std::log(threshold_contrast(lesion_spectrum(task).information, 0.2)));
  }
  double mean_x = 0, mean_y = 0, xy = 0, xx = 0;
  for (int i = 0; i < 4; ++i) mean_x += logs_of_diameter[i] / 4, mean_y += logs_of_contrast[i] / 4;
  for (int i = 0; i < 4; ++i) {
    xy += (logs_of_diameter[i] - mean_x) * (logs_of_contrast[i] - mean_y);
    xx += (logs_of_diameter[i] - mean_x) * (logs_of_diameter[i] - mean_x);
  }
  EXPECT_NEAR(xy / xx, -1, 0.05);
}

TEST(SmithWagnerObserver, SeesContrastTimesTheRootOfTheCells) {
  // Equal weights over a disc: d' = C sqrt(area / cell), the cell being 2 pi here [smith1984]. The disc's rim mixes
  // with its surroundings: mean difference and variance are those of the disc smoothed by the response, worked out here
  // by sums over the lattice (independent of the observer's matrices); the limit itself is approached as width /
  // radius.
  Field field;
  field.half = 11;
  const double radius = 5.6, contrast = 0.02;
  const auto task = field.task(radius, 1e-6);
  const Eigen::Index count = task.response.cols();
  MatrixXd background = 1e-6 * MatrixXd::Identity(2 * count, 2 * count);
  background.selfadjointView<Eigen::Lower>().rankUpdate(task.response);
  background.triangularView<Eigen::StrictlyUpper>() = background.transpose();
  MatrixXd columns(2 * count, static_cast<Eigen::Index>(task.inside.size()));
  VectorXd weights = VectorXd::Zero(count);
  for (std::size_t i = 0; i < task.inside.size(); ++i) {
    columns.col(static_cast<Eigen::Index>(i)) = task.response.col(static_cast<Eigen::Index>(task.inside[i]));
    weights(static_cast<Eigen::Index>(task.inside[i])) = 1;
  }
  const MatrixXd lesion = background + contrast * columns * columns.transpose();
  const double found = intensity_observer(background, lesion, weights).signal_to_noise;
  // Sums over the lattice: E|b|^2 = pi, difference C sum over pairs inside exp(-r^2) step^2, variance pi^2 sum
  // exp(-r^2/2).
  double difference = 0, variance = 0;
  for (const auto i : task.inside)
    for (const auto j : task.inside) {
      const double x = field.step * (static_cast<int>(i) / field.side() - static_cast<int>(j) / field.side());
      const double z = field.step * (static_cast<int>(i) % field.side() - static_cast<int>(j) % field.side());
      difference += contrast * std::exp(-x * x - z * z) * field.step * field.step;
      variance += pi * pi * std::exp(-(x * x + z * z) / 2);
    }
  // Contrast enters the lesion's variance with 1 + 2 C: 1 % of d'.
  EXPECT_NEAR(found / (difference / std::sqrt(variance)), 1, 0.02);
  const double area = field.step * field.step * static_cast<double>(task.inside.size());
  EXPECT_NEAR(found / (contrast * std::sqrt(area / (2 * pi))), 1, 1 / radius);
  // What Smith and Wagner's observer sees is a part of what is there.
  EXPECT_LT(found, ideal_detectability(lesion_spectrum(task).information, contrast));
}

TEST(HotellingObserver, FindsTheKnownTemplate) {
  // Gaussian features of known covariance: area Phi(d' / sqrt 2). 4000 training cases of 4 features lose about p / n.
  RandomStream random(8, 0, "features");
  Eigen::Matrix4d root;
  root << 1, 0, 0, 0, 0.5, 1, 0, 0, 0.2, -0.3, 0.8, 0, 0.1, 0.4, 0.2, 0.6;
  const Eigen::Vector4d shift(0.3, -0.2, 0.5, 0.1);
  const double detectability = std::sqrt(shift.dot((root * root.transpose()).inverse() * shift));
  const auto draw = [&](std::vector<std::uint8_t>& truth) {
    MatrixXd features = normal_matrix(4, 4000, random.child("cases", truth.size()));
    features = root * features;
    truth.assign(4000, 0);
    for (int i = 0; i < 4000; i += 2) truth[i] = 1, features.col(i) += shift;
    return features;
  };
  std::vector<std::uint8_t> truth, test_truth(1);
  const VectorXd weights = hotelling_template(draw(truth), truth);
  const VectorXd scores = draw(test_truth).transpose() * weights;
  const auto area = delong({std::vector<double>(scores.begin(), scores.end())}, test_truth);
  EXPECT_NEAR(area.area[0], normal_probability(detectability / std::numbers::sqrt2), 4 * area.standard_error(0));
  EXPECT_THROW(hotelling_template(MatrixXd::Ones(4, 6), {0, 0, 0, 1, 1, 1}), std::invalid_argument);
}

TEST(HotellingObserver, ChannelsAreOrthonormal) {
  // On a fine lattice that reaches where they have faded the Laguerre-Gauss functions are orthogonal.
  std::vector<double> x, z;
  for (int i = -60; i <= 60; ++i)
    for (int j = -60; j <= 60; ++j) x.push_back(0.05 * i), z.push_back(0.05 * j);
  const MatrixXd channels = laguerre_gauss_channels(x, z, 1.5, 5);
  EXPECT_LT((channels * channels.transpose() - MatrixXd::Identity(5, 5)).norm(), 1e-3);
}

TEST(Efficiency, IsTheSquaredRatioOfDetectabilities) {
  EXPECT_NEAR(detectability_of_area(normal_probability(1.5 / std::numbers::sqrt2)), 1.5, 1e-12);
  EXPECT_NEAR(
      observer_efficiency(normal_probability(1 / std::numbers::sqrt2), normal_probability(2 / std::numbers::sqrt2)),
      0.25, 1e-12);
  EXPECT_EQ(observer_efficiency(0.4, 0.9), 0);
}

}  // namespace
}  // namespace sonoforge
