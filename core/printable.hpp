#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace sonoforge {

/// Length of the valid UTF-8 sequence at the start of `text`, or 0 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
std::size_t utf8_length(std::string_view text);

/// One line for a terminal: control characters, those that turn the direction of writing, and bytes that are no UTF-8
/// stand as \n, \t, \xHH or \u{HHHH}. What a message quotes may come from anywhere.
std::string printable(std::string_view text);

}  // namespace sonoforge
