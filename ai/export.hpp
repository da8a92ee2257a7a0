#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sonoforge {

/// Layouts of data sets that others read.
enum class ExportFormat {
  nnunet,      ///< nnU-Net v2: imagesTr, labelsTr, imagesTs, labelsTs, dataset.json, splits_final.json
  coco,        ///< COCO instances: images as PNG, one JSON a split with boxes, areas and run-length masks
  webdataset,  ///< tar files a split: ID.image.npy (dB), ID.mask.npy (classes), ID.json
  nifti,       ///< images/ID.nii.gz, masks/ID.nii.gz, and every truth map as maps/ID_NAME.nii.gz (ID_NAME_CHANNEL)
  dicom,       ///< ID.dcm (ultrasound multi-frame) and ID_seg.dcm (DICOM SEG, a segment a class), all frames
};
/// In the order of the enumeration.
const std::vector<std::string_view>& export_format_names();

/// Writes the data set in `folder` (of `generate`) to the new folder `out`, which appears whole or not at all. In every
/// layout a pixel of a mask is 0 where there is no class, else 1 + the class's place in the union of all samples'
/// classes. Of samples with several frames each frame is a case, an image or an entry of its own, ID_frame_N (N from
/// 0), in its patient's split; DICOM holds all in one file. README.md and dataset.yaml of the set come along. Returns
/// the number of samples. `UserError` where `out` exists, a sample has no image or mask, or its image is polar.
std::size_t export_dataset(const std::filesystem::path& folder, const std::filesystem::path& out, ExportFormat format);

/// COCO's uncompressed run lengths: pixels column by column, the first run counts zeros.
std::vector<std::size_t> run_lengths(const std::vector<bool>& mask, std::size_t height, std::size_t width);

}  // namespace sonoforge
