#include "phantoms/contrast_detail.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {

ContrastDetailPhantom::ContrastDetailPhantom() : AnatomyPhantom("soft_tissue") {
  extent.z = {1e-3, 46e-3};
}

void ContrastDetailPhantom::fields(FieldVisitor& visit) {
  common_fields(visit);
  visit(contrasts, {.key = "contrasts",
                    .doc = "Echo level of each column of rods above the background; -300 dB is anechoic.",
                    .unit = Unit::decibel,
                    .min = -300,
                    .max = 60,
                    .max_items = 100});
  visit(diameters, {.key = "diameters",
                    .doc = "Diameter of each row of rods.",
                    .unit = Unit::metre,
                    .min = 0.1e-3,
                    .max = 50e-3,
                    .max_items = 100});
  visit(first_depth,
        {.key = "first_depth", .doc = "Depth of the first row.", .unit = Unit::metre, .min = 0, .max = 0.5});
  visit(spacing, {.key = "spacing", .doc = "Of rows and columns.", .unit = Unit::metre, .min = 0.2e-3, .max = 0.1});
  visit(wire_gaps, {.key = "wire_gaps",
                    .doc = "Gaps between neighbouring wires of the two groups; an empty list leaves them out.",
                    .unit = Unit::metre,
                    .min = 0.01e-3,
                    .max = 50e-3,
                    .max_items = 100});
  visit(wire_depth,
        {.key = "wire_depth", .doc = "Depth of the group across.", .unit = Unit::metre, .min = 0, .max = 0.5});
  visit(
      wire_amplitude,
      {.key = "wire_amplitude", .doc = "Strength of 1 mm of wire; a scatterer of liver has 1.", .min = 0, .max = 1e9});
}

void ContrastDetailPhantom::check() const {
  for (double d : diameters)
    if (d >= spacing)
      throw ConfigError("spacing", "rods of " + format_quantity(d, Unit::metre) + " would touch (the spacing is " +
                                       format_quantity(spacing, Unit::metre) +
                                       "). Write for example 'spacing: " + format_quantity(2 * d, Unit::metre) + "'");
}

void ContrastDetailPhantom::lay_out(Phantom& phantom, const RandomStream&) const {
  const double y = 0.5 * (extent.y[0] + extent.y[1]);
  for (std::size_t column = 0; column < contrasts.size(); ++column)
    for (std::size_t row = 0; row < diameters.size(); ++row) {
      const double x = (static_cast<double>(column) - 0.5 * static_cast<double>(contrasts.size() - 1)) * spacing;
      const double z = first_depth + static_cast<double>(row) * spacing;
      const std::string label = contrasts[column] <= -300 ? "cyst" : "rod " + format_number(contrasts[column]) + " dB";
      add_region(phantom, rod({x, y, z}, {0, 1, 0}, diameters[row] / 2), *background, label, contrasts[column]);
    }
  if (wire_gaps.empty()) return;
  WiresConfig wires;
  wires.amplitude = wire_amplitude;
  double length = 0;
  for (double gap : wire_gaps) length += gap;
  double along = -length / 2;
  wires.positions.push_back({along, wire_depth});
  for (double gap : wire_gaps) wires.positions.push_back({along += gap, wire_depth});
  // The axial group stands beside the lateral one, widest gap first; each wire a little to the side, out of the shadow
  // of the last.
  double down = wire_depth - length / 2, side = length / 2 + spacing;
  wires.positions.push_back({side, down});
  for (double gap : wire_gaps) wires.positions.push_back({side += 0.2e-3, down += gap});
  add_wires(phantom, wires);
}

}  // namespace sonoforge
