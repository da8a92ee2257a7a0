#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sonoforge {

/// Binary segments of the frames of an image, as DICOM SEG [DICOM PS3.3, A.51].
struct DicomSegmentation {
  std::string patient_id, description;
  std::size_t rows = 0, columns = 0;
  double row_spacing = 1e-3, column_spacing = 1e-3;  ///< between pixel centres [m]
  double first_row = 0, first_column = 0;            ///< depth and lateral place of the first pixel's centre [m]
  std::vector<std::string> segments;                 ///< names
  std::vector<std::vector<std::vector<std::uint8_t>>> masks;  ///< [segment][frame] of [row, column], 0 or 1
};

/// Segmentation Storage, type BINARY, one bit a pixel, which refers to the frames of `image`, a DICOM file that exists.
/// States that it is synthetic. The same content for the same image gives the same bytes. Atomic; `UserError` where the
/// file cannot be written.
void write_dicom_segmentation(const std::filesystem::path& file, const DicomSegmentation& segmentation,
                              const std::filesystem::path& image);
/// What that writes, and other binary segmentations. `UserError` for anything else.
DicomSegmentation read_dicom_segmentation(const std::filesystem::path& file);
/// The identifier of the image that a segmentation refers to, and that of an image: they agree where both belong
/// together.
std::string dicom_referenced_image(const std::filesystem::path& segmentation);
std::string dicom_identifier(const std::filesystem::path& image);

}  // namespace sonoforge
