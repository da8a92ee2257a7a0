#pragma once
#include <vector>

#include "core/fields.hpp"

namespace sonoforge {

/// Probes one can buy, with published values; the source of each stands beside it in probe_library.cpp.
std::vector<CatalogRow> probe_library();

}  // namespace sonoforge
