#pragma once

namespace sonoforge {

/// Memory that this machine has [bytes].
double installed_memory();

}  // namespace sonoforge
