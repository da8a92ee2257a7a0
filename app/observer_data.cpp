#include "app/observer_data.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <cmath>

#include "core/parallel.hpp"
#include "core/progress.hpp"

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

void append(ObserverInputs& inputs, std::size_t first, const MatrixXf& cases) {
  for (Index i = 0; i < cases.cols(); ++i)
    inputs[first + static_cast<std::size_t>(i)].assign(cases.col(i).begin(), cases.col(i).end());
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
  data.training.resize(count);
  data.truth.resize(count);
  for (std::size_t i = 0; i < count; ++i) data.truth[i] = i % 2 != 0;

  const MatrixXf response = beamformed.response.cast<float>(), noise = root_of(beamformed.noise).cast<float>();
  const auto raised = static_cast<float>(std::sqrt(1 + contrast));
  const std::size_t blocks = (count + block - 1) / block;
  {
    Progress progress("Training cases", blocks, "blocks");
    parallel_for(blocks, [&](std::size_t b) {
      const std::size_t first = b * block, end = std::min(count, first + block);
      MatrixXf tissue(response.cols(), static_cast<Index>(end - first)),
          rest(noise.cols(), static_cast<Index>(end - first));
      for (std::size_t i = first; i < end; ++i) {
        const auto column = static_cast<Index>(i - first);
        const RandomStream stream(static_cast<std::uint64_t>(config.seed), i, "observer training");
        for (MatrixXf* part : {&tissue, &rest}) {
          const RandomStream own = stream.child(part == &tissue ? "tissue" : "noise");
          for (Index j = 0; j < part->rows(); j += 2) {
            const auto pair = own.normal_pair_at(static_cast<std::uint64_t>(j));
            (*part)(j, column) = static_cast<float>(pair[0]);
            if (j + 1 < part->rows()) (*part)(j + 1, column) = static_cast<float>(pair[1]);
          }
        }
        if (data.truth[i])
          for (const auto k : beamformed.inside) tissue(static_cast<Index>(k), column) *= raised;
      }
      MatrixXf cases = response * tissue;
      cases.noalias() += noise.triangularView<Eigen::Lower>() * rest;
      append(data.training, first, cases);
      progress.advance(1);
    });
  }

  // Sums over groups of blocks in a fixed order.
  const std::size_t groups = std::min<std::size_t>(blocks, 8);
  std::vector<MatrixXd> sums(groups);
  parallel_for(groups, [&](std::size_t g) {
    MatrixXd sum = MatrixXd::Zero(static_cast<Index>(size), static_cast<Index>(size));
    for (std::size_t b = g; b < blocks; b += groups) {
      const std::size_t first = b * block, end = std::min(count, first + block);
      MatrixXd cases(static_cast<Index>(size), static_cast<Index>(end - first));
      for (std::size_t i = first; i < end; ++i)
        for (std::size_t k = 0; k < size; ++k)
          cases(static_cast<Index>(k), static_cast<Index>(i - first)) = double{data.training[i][k]};
      sum.selfadjointView<Eigen::Lower>().rankUpdate(cases);
    }
    sums[g] = std::move(sum);
  });
  MatrixXd covariance = sums.front();
  for (std::size_t g = 1; g < groups; ++g) covariance += sums[g];
  covariance /= static_cast<double>(count);
  const MatrixXf white = whitening(covariance, std::pow(10.0, config.floor / 10));

  parallel_for(blocks, [&](std::size_t b) {
    const std::size_t first = b * block, end = std::min(count, first + block);
    MatrixXf cases(static_cast<Index>(size), static_cast<Index>(end - first));
    for (std::size_t i = first; i < end; ++i)
      std::copy(data.training[i].begin(), data.training[i].end(), cases.col(static_cast<Index>(i - first)).begin());
    append(data.training, first, white * cases);
  });
  data.judged.resize(static_cast<std::size_t>(pixels.cols()));
  const auto judged_blocks = (data.judged.size() + block - 1) / block;
  parallel_for(judged_blocks, [&](std::size_t b) {
    const std::size_t first = b * block, end = std::min(data.judged.size(), first + block);
    append(data.judged, first,
           white * pixels.middleCols(static_cast<Index>(first), static_cast<Index>(end - first)).cast<float>());
  });
  return data;
}

}  // namespace sonoforge
