#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/image.hpp"
#include "io/config.hpp"
#include "transducers/acquisition.hpp"

namespace sonoforge {

/// A true length, area, volume ... stored under /sonoforge/measurements.
struct Measurement {
  std::string name;
  double value = 0;
  std::string unit;
};

/// Everything one of our files holds. Each part but the acquisition's probe and scan is optional.
struct ZeaFile {
  Acquisition acquisition;                       ///< samples may be empty (image-only files)
  std::vector<RealMap> images;                   ///< one a frame, dB <= 0
  std::vector<ComplexMap> beamformed;            ///< one a frame: what the images were made of, before detection
  std::optional<PixelGrid> image_grid;
  std::vector<LabelMap> labels;                  ///< "segmentation", "sound_speed" (stored as sos_map), ...
  /// Of labels that change from frame to frame, by name: the values of frames 1, 2, ... Others are alike in all frames.
  std::map<std::string, std::vector<NdArray<float, 4>>> later_labels;
  std::string config;                            ///< resolved YAML
  std::uint64_t seed = 1;                        ///< of `config`; without one there is none
  std::vector<Vec3> scatterer_positions;
  std::vector<double> scatterer_amplitudes;
  Factors factors;
  std::vector<Measurement> measurements;
  std::string subject_id;                        ///< metadata/subject/id
};

/// How large arrays of numbers stand in a file.
struct ZeaStorage {
  /// Samples, images and truth maps as int16: value = stored * attribute `scale_factor`, the largest value being 32767.
  bool int16 = false;
  /// Deflate 0 (none) to 9 of all arrays; usual: samples none, values of maps 1, masks and coordinates 4.
  std::optional<int> compression = {};
};

/// Layout: FORMATS of zea 0.1.6. Atomic.
void write_zea(const std::filesystem::path& file, const ZeaFile& content, const ZeaStorage& storage = {});
/// Ours or anyone's, also older layouts; scaled integers become what they stand for. What had to be assumed stands in acquisition.notes.
ZeaFile read_zea(const std::filesystem::path& file);

}  // namespace sonoforge
