#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sonoforge {

/// The event file that TensorBoard reads: records of [length, masked CRC-32C of it, protobuf `Event`, masked CRC-32C].
/// One scalar at one step.
struct ScalarEvent {
  std::int64_t step = 0;
  double wall_time = 0;  ///< [s]
  std::string tag;
  float value = 0;
};
/// Writes all events at once, atomically.
void write_tensorboard(const std::filesystem::path& file, const std::vector<ScalarEvent>& events);

/// CRC-32C (Castagnoli polynomial) [rfc3720, appendix B.4].
std::uint32_t crc32c(std::string_view bytes);
/// Rotated right by 15 bits plus a constant, so that a checksum of data that hold checksums stays one.
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace sonoforge
