#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "ai/predict.hpp"
#include "core/image.hpp"

namespace sonoforge {

/// A trained segmenter of images as others use it, who need not know LibTorch.
struct Segmenter {
  std::string label;                              ///< the class it marks
  double dynamic_range = 60;                      ///< of the images it was trained on [dB]
  std::size_t depth = 0, lateral = 0;             ///< pixels that it sees
  std::string data_hash;                          ///< SHA-256 of the manifest of its training data
  std::function<Prediction(const RealMap&)> mark; ///< an image [dB], 0 dB its maximum
};

/// Opens a model.pt. Throws `UserError` for anything but a segmenter of images.
using SegmenterOpener = std::function<Segmenter(const std::filesystem::path&)>;

}  // namespace sonoforge
