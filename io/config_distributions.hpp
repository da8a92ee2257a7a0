#pragma once
#include "io/config.hpp"

namespace sonoforge {

/// Whether a node stands for a random value: {uniform: ...}, {choice: ...}, {factor: NAME} and so on.
bool is_distribution(const ConfigNode& node);

}  // namespace sonoforge
