#include "transducers/custom_sequence.hpp"
#include "transducers/diverging_waves.hpp"
#include "transducers/focused_beams.hpp"
#include "transducers/multi_line.hpp"
#include "transducers/plane_waves.hpp"
#include "transducers/synthetic_aperture.hpp"

namespace sonoforge {

const Catalog& sequence_catalog() {
  static const Catalog catalog{
      .kind = "sequence",
      .doc = "The transmits of one frame: which element fires when and how strongly.",
      .types = {row_of<PlaneWaves>("plane_waves", "Plane waves at one or more angles."),
                row_of<DivergingWaves>("diverging_waves", "Waves that spread from virtual sources behind the probe."),
                row_of<FocusedBeams>("focused_beams", "Focused beams, one an image line."),
                row_of<SyntheticAperture>("synthetic_aperture", "One element after the other fires alone."),
                row_of<MultiLine>("multi_line", "Several focused beams in one transmit."),
                row_of<CustomSequence>("custom", "Delays and weights from an HDF5 file.")},
      .presets = {}};
  return catalog;
}

}  // namespace sonoforge
