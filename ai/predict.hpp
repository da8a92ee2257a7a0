#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/foreign_model.hpp"
#include "ai/train.hpp"
#include "core/image.hpp"
#include "io/png.hpp"

namespace sonoforge {

/// What a model says about an image, on the image's own grid.
struct Prediction {
  RealMap probability;             ///< that a pixel is inside
  std::vector<std::uint8_t> mask;  ///< [depth, lateral]: probability >= threshold
};

/// What a model says about one file, in natural units.
struct Answer {
  TensorShape shape;
  std::vector<float> values;     ///< of `shape`
  std::vector<float> deviation;  ///< standard deviation over the members of an ensemble or over dropout; empty: not asked for
};

/// A trained model ready for use.
class Predictor {
 public:
  /// Throws `UserError` for anything but a model.pt of `train`.
  explicit Predictor(const std::filesystem::path& model);
  /// Any TorchScript file, used as it is described. Throws `ConfigError`, with keys from the top of the config, where the
  /// file does not take or give what is described, here and at each answer.
  explicit Predictor(const ForeignModel& model);
  ~Predictor();
  Predictor(Predictor&&) noexcept;

  /// The model sees the image resampled to its own size; its answer is resampled back. For segmentations of images.
  Prediction apply(const RealMap& image, double threshold = 0.5) const;
  /// Any task and input. Throws `UserError`, naming `file`, where it does not hold what the model sees.
  Answer answer(const ZeaFile& content, const std::string& file) const;
  /// The same for a sample of a data set; also of models that see the patient's earlier visits.
  Answer answer(const Dataset& data, std::size_t row, const ZeaFile& content) const;

  const TrainConfig& config() const;  ///< with which it was trained
  std::string label() const;          ///< the class it marks, or the first of what it answers
  std::string unit() const;           ///< of its answers
  std::string metadata() const;       ///< JSON as stored in the file
  std::string data_hash() const;      ///< SHA-256 of the manifest of its training data
  double dynamic_range() const;       ///< [dB]

 private:
  Answer answer_to(std::vector<float> seen) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What `predict_files` wrote about one file.
struct PredictedFile {
  std::filesystem::path input, mask, overlay;
  std::size_t pixels_inside = 0;
  double area = 0;                  ///< [m^2]
  std::string name = {};            ///< of its results, and its line in the tables
  std::vector<double> values = {};  ///< probabilities, measurements; of maps their mean; of detections the scores
  std::vector<double> deviations = {};
  std::optional<double> ruler = {};  ///< `task.measure` of the true mask, in a data set that has it
  std::string summary = {};         ///< one line in words
};

/// Draws a map in its unit under a title, as with a colour scale.
using MapDrawing = std::function<Picture(const RealMap& map, const std::string& unit, const std::string& title)>;

/// The models of the heads of a model of several tasks, opened from `model`: name and file; empty for a model of one task.
std::vector<std::pair<std::string, std::filesystem::path>> head_models(const Predictor& predictor, const std::filesystem::path& model);

/// Applies a model to the first frame of each file. NAME is that of the file, with the names of its folders before it as
/// far as files of one name need them. By task:
///
/// segmentation: NAME_mask.nii.gz (1 inside; i lateral, j elevation, k depth; in the world frame, sectors scan converted)
/// and NAME_overlay.png; with `task.measure` also predictions.csv.
/// classification, measurement, quality, survival (data sets only): predictions.csv: id, prediction (the first), all by name, and deviations.
/// map, image: NAME.hdf5 (`prediction`, [depth, lateral], on the file's grid) and NAME.png: images in grey; maps by `draw`, or in grey from
/// their least to their largest value.
/// detection: marks.csv (id, x, z, score, width, height) and NAME_overlay.png.
/// Ensembles and models with dropout_samples also write NAME_deviation.hdf5 or columns.
///
/// Throws `UserError` for files that do not hold what the model sees and for one given twice.
std::vector<PredictedFile> predict_files(const std::filesystem::path& model, const std::vector<std::filesystem::path>& files,
                                         const std::filesystem::path& folder);
std::vector<PredictedFile> predict_files(const Predictor& predictor, const std::vector<std::filesystem::path>& files,
                                         const std::filesystem::path& folder, const MapDrawing& draw = {});

/// The same for samples of a data set, named by their ids, as `validate` reads them: masks as ID.hdf5 (`prediction`:
/// probabilities on the image's grid), and with `task.measure` a column `ruler`: the same measure of the true mask.
std::vector<PredictedFile> predict_set(const Predictor& predictor, const Dataset& data, const std::vector<std::size_t>& rows,
                                       const std::filesystem::path& folder);

}  // namespace sonoforge
