#pragma once
#include <filesystem>

#include "formats/zea.hpp"

namespace sonoforge {

/// The pictures of a DICOM ultrasound file as images in dB on the grid of its calibrated region, one a frame. Grey
/// levels are taken as equal steps of the dynamic range, which only our own files state (else 60 dB, with a note).
/// Nothing that tells of a person is taken over; what was found of it stands in the notes. `UserError` where the file
/// states no scale.
ZeaFile read_dicom_images(const std::filesystem::path& file);

/// The images as grey levels to scale, `dynamic_range` [dB] below white as black, as one multi-frame image.
void write_dicom_images(const std::filesystem::path& file, const ZeaFile& content, double dynamic_range);

/// `image`'s middle plane in 8 bit grey on square pixels, 0 dB white, `-dynamic_range` black; polar images are
/// scan-converted.
struct GreyPicture {
  PixelGrid grid;                    ///< where the pixels stand
  std::vector<std::uint8_t> values;  ///< [z, x]
};
GreyPicture grey_levels(const RealMap& image, double dynamic_range);

}  // namespace sonoforge
