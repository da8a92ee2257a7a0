#include "phantoms/resolution.hpp"

#include <algorithm>

#include "phantoms/speckle.hpp"

namespace sonoforge {

ResolutionPhantom::ResolutionPhantom() : background(Typed<Tissue>::make(tissue_catalog(), "water")) {}

void ResolutionPhantom::fields(FieldVisitor& visit) {
  visit.typed(background, tissue_catalog(), {.key = "background", .doc = "What lies between the wires."});
  visit(depths, {.key = "depths",
                 .doc = "Of single wires at x = 0.",
                 .unit = Unit::metre,
                 .min = 1e-4,
                 .max = 1,
                 .max_items = 1000});
  visit(pair_depths, {.key = "pair_depths",
                      .doc = "Of rows of pairs: side by side on the left, one below the other on the right.",
                      .unit = Unit::metre,
                      .min = 1e-4,
                      .max = 1,
                      .max_items = 1000});
  visit(gaps, {.key = "gaps",
               .doc = "Between the two wires of each pair of a row, from the middle outwards.",
               .unit = Unit::metre,
               .min = 1e-6,
               .max = 50e-3,
               .max_items = 100});
  visit(spacing,
        {.key = "spacing", .doc = "Between neighbouring pairs.", .unit = Unit::metre, .min = 0.1e-3, .max = 0.1});
  visit(amplitude,
        {.key = "amplitude", .doc = "Strength of 1 mm of wire; a scatterer of liver has 1.", .min = 0, .max = 1e9});
  visit.object(extent, {.key = "extent", .doc = "The box that scatterers fill."});
  visit(scatterer_density, {.key = "scatterer_density",
                            .doc = "Scatterers a volume of the background, at an equal echo level (default: its own).",
                            .unit = Unit::per_cubic_metre,
                            .min = 1,
                            .max = 1e15});
}

void ResolutionPhantom::check() const {
  if (depths.empty() && (pair_depths.empty() || gaps.empty()))
    throw ConfigError(
        "depths",
        "there are no wires (depths, and pair_depths or gaps, are empty). Write for example '[20 mm, 40 mm]'");
  for (double gap : gaps)
    if (!pair_depths.empty() && gap >= spacing)
      throw ConfigError("spacing", "pairs of " + format_quantity(gap, Unit::metre) +
                                       " would run into each other (the spacing is " +
                                       format_quantity(spacing, Unit::metre) +
                                       "). Write for example 'spacing: " + format_quantity(3 * gap, Unit::metre) + "'");
}

Phantom ResolutionPhantom::build(const RandomStream& random) const {
  Phantom phantom;
  phantom.background = *background;
  phantom.extent = extent.bounds();
  if (scatterer_density) set_density(phantom.background, *scatterer_density);
  add_speckle(phantom, random.child("speckle"));
  WiresConfig single;
  single.amplitude = amplitude;
  for (double z : depths) single.positions.push_back({0, z});
  if (!depths.empty()) add_wires(phantom, single);
  WiresConfig across = single, along = single;
  across.positions.clear(), along.positions.clear();
  across.label = "lateral_pair", along.label = "axial_pair";
  for (double z : pair_depths)
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      const double x = spacing * static_cast<double>(i + 1), half = gaps[i] / 2;
      across.positions.push_back({-x - half, z});
      across.positions.push_back({-x + half, z});
      along.positions.push_back({x, z - half});
      along.positions.push_back({x, z + half});
    }
  if (!across.positions.empty()) {
    add_wires(phantom, across);
    add_wires(phantom, along);
    phantom.measurements = {{"pair.least_gap", *std::min_element(gaps.begin(), gaps.end()), "m"},
                            {"pair.greatest_gap", *std::max_element(gaps.begin(), gaps.end()), "m"}};
  }
  return phantom;
}

}  // namespace sonoforge
