#pragma once
#include <cstdint>
#include <vector>

#include "ai/observer_network.hpp"
#include "ai/observers.hpp"
#include "app/linear_scanner.hpp"

namespace sonoforge {

/// What a network that learns from beamformed data is given: training cases drawn from the scanner's matrices, and the
/// study's own cases, all whitened by the covariance of the training cases (whose classes it does not ask for).
struct ObserverData {
  TensorShape shape;  ///< [real and imaginary part, depth, lateral]
  ObserverInputs training, judged;
  std::vector<std::uint8_t> truth;  ///< of the training cases
};
/// `beamformed`: the task on the pixels, with the covariance of their noise. `pixels` [real then imaginary part; case].
/// No draw is shared with the study's cases. The same bits for any number of threads. Throws `UserError` where the
/// cases would take more than 2 GB.
ObserverData observer_data(const ObserverTrainingConfig& config, const LinearScanner& scanner,
                           const LesionTask& beamformed, double contrast, const Eigen::MatrixXd& pixels);

}  // namespace sonoforge
