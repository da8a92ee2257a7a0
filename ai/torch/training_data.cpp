#include "ai/torch/training_data.hpp"

#include <algorithm>

#include "ai/resample.hpp"
#include "core/progress.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {

std::vector<float> model_input(const RealMap& image, std::size_t depth, std::size_t lateral, double dynamic_range) {
  std::vector<float> clamped(image.values.flat().begin(), image.values.flat().end());
  for (float& value : clamped) value = std::clamp(value, static_cast<float>(-dynamic_range), 0.0F);
  return resample(clamped, image.grid.z.count, image.grid.x.count, depth, lateral);
}

TrainingData load_training_data(const Dataset& data, const std::vector<std::size_t>& rows, const std::string& label,
                                std::size_t depth, std::size_t lateral, double dynamic_range) {
  TrainingData result;
  result.depth = depth;
  result.lateral = lateral;
  const std::size_t pixels = depth * lateral;
  check_memory(data.folder, "the images of the data set", rows.size() * pixels * 2 * sizeof(float));
  Progress progress("Reading images", rows.size(), "images");
  for (const std::size_t row : rows) {
    const LabelledImage sample = data.read(row, label);
    const auto image = model_input(sample.image, depth, lateral, dynamic_range);
    result.images.insert(result.images.end(), image.begin(), image.end());
    const std::vector<float> mask(sample.mask.begin(), sample.mask.end());
    for (const float part : resample(mask, sample.image.grid.z.count, sample.image.grid.x.count, depth, lateral))
      result.truth.push_back(part >= 0.5F ? 1.0F : 0.0F);
    result.ids.push_back(data.manifest.rows[row].id);
    progress.advance();
  }
  return result;
}

}  // namespace sonoforge
