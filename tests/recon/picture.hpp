#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/image.hpp"
#include "io/png.hpp"

namespace sonoforge::testing {

/// Grey picture of a map in dB, black at -range.
inline void write_grey(const std::string& name, const RealMap& decibels, double range) {
  Picture picture{decibels.grid.x.count, decibels.grid.z.count, 1, {}};
  for (float v : decibels.values.flat())
    picture.values.push_back(
        static_cast<std::uint8_t>(std::clamp(255 * (1 + static_cast<double>(v) / range), 0.0, 255.0)));
  const auto folder = std::filesystem::path(SONOFORGE_BINARY_DIR) / "pictures";
  std::filesystem::create_directories(folder);
  write_png(folder / name, picture);
}

/// Red for values up to +limit, blue down to -limit, black at 0.
inline void write_signed(const std::string& name, const RealMap& map, double limit) {
  Picture picture{map.grid.x.count, map.grid.z.count, 3, {}};
  for (float v : map.values.flat()) {
    const double u = std::clamp(static_cast<double>(v) / limit, -1.0, 1.0);
    picture.values.push_back(static_cast<std::uint8_t>(255 * std::max(u, 0.0)));
    picture.values.push_back(static_cast<std::uint8_t>(255 * u * u * 0.6));
    picture.values.push_back(static_cast<std::uint8_t>(255 * std::max(-u, 0.0)));
  }
  const auto folder = std::filesystem::path(SONOFORGE_BINARY_DIR) / "pictures";
  std::filesystem::create_directories(folder);
  write_png(folder / name, picture);
}

}  // namespace sonoforge::testing
