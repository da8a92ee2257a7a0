#include "transducers/burst.hpp"

namespace sonoforge {

const Catalog& pulse_catalog() {
  static const Catalog catalog{.kind = "pulse",
                               .doc = "The electrical drive of the elements, its centre at t = 0.",
                               .types = {row_of<BurstConfig>("burst", "A sine burst of some cycles.")},
                               .presets = {},
                               .default_type = "burst"};
  return catalog;
}

}  // namespace sonoforge
