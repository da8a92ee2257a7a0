#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace sonoforge {

/// SHA-256 [nist2015] of bytes that arrive in pieces.
class Sha256 {
 public:
  void add(std::string_view bytes);
  /// The digest of all bytes so far as 64 lower-case hexadecimal digits.
  std::string hex() const;

 private:
  void compress(const unsigned char* block);
  std::array<std::uint32_t, 8> state_{0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                      0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
  std::array<unsigned char, 64> pending_{};
  std::uint64_t bytes_ = 0;
};

std::string sha256(std::string_view bytes);
/// Of a whole file, read in pieces. Throws `UserError` where it cannot be read.
std::string sha256_of_file(const std::filesystem::path& file);

}  // namespace sonoforge
