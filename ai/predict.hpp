#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/image.hpp"

namespace sonoforge {

/// What a model says about an image, on the image's own grid.
struct Prediction {
  RealMap probability;             ///< that a pixel is inside
  std::vector<std::uint8_t> mask;  ///< [depth, lateral]: probability >= threshold
};

/// A trained model ready for use.
class Predictor {
 public:
  /// Throws `UserError` for anything but a model.pt of `train`.
  explicit Predictor(const std::filesystem::path& model);
  ~Predictor();
  Predictor(Predictor&&) noexcept;

  /// The model sees the image resampled to its own size; its answer is resampled back.
  Prediction apply(const RealMap& image, double threshold = 0.5) const;

  std::string label() const;       ///< the class it marks
  std::string metadata() const;    ///< JSON as stored in the file
  std::string data_hash() const;   ///< SHA-256 of the manifest of its training data
  double dynamic_range() const;    ///< [dB]

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What `predict_files` wrote about one file.
struct PredictedFile {
  std::filesystem::path input, mask, overlay;
  std::size_t pixels_inside = 0;
  double area = 0;  ///< [m^2]
};

/// Applies a model to the first image of each file and writes NAME_mask.nii.gz (1 inside; i lateral, j elevation, k depth;
/// in the world frame, sectors scan converted) and NAME_overlay.png. NAME is that of the file, with the names of its folders
/// before it as far as files of one name need them. Throws `UserError` for files without image and for one given twice.
std::vector<PredictedFile> predict_files(const std::filesystem::path& model, const std::vector<std::filesystem::path>& files,
                                         const std::filesystem::path& folder);

}  // namespace sonoforge
