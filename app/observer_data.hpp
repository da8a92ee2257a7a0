#pragma once
#include <cstdint>
#include <vector>

#include "ai/observer_network.hpp"
#include "ai/observers.hpp"
#include "app/linear_scanner.hpp"

namespace sonoforge {

/// What a network that learns from beamformed data is given: training cases drawn from the scanner's matrices, others
/// in every epoch, and the study's own cases, all whitened by the covariance of the first epoch's. Whitening does not
/// ask for classes; the components do.
struct ObserverData {
  TensorShape shape;  ///< [real and imaginary part, depth, lateral]
  ObserverCaseSource cases;
  std::vector<ObserverComponent> components;  ///< directions in which the classes differ most, the strongest first
  ObserverInputs judged;
};
/// `beamformed`: the task on the pixels, with the covariance of their noise. `pixels` [real then imaginary part; case].
/// No draw is shared with the study's cases. The same bits for any number of threads. Throws `UserError` where the
/// cases of an epoch would take more than 2 GB.
ObserverData observer_data(const ObserverTrainingConfig& config, const LinearScanner& scanner,
                           const LesionTask& beamformed, double contrast, const Eigen::MatrixXd& pixels);

}  // namespace sonoforge
