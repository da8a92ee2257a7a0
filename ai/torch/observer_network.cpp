#include "ai/observer_network.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ai/losses.hpp"
#include "ai/models.hpp"
#include "ai/sample_store.hpp"
#include "ai/torch/network.hpp"
#include "core/error.hpp"
#include "core/progress.hpp"

namespace sonoforge {

std::vector<double> train_observer(const ObserverTrainingConfig& config, TensorShape shape,
                                   const ObserverCaseSource& source_of_cases,
                                   const std::vector<ObserverComponent>& components, const ObserverInputs& judged) {
  const RandomStream random(static_cast<std::uint64_t>(config.seed), 0, "observer network");
  const ModelSource model = config.model->build(shape, 1);
  NetworkSource source;
  source.parameters = model.parameters;
  source.input = shape;
  source.output = model.output;
  source.keeps = model.keeps;
  source.modules = model.modules;
  source.script = model.script +
                  "def training_logits(self, x, keep):\n    return self.logits(x, keep)\ndef forward(self, x):\n    "
                  "return self.logits(x, torch.ones([1, " +
                  std::to_string(std::max<std::int64_t>(1, model.keeps)) + "]))\n";
  Network network(source, random.child("weights"));
  std::vector<float> parameters = network.parameters(), first(parameters.size(), 0.0F), second(parameters.size(), 0.0F);
  if (const auto* energy = dynamic_cast<const EnergyModel*>(&*config.model); energy != nullptr && energy->kernel == 0) {
    // Filters, their constants, weights of the squares, a constant; sums are divided by the root of their terms.
    const auto filters = static_cast<std::size_t>(energy->features), size = shape.size();
    const float scale = std::sqrt(static_cast<float>(size));
    for (std::size_t k = 0; k < std::min(components.size(), filters); ++k) {
      for (std::size_t i = 0; i < size; ++i) parameters[k * size + i] = scale * components[k].direction[i];
      parameters[filters * (size + 1) + k] =
          static_cast<float>(components[k].weight * std::sqrt(static_cast<double>(filters)));
    }
    network.set_parameters(parameters);
  }
  const CrossEntropyLoss loss;
  const auto count = static_cast<std::size_t>(config.samples), batch = static_cast<std::size_t>(config.batch);
  const auto steps = static_cast<std::int64_t>((count + batch - 1) / batch);
  const std::vector<double> losses;
  std::int64_t done = 0;
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::int64_t epoch = 0; epoch < config.epochs; ++epoch) {
    const ObserverCases cases = source_of_cases(static_cast<std::size_t>(epoch));
    shuffle(order, random.child("order", static_cast<std::uint64_t>(epoch)));
    Progress progress("Epoch " + std::to_string(epoch + 1) + "/" + std::to_string(config.epochs), count, "samples");
    for (std::size_t begin = 0; begin < count; begin += batch, ++done) {
      check_interrupted();
      const std::size_t end = std::min(count, begin + batch);
      SampleArrays seen, truths;
      for (std::size_t k = begin; k < end; ++k) {
        seen.push_back(cases.inputs[order[k]]);
        truths.push_back({static_cast<float>(cases.truth[order[k]])});
      }
      auto found = network.gradient(loss, {seen, truths, {}, shape, {1, 1, 1}});
      for (float& value : found.gradient) value /= static_cast<float>(end - begin);
      if (!std::isfinite(gradient_length(found.gradient)))
        throw UserError("study.train: training stopped in epoch " + std::to_string(epoch + 1) +
                        ": the gradient is not a number (the steps were too large). Lower optimizer.learning_rate");
      const double rate =
          config.optimizer->learning_rate * config.schedule->factor({done, steps, config.epochs, losses});
      config.optimizer->step(parameters, found.gradient, first, second, done + 1, rate);
      network.set_parameters(parameters);
      progress.advance(end - begin);
    }
  }
  std::vector<double> scores;
  for (const auto& one : network.outputs(judged, shape)) scores.push_back(double{one.front()});
  return scores;
}

}  // namespace sonoforge
