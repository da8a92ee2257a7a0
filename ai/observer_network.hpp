#pragma once
#include <functional>
#include <vector>

#include "ai/model.hpp"
#include "ai/optimizers.hpp"
#include "ai/schedules.hpp"

namespace sonoforge {

/// How a network learns to tell a lesion of known place from its absence, from data that are drawn for it alone.
struct ObserverTrainingConfig : Configurable {
  std::int64_t samples = 20000;  ///< half with the lesion
  double floor = -40;  ///< of the whitening: power below the strongest component that is not raised to one [dB]
  Typed<ModelConfig> model;
  Typed<OptimizerConfig> optimizer;
  Typed<ScheduleConfig> schedule;
  std::int64_t epochs = 5;
  std::int64_t batch = 32;
  std::int64_t seed = 1;

  ObserverTrainingConfig();
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// One array a sample, [channel, depth, lateral].
using ObserverInputs = std::vector<std::vector<float>>;

/// Trains on `inputs` with `truth` (0 or 1) and gives the logits of `judged`; none of those is seen in training. The
/// same bits for any number of threads.
using ObserverTrainer =
    std::function<std::vector<double>(const ObserverTrainingConfig&, TensorShape, const ObserverInputs& inputs,
                                      const std::vector<std::uint8_t>& truth, const ObserverInputs& judged)>;
/// That of LibTorch; only in programs that link it.
std::vector<double> train_observer(const ObserverTrainingConfig& config, TensorShape shape,
                                   const ObserverInputs& inputs, const std::vector<std::uint8_t>& truth,
                                   const ObserverInputs& judged);

}  // namespace sonoforge
