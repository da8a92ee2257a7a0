#pragma once
#include <string>
#include <string_view>

namespace sonoforge {

/// The text with every byte that is not part of a valid UTF-8 sequence, and every control character but tab and
/// newline, replaced by '?': text from files must not break reports or terminals.
std::string valid_utf8(std::string_view text);

}  // namespace sonoforge
