#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/validate.hpp"

namespace sonoforge {

/// Predictions made elsewhere.
///
/// Masks and maps: a folder with one file a case, named by its id: ID.png (0 outside,
/// anything else inside), ID.nii or ID.nii.gz (i lateral, k depth), ID.hdf5 or ID.h5 with the dataset `prediction`
/// [depth, lateral]. Their pixels are those of the image; NIfTI and HDF5 may hold probabilities, judged by the config's
/// threshold.
///
/// Scores and values: predictions.csv with the columns `id` and `prediction`, or `prediction [m]` with the truth's SI
/// unit; for the metrics ruler and reader also `ruler`, in the same unit.
///
/// Marks: marks.csv with the columns `id`, `x [m]`, `z [m]` (in the world frame) and `score`, one line a mark; images
/// without a mark have no line.
class Predictions {
 public:
  /// Throws `UserError` where a case of `rows` has no prediction: a report must not leave cases out.
  Predictions(const ValidateConfig& config, const Manifest& manifest, const std::vector<std::size_t>& rows);

  double value(std::size_t row) const { return values_.at(row); }
  /// The same measure of the true mask: the column `ruler`, for the metrics ruler and reader.
  double ruler(std::size_t row) const { return rulers_.at(row); }
  /// Pixels of a grid [depth, lateral]; another size is a `UserError`.
  std::vector<double> pixels(std::size_t row, const PixelGrid& grid) const;
  /// Marks in an image, each on the nearest lesion within `tolerance` [m]. A lesion is a connected region of the mask.
  DetectionCase marks(std::size_t row, const LabelledImage& sample, double tolerance) const;
  /// Of all predictions, in the order of the cases.
  std::string sha256() const;

 private:
  void find_files(const Manifest& manifest, const std::vector<std::size_t>& rows);
  void read_values(const Manifest& manifest, const std::vector<std::size_t>& rows, const std::string& unit, bool ruled);
  void read_marks(const Manifest& manifest);
  struct Mark {
    double x = 0, z = 0, score = 0;
  };
  std::filesystem::path folder_;
  std::map<std::size_t, std::filesystem::path> files_;
  std::map<std::size_t, double> values_, rulers_;
  std::map<std::size_t, std::vector<Mark>> marks_;
};

/// What a model says about an image: inside or not, by pixel [depth, lateral].
using MaskSource = std::function<std::vector<std::uint8_t>(std::size_t row, const RealMap& image)>;

/// Measures every case of the split by the task's metrics. `mask_of` serves segmentation; other tasks take their
/// predictions from `predictions`.
std::vector<ValidationCase> measure_cases(const ValidateConfig& config, const Dataset& data, const std::string& label,
                                          const MaskSource& mask_of, const Predictions* predictions);

/// A mask from predicted pixels.
std::vector<std::uint8_t> thresholded(const std::vector<double>& pixels, double threshold);

}  // namespace sonoforge
