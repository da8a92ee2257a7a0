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

/// Atomic; the same picture gives the same bytes. `pixels_per_metre` 0: not stated.
void write_png(const std::filesystem::path& file, const Picture& picture);
/// Animated PNG that loops for ever; all frames of one size.
void write_apng(const std::filesystem::path& file, const std::vector<Picture>& frames, double frames_per_second);

/// Grey or indexed PNG as 16-bit values, for label maps and echogenicity maps (colour is refused). [y, x]
struct GreyImage {
  std::size_t width = 0, height = 0;
  int bit_depth = 8;
  std::vector<std::uint16_t> values;
};
GreyImage read_grey_png(const std::filesystem::path& file);

}  // namespace sonoforge
