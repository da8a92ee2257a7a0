#pragma once
#include <string>

#include "core/units.hpp"

namespace sonoforge {

/// A number as TorchScript reads it as a real: "1" would be an integer.
inline std::string script_number(double value) {
  std::string text = format_number(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

}  // namespace sonoforge
