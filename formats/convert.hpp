#pragma once
#include <filesystem>
#include <string>

#include "formats/zea.hpp"
#include "io/png.hpp"

namespace sonoforge {

/// The levels that pictures show [dB]: those of the file's config, else 60.
double dynamic_range_of(const ZeaFile& content);
/// The image's middle plane in grey, to scale: 0 dB white, the lowest level shown black.
Picture grey_picture(const RealMap& image, double dynamic_range);

/// Writes what a file holds in the format of the name's ending: .hdf5 and .h5 (zea), .uff (channel data only),
/// .mat (MUST, one transmit), .png (the first image, or an animated PNG of all), .dcm (DICOM ultrasound multi-frame), .nii and .nii.gz (the first image as a volume in dB, on a
/// Cartesian grid). Throws `UserError` for other endings and where the content does not fit.
void write_any(const std::filesystem::path& file, const ZeaFile& content);

/// `write_any(out, read_any(in))`; refuses to write onto its own input. `format` "picmus" writes PICMUS's layout of HDF5
/// instead of zea's; "" follows the ending.
void convert_file(const std::filesystem::path& in, const std::filesystem::path& out, const std::string& format = "");

}  // namespace sonoforge
