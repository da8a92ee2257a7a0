#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>

namespace sonoforge {

static_assert(std::endian::native == std::endian::little,
              "files are written in the machine's byte order, which must be little-endian");

/// The number stored at a byte offset; `swap`: it is big-endian. The caller checks that it lies inside.
template <class T>
T load(std::string_view bytes, std::size_t offset, bool swap) {
  std::array<char, sizeof(T)> raw;
  std::memcpy(raw.data(), bytes.data() + offset, sizeof(T));
  if (swap) std::reverse(raw.begin(), raw.end());
  return std::bit_cast<T>(raw);
}

/// Stores a number, little-endian.
template <class T>
void store(std::string& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

}  // namespace sonoforge
