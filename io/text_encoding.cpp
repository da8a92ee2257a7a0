#include "io/text_encoding.hpp"

#include "core/printable.hpp"

namespace sonoforge {

std::string valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    const bool control =
        length == 1 && (first == 0x7F || (first < 0x20 && first != '\n' && first != '\t' && first != '\r'));
    if (length == 0 || control)
      valid += '?';
    else
      valid += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

}  // namespace sonoforge
