#include "app/observer_data.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "core/parallel.hpp"

namespace sonoforge {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;

constexpr std::size_t block = 256;  // cases made together

/// A root of the covariance of the noise: root * root^T. The small share makes a covariance regular.
MatrixXd root_of(MatrixXd covariance) {
  covariance.diagonal().array() += 1e-9 * covariance.trace() / static_cast<double>(covariance.rows());
  return Eigen::LLT<MatrixXd>(covariance).matrixL();
}

/// The symmetric matrix that gives strong components of this covariance a variance of one, and weaker ones than `floor`
/// times the strongest less.
MatrixXf whitening(const MatrixXd& covariance, double floor) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> parts(covariance);
  const Eigen::VectorXd powers = parts.eigenvalues();
  const double least = floor * powers(powers.size() - 1);
  const MatrixXd& axes = parts.eigenvectors();
  return (axes * (powers.array().max(0) + least).rsqrt().matrix().asDiagonal() * axes.transpose()).cast<float>();
}

/// Draws cases of the task, without and with the lesion in turn, as columns.
class CaseSource {
 public:
  CaseSource(const LesionTask& task, double contrast, std::int64_t seed)
      : response_(task.response.cast<float>()),
        noise_(root_of(task.noise).cast<float>()),
        inside_(task.inside),
        raised_(static_cast<float>(std::sqrt(1 + contrast))),
        seed_(static_cast<std::uint64_t>(seed)) {}

  void whiten(const MatrixXf& white) {
    response_ = white * response_;
    noise_ = white * noise_;
  }

  MatrixXf draw(std::size_t first, std::size_t count) const {
    MatrixXf tissue(response_.cols(), static_cast<Index>(count)), rest(noise_.cols(), static_cast<Index>(count));
    for (std::size_t i = first; i < first + count; ++i) {
      const auto column = static_cast<Index>(i - first);
      const RandomStream stream(seed_, i, "observer training");
      for (MatrixXf* part : {&tissue, &rest}) {
        const RandomStream own = stream.child(part == &tissue ? "tissue" : "noise");
        for (Index j = 0; j < part->rows(); j += 2) {
          const auto pair = own.normal_pair_at(static_cast<std::uint64_t>(j));
          (*part)(j, column) = static_cast<float>(pair[0]);
          if (j + 1 < part->rows()) (*part)(j + 1, column) = static_cast<float>(pair[1]);
        }
      }
      if (i % 2 != 0)
        for (const auto k : inside_) tissue(static_cast<Index>(k), column) *= raised_;
    }
    MatrixXf cases = response_ * tissue;
    cases.noalias() += noise_ * rest;
    return cases;
  }

 private:
  MatrixXf response_, noise_;
  std::vector<std::size_t> inside_;
  float raised_;
  std::uint64_t seed_;
};

void put(ObserverInputs& inputs, std::size_t first, const MatrixXf& cases) {
  for (Index i = 0; i < cases.cols(); ++i)
    inputs[first + static_cast<std::size_t>(i)].assign(cases.col(i).begin(), cases.col(i).end());
}

/// Of the cases without the lesion and of those with it, from the first `count` cases; sums over groups of blocks in a
/// fixed order.
std::array<MatrixXd, 2> covariances_of(const CaseSource& source, std::size_t count) {
  const std::size_t blocks = (count + block - 1) / block, groups = std::min<std::size_t>(blocks, 4);
  std::vector<std::array<MatrixXd, 2>> sums(groups);
  parallel_for(groups, [&](std::size_t g) {
    for (std::size_t b = g; b < blocks; b += groups) {
      const std::size_t first = b * block, end = std::min(count, first + block);
      const MatrixXd cases = source.draw(first, end - first).cast<double>();
      for (const Index lesion : {Index{0}, Index{1}}) {
        MatrixXd& sum = sums[g][static_cast<std::size_t>(lesion)];
        if (sum.size() == 0) sum = MatrixXd::Zero(cases.rows(), cases.rows());
        const MatrixXd own = cases(Eigen::all, Eigen::seq(lesion, cases.cols() - 1, 2));
        sum.selfadjointView<Eigen::Lower>().rankUpdate(own, 2 / static_cast<double>(count));
      }
    }
  });
  for (std::size_t g = 1; g < groups; ++g)
    for (std::size_t k = 0; k < 2; ++k) sums.front()[k] += sums[g][k];
  for (MatrixXd& sum : sums.front()) sum.triangularView<Eigen::StrictlyUpper>() = sum.transpose();
  return sums.front();
}

/// Eigenvectors of the difference of the whitened covariances [fukunaga1970], those of the largest changes first.
std::vector<ObserverComponent> differences(const std::array<MatrixXd, 2>& covariances, const MatrixXf& whitening) {
  const MatrixXd w = whitening.cast<double>(), without = w * covariances[0] * w, with = w * covariances[1] * w;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> parts(with - without);
  std::vector<ObserverComponent> found;
  for (Index k = 0; k < w.rows(); ++k) {
    const Eigen::VectorXd axis = parts.eigenvectors().col(k);
    const Eigen::VectorXf direction = axis.cast<float>();
    found.push_back(
        {{direction.begin(), direction.end()}, 0.5 * (1 / axis.dot(without * axis) - 1 / axis.dot(with * axis))});
  }
  std::vector<std::size_t> order(found.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto change = [&](std::size_t k) { return std::abs(parts.eigenvalues()(static_cast<Index>(k))); };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return change(a) > change(b); });
  std::vector<ObserverComponent> sorted;
  for (const auto k : order) sorted.push_back(std::move(found[k]));
  return sorted;
}

}  // namespace

ObserverData observer_data(const ObserverTrainingConfig& config, const LinearScanner& scanner,
                           const LesionTask& beamformed, double contrast, const MatrixXd& pixels) {
  const auto count = static_cast<std::size_t>(config.samples);
  const auto size = static_cast<std::size_t>(pixels.rows());
  if (static_cast<double>(count + static_cast<std::size_t>(pixels.cols())) * static_cast<double>(size) * sizeof(float) >
      2e9)
    throw UserError("the cases that train the network would take more than 2 GB (" + std::to_string(count) + " of " +
                    std::to_string(size) + " numbers). Take fewer samples or fewer pixels");
  ObserverData data;
  data.shape = {2, static_cast<std::int64_t>(scanner.grid.z.count), static_cast<std::int64_t>(scanner.grid.x.count)};
  CaseSource source(beamformed, contrast, config.seed);
  const auto covariances = covariances_of(source, count);
  const MatrixXf white = whitening(0.5 * (covariances[0] + covariances[1]), std::pow(10.0, config.floor / 10));
  data.components = differences(covariances, white);
  source.whiten(white);
  data.cases = [source, count](std::size_t epoch) {
    ObserverCases drawn{ObserverInputs(count), std::vector<std::uint8_t>(count)};
    for (std::size_t i = 0; i < count; ++i) drawn.truth[i] = (epoch * count + i) % 2 != 0;
    parallel_for((count + block - 1) / block, [&](std::size_t b) {
      const std::size_t first = b * block, end = std::min(count, first + block);
      put(drawn.inputs, first, source.draw(epoch * count + first, end - first));
    });
    return drawn;
  };
  data.judged.resize(static_cast<std::size_t>(pixels.cols()));
  parallel_for((data.judged.size() + block - 1) / block, [&](std::size_t b) {
    const std::size_t first = b * block, end = std::min(data.judged.size(), first + block);
    put(data.judged, first,
        white * pixels.middleCols(static_cast<Index>(first), static_cast<Index>(end - first)).cast<float>());
  });
  return data;
}

}  // namespace sonoforge
