#pragma once
#include <string>
#include <vector>

#include "ai/train.hpp"

namespace sonoforge {

/// A whole network from physical input to answers in natural units, as TorchScript methods of one module:
/// `logits(self, x, keep)` the model, `training_logits(self, x, keep)` from the input, `forward(self, x)` the answer in use,
/// `sample(self, x, keep)` one with dropout, and of an ensemble `members(self, x)`: [member, batch, ...].
struct NetworkSource {
  std::vector<ModelParameter> parameters;
  std::string script;
  TensorShape input, output;  ///< of one sample; output as `training_logits` gives it
  std::int64_t keeps = 0;
  double dropout = 0;
  double multiply_adds = 0;
  std::map<std::string, std::filesystem::path> modules = {};
};

/// The network of a config. Throws `ConfigError`.
NetworkSource network_source(const TrainConfig& config, const TruthScale& scale, double temperature = 1);

/// Head h of a network of several tasks as a network of its own: the same parameters, one task's answers.
NetworkSource head_source(const TrainConfig& config, const TruthScale& scale, std::size_t h);

/// The mean of several networks: parameters are the members' one after the other.
NetworkSource ensemble_source(const std::vector<NetworkSource>& members);

}  // namespace sonoforge
