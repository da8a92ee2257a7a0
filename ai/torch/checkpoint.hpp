#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "ai/train.hpp"

namespace sonoforge {

/// Everything that training needs to go on as if it had never stopped. Random streams have no state: they are functions
/// of seed, epoch and sample.
struct Checkpoint {
  std::string config;  ///< train.yaml
  std::string data_hash;
  std::int64_t seed = 0;
  std::int64_t steps = 0;           ///< of the optimizer, in all
  std::int64_t steps_in_epoch = 0;  ///< of the epoch that is under way
  double loss_sum = 0;              ///< of its samples so far
  std::vector<float> parameters, first, second;
  std::vector<Epoch> history;       ///< of finished epochs
  std::int64_t best_epoch = 0;
  double best_score = 0;
};

/// HDF5, atomic.
void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);
/// Throws `UserError` for broken files and other numbers of parameters.
Checkpoint read_checkpoint(const std::filesystem::path& file, std::size_t parameters);

}  // namespace sonoforge
