#pragma once
#include <functional>
#include <vector>

#include "ai/model.hpp"
#include "ai/optimizers.hpp"
#include "ai/schedules.hpp"

namespace sonoforge {

/// How a network learns to tell a lesion of known place from its absence, from data that are drawn for it alone.
struct ObserverTrainingConfig : Configurable {
  std::int64_t samples = 20000;  ///< of an epoch, half with the lesion; every epoch has its own
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

struct ObserverCases {
  ObserverInputs inputs;
  std::vector<std::uint8_t> truth;  ///< 0 or 1
};
/// The cases of an epoch, the same ones whenever they are asked for.
using ObserverCaseSource = std::function<ObserverCases(std::size_t epoch)>;

/// A direction in which the classes differ, and what a quadratic discriminant makes of the square of its coordinate.
struct ObserverComponent {
  std::vector<float> direction;  ///< of the size of the input, of length one
  double weight = 0;             ///< half the difference of the reciprocal variances
};

/// Trains and gives the logits of `judged`; none of those is seen in training. The same bits for any number of threads.
/// A model of squared filters as large as the image begins with `components`, its first ones: from random filters it
/// would learn slowly.
using ObserverTrainer =
    std::function<std::vector<double>(const ObserverTrainingConfig&, TensorShape, const ObserverCaseSource& source,
                                      const std::vector<ObserverComponent>& components, const ObserverInputs& judged)>;
/// That of LibTorch; only in programs that link it.
std::vector<double> train_observer(const ObserverTrainingConfig& config, TensorShape shape,
                                   const ObserverCaseSource& source, const std::vector<ObserverComponent>& components,
                                   const ObserverInputs& judged);

}  // namespace sonoforge
