#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ai/image_print.hpp"
#include "ai/manifest.hpp"

namespace sonoforge {

/// What could let a model see its test: found by looking at the finished set, not by trusting how it was made.
struct DatasetChecks {
  std::size_t patients = 0, images = 0;  ///< that were looked at
  std::vector<std::string> patients_in_two_splits;
  std::size_t equal_files = 0;          ///< pairs of samples of different patients with the same SHA-256
  ImagePairs pairs;                     ///< equal or nearly equal images of different patients
  std::size_t pairs_across_splits = 0;  ///< of those kept in `pairs`
  double least_correlation = 0.9;       ///< from which images count as nearly equal

  bool clean() const { return patients_in_two_splits.empty() && equal_files == 0 && pairs.count == 0; }
  /// Lines of Markdown that state what was checked and what was found.
  std::string text(const std::vector<ManifestRow>& rows) const;
};

/// `prints`: one a row, empty where the sample has no image.
DatasetChecks check_dataset(const std::vector<ManifestRow>& rows, const std::vector<ImagePrint>& prints);

}  // namespace sonoforge
