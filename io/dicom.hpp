#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sonoforge {

/// What a DICOM ultrasound image or multi-frame image holds of pictures and their scale [DICOM PS3.3, C.8.5]. Nothing
/// that could name a person is taken over.
struct DicomUltrasound {
  std::size_t rows = 0, columns = 0, frames = 0;
  std::vector<std::uint8_t> grey;  ///< [frame, row, column]; colours become their luminance

  /// Where the middle of pixel (0, 0) stands and how far pixels are apart: x, z [m]; from the region's calibration.
  struct Scale {
    std::array<double, 2> origin, spacing;
  };
  std::optional<Scale> scale;           ///< none: the file states no lengths
  double frame_rate = 0;                ///< [Hz]; 0 = not stated
  double frequency = 0;                 ///< of the transducer [Hz]; 0 = not stated
  std::optional<double> dynamic_range;  ///< what black lies below white [dB]; only our own files state it
  std::string machine;                  ///< manufacturer and model
  std::string description;
  std::string patient_id;                ///< for writing; never read
  std::vector<std::string> identifying;  ///< on reading: names of the filled attributes that tell of a person
  std::vector<std::string> notes;        ///< what had to be assumed
};

bool is_dicom(const std::filesystem::path& file);

/// Reads an ultrasound image (multi-frame or single, also retired classes), uncompressed, RLE or JPEG. Where the file
/// has one tissue region with a calibration in centimetres, the picture is cut to it. `UserError` for other kinds of
/// image, broken files and sizes beyond memory.
DicomUltrasound read_dicom(const std::filesystem::path& file);

/// Writes an Ultrasound Multi-frame Image (8 bit, uncompressed) that states its synthetic origin. The same content
/// gives the same bytes. Atomic.
void write_dicom(const std::filesystem::path& file, const DicomUltrasound& content);

}  // namespace sonoforge
