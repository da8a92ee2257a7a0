#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ai/manifest.hpp"
#include "core/image.hpp"
#include "formats/zea.hpp"

namespace sonoforge {

/// One image with its true mask on the same grid.
struct LabelledImage {
  RealMap image;                   ///< [dB], one plane
  std::vector<std::uint8_t> mask;  ///< [depth, lateral], 0 or 1
};

/// A folder that `generate` wrote, one with images and masks of one's own, or a stream of samples.
struct Dataset {
  std::filesystem::path folder;
  Manifest manifest;
  std::string hash;  ///< SHA-256 of manifest.csv, and with it of every sample
  std::function<ZeaFile(std::size_t row)> make = {};  ///< of a stream (ai/stream.hpp): makes a sample, nothing is stored
  bool pairs = false;  ///< images/ and masks/ (ai/image_pairs.hpp) instead of samples

  /// Throws `UserError` where the folder holds no data set.
  static Dataset open(const std::filesystem::path& folder);
  /// Rows of one split, in the order of the manifest.
  std::vector<std::size_t> rows_of(const std::string& split) const;
  /// Throws `UserError` for a missing or changed file, one without image or without that class in its segmentation, an
  /// image of several planes, or values that are not numbers.
  LabelledImage read(std::size_t row, const std::string& label) const;
  /// All that a sample's file holds, unchanged since the manifest was written.
  ZeaFile content(std::size_t row) const;
};

/// The SI unit of a truth: of the factor of that name, or of the measurement in the first file; empty where there is neither.
std::string truth_unit(const Dataset& data, const std::string& truth);

/// The first image of a file and the named class of its segmentation.
LabelledImage read_labelled_image(const std::filesystem::path& file, const std::string& label);
LabelledImage labelled_image(const ZeaFile& content, const std::filesystem::path& file, const std::string& label);
/// The first image of any readable file, one plane. `UserError` where there is none: channel data must be reconstructed
/// first.
RealMap read_image(const std::filesystem::path& file);

}  // namespace sonoforge
