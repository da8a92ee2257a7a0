#pragma once
#include <vector>

#include "core/fields.hpp"

namespace sonoforge {

/// Every kind with `type:` that a config can name, in the order in which `describe` shows them.
std::vector<const Catalog*> all_catalogs();

}  // namespace sonoforge
