#include "sim/exact.hpp"
#include "sim/refused_engines.hpp"
#include "sim/scatterer_engine.hpp"

namespace sonoforge {

const Catalog& engine_catalog() {
  static const Catalog catalog{
      .kind = "engine",
      .doc = "How echoes and fields are computed.",
      .types = {row_of<Exact>("exact", "The linear model computed without shortcuts: the yardstick of the others."),
                row_of<ScattererEngine>("scatterers", "The same model, fast, its error held under accuracy."),
                row_of<FullWaveEngine>("full_wave", "Full wave, k-space pseudospectral (not in this version).")},
      .presets = {},
      .default_type = "scatterers"};
  return catalog;
}

}  // namespace sonoforge
