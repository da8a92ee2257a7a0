#include "ai/image_print.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "ai/sha256.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t bit_count = 512, longest_side = 64, pixel_count = longest_side * longest_side, block = 8;
constexpr float floor_db = -60;

/// At most 64 x 64 pixels, evenly spaced, each less the mean of its surroundings, in hundredths of a decibel: sums of
/// whole numbers do not depend on their order.
std::vector<std::int16_t> residuals(const RealMap& image) {
  const std::size_t rows = image.grid.z.count * image.grid.y.count, columns = image.grid.x.count;
  const auto at = [&](std::size_t r, std::size_t c) {
    return std::max(image.values.flat()[r * columns + c], floor_db);
  };
  const std::size_t down = std::min(rows, longest_side), across = std::min(columns, longest_side);
  std::vector<std::int16_t> out;
  out.reserve(down * across);
  for (std::size_t i = 0; i < down; ++i)
    for (std::size_t j = 0; j < across; ++j) {
      const std::size_t r = i * rows / down, c = j * columns / across;
      const std::size_t r0 = r < block / 2 ? 0 : r - block / 2, c0 = c < block / 2 ? 0 : c - block / 2;
      const std::size_t r1 = std::min(rows, r + block / 2), c1 = std::min(columns, c + block / 2);
      float sum = 0;
      for (std::size_t a = r0; a < r1; ++a)
        for (std::size_t b = c0; b < c1; ++b) sum += at(a, b);
      out.push_back(
          static_cast<std::int16_t>(std::lround(100 * (at(r, c) - sum / static_cast<float>((r1 - r0) * (c1 - c0))))));
    }
  return out;
}

/// Random signs [projection][pixel], +1 or -1.
const std::vector<std::int16_t>& signs() {
  static const auto table = [] {
    std::vector<std::int16_t> all(bit_count * pixel_count);
    const RandomStream random(0, 0, "image print");
    for (std::size_t i = 0; i < all.size(); i += 128) {
      const auto words = random.block(i / 128);
      for (std::size_t j = 0; j < 128; ++j) all[i + j] = words[j / 32] >> (j % 32) & 1 ? 1 : -1;
    }
    return all;
  }();
  return table;
}

int different_bits(const ImagePrint& a, const ImagePrint& b, std::size_t first, std::size_t last) {
  int count = 0;
  for (std::size_t i = first; i < last; ++i) count += std::popcount(a.bits[i] ^ b.bits[i]);
  return count;
}

double correlation_of(int different) {
  return std::cos(std::numbers::pi * static_cast<double>(different) / static_cast<double>(bit_count));
}

}  // namespace

std::string ImagePrint::bits_text() const {
  std::string text;
  for (const auto word : bits) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(word));
    text += digits;
  }
  return text;
}

std::optional<ImagePrint> ImagePrint::parse(const std::string& sha256, const std::string& bits) {
  ImagePrint print;
  print.sha256 = sha256;
  if (bits.size() != 16 * print.bits.size()) return std::nullopt;
  for (std::size_t i = 0; i < print.bits.size(); ++i) {
    const char* begin = bits.data() + 16 * i;
    const auto [end, error] = std::from_chars(begin, begin + 16, print.bits[i], 16);
    if (error != std::errc{} || end != begin + 16) return std::nullopt;
  }
  return print;
}

ImagePrint image_print(const RealMap& image) {
  ImagePrint print;
  const auto pixels = image.values.flat();
  print.sha256 = sha256({reinterpret_cast<const char*>(pixels.data()), pixels.size() * sizeof(float)});
  const std::vector<std::int16_t> values = residuals(image);
  const auto& table = signs();
  for (std::size_t projection = 0; projection < bit_count; ++projection) {
    const std::int16_t* sign = table.data() + projection * pixel_count;
    std::int32_t sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += sign[i] * values[i];
    if (sum > 0) print.bits[projection / 64] |= std::uint64_t{1} << (projection % 64);
  }
  return print;
}

double print_correlation(const ImagePrint& a, const ImagePrint& b) {
  return correlation_of(different_bits(a, b, 0, a.bits.size()));
}

ImagePairs near_duplicates(const std::vector<ImagePrint>& prints, const std::vector<std::uint64_t>& owners,
                           double least, std::size_t most) {
  const auto limit = static_cast<int>(std::floor(std::acos(least) / std::numbers::pi * static_cast<double>(bit_count)));
  std::vector<std::vector<ImagePair>> found(prints.size());
  std::vector<std::size_t> counts(prints.size());
  parallel_blocks(prints.size(), 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      if (prints[i].empty()) continue;
      for (std::size_t j = i + 1; j < prints.size(); ++j) {
        if (owners[i] == owners[j] || prints[j].empty()) continue;
        // Over the limit in the first half of its bits alone, where most pairs end.
        const int start = different_bits(prints[i], prints[j], 0, 4);
        if (start > limit) continue;
        const int different = start + different_bits(prints[i], prints[j], 4, prints[i].bits.size());
        if (different > limit) continue;
        ++counts[i];
        if (found[i].size() < most)
          found[i].push_back({i, j, prints[i].sha256 == prints[j].sha256, correlation_of(different)});
      }
    }
  });
  ImagePairs all;
  for (std::size_t i = 0; i < prints.size(); ++i) {
    all.count += counts[i];
    for (const auto& pair : found[i])
      if (all.pairs.size() < most) all.pairs.push_back(pair);
  }
  return all;
}

}  // namespace sonoforge
