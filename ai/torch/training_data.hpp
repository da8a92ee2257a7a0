#pragma once
#include <string>
#include <vector>

#include "ai/dataset.hpp"

namespace sonoforge {

/// Images and masks of some rows at the model's size, side by side in memory: [image, depth, lateral].
struct TrainingData {
  std::size_t depth = 0, lateral = 0;
  std::vector<float> images;  ///< [dB], within [-dynamic_range, 0]
  std::vector<float> truth;   ///< 0 or 1
  std::vector<std::string> ids;

  std::size_t size() const { return ids.size(); }
};

TrainingData load_training_data(const Dataset& data, const std::vector<std::size_t>& rows, const std::string& label,
                                std::size_t depth, std::size_t lateral, double dynamic_range);

/// An image [dB] at the model's size.
std::vector<float> model_input(const RealMap& image, std::size_t depth, std::size_t lateral, double dynamic_range);

}  // namespace sonoforge
