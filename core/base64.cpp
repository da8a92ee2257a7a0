#include "core/base64.hpp"

#include <cstdint>

namespace sonoforge {

std::string base64(std::string_view bytes) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<std::uint8_t>(bytes[i + k]) : 0U; };
    const std::uint32_t three = static_cast<std::uint32_t>(at(0)) << 16 | static_cast<std::uint32_t>(at(1)) << 8 | at(2);
    for (std::size_t k = 0; k < 4; ++k)
      text += k > bytes.size() - i ? '=' : letters[three >> (18 - 6 * k) & 63];
  }
  return text;
}

}  // namespace sonoforge
