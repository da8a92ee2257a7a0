#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/image.hpp"

namespace sonoforge {

/// What tells images apart without keeping them.
struct ImagePrint {
  /// SHA-256 of the pixels; empty: the sample has no image.
  std::string sha256;
  /// Signs of 512 random projections of the image without its slow parts [charikar2002]: two images of correlation c
  /// differ in arccos(c) / pi of the bits. Speckle decides, not anatomy, which many patients may share.
  std::array<std::uint64_t, 8> bits{};

  bool empty() const { return sha256.empty(); }
  std::string bits_text() const;  ///< 128 hexadecimal digits
  static std::optional<ImagePrint> parse(const std::string& sha256, const std::string& bits);
};

/// Of an image in dB <= 0; what is more than 60 dB below the maximum counts as 60 dB below.
ImagePrint image_print(const RealMap& image);

/// The correlation of the images behind two prints, +-0.02 near 0.9.
double print_correlation(const ImagePrint& a, const ImagePrint& b);

struct ImagePair {
  std::size_t first = 0, second = 0;  ///< first < second
  bool equal = false;                 ///< to the bit
  double correlation = 0;
};

/// Pairs of images that are equal, or whose correlation reaches `least`, among different `owners` (patients).
/// All pairs are compared; in rising order. At most `most` pairs are kept, `count` tells how many there are.
struct ImagePairs {
  std::vector<ImagePair> pairs;
  std::size_t count = 0;
};
ImagePairs near_duplicates(const std::vector<ImagePrint>& prints, const std::vector<std::uint64_t>& owners,
                           double least = 0.9, std::size_t most = 1000);

}  // namespace sonoforge
