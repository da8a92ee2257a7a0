#include "core/printable.hpp"

#include <cstdio>

namespace sonoforge {

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead < 0xE0   ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90)) return 0;
  return length;
}

/// Controls of Latin-1, line and paragraph separators, and marks of writing direction.
static bool moves_the_cursor(unsigned point) {
  return (point >= 0x80 && point < 0xA0) || point == 0x61C || (point >= 0x200E && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

std::string printable(std::string_view text) {
  std::string out;
  char escaped[16];
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto first = static_cast<unsigned char>(text[0]);
    if (length <= 1) {
      if (length == 1 && first >= 0x20 && first != 0x7F) {
        out += text[0];
      } else {
        std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(first));
        out += first == '\n' ? "\\n" : first == '\t' ? "\\t" : escaped;
      }
      text.remove_prefix(1);
      continue;
    }
    unsigned point = first & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) point = point << 6 | (static_cast<unsigned char>(text[i]) & 0x3Fu);
    if (moves_the_cursor(point)) {
      std::snprintf(escaped, sizeof escaped, "\\u{%x}", point);
      out += escaped;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace sonoforge
