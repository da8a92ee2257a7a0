#include "transducers/plane_waves.hpp"

namespace sonoforge {

const Catalog& sequence_catalog() {
  static const Catalog catalog{.kind = "sequence",
                               .doc = "The transmits of one frame: which element fires when and how strongly.",
                               .types = {row_of<PlaneWaves>("plane_waves", "Plane waves at one or more angles.")},
                               .presets = {}};
  return catalog;
}

}  // namespace sonoforge
