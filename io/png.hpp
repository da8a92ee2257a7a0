#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

namespace sonoforge {

/// 8-bit RGB (3 channels), RGBA (4) or grey (1) picture, row-major [y, x, channel].
struct Picture {
  std::size_t width = 0, height = 0, channels = 3;
  std::vector<std::uint8_t> values;
};

/// Atomic; the same picture gives the same bytes (no times, no text). Throws `UserError` where the file cannot be
/// written.
void write_png(const std::filesystem::path& file, const Picture& picture);
/// Animated PNG that loops for ever; all frames of one size and kind. Programs that know no APNG show the first frame.
void write_apng(const std::filesystem::path& file, const std::vector<Picture>& frames, double frames_per_second);

/// Grey or indexed PNG as 16-bit values, for label maps and echogenicity maps. [y, x]
struct GreyImage {
  std::size_t width = 0, height = 0;
  int bit_depth = 8;  ///< 1, 2, 4, 8 or 16: grey values run from 0 to 2^bit_depth - 1; indices are below it
  std::vector<std::uint16_t> values;
};
/// Values as they stand in the file: grey levels unscaled, or indices of the palette. Colour is refused, an alpha
/// channel dropped. Broken files are `UserError`s.
GreyImage read_grey_png(const std::filesystem::path& file);

}  // namespace sonoforge
