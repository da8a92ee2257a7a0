#include "transducers/single_element.hpp"

namespace sonoforge {

void Disc::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(diameter, {.key = "diameter",
                   .doc = "Diameter of the disc.",
                   .unit = Unit::metre,
                   .min = 1e-7,
                   .max = 10,
                   .required = diameter == 0});
  baffle_and_response_fields(visit);
}

void Disc::check() const {
  check_positive(frequency, "frequency");
  check_positive(diameter, "diameter");
}

Probe Disc::build() const {
  check();
  Probe probe = common_probe(Probe::Kind::single);
  probe.pitch = diameter;
  Element disc;
  disc.shape = Element::Shape::disc;
  disc.width = disc.height = diameter;
  probe.elements = {disc};
  return probe;
}

void Bowl::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(diameter, {.key = "diameter",
                   .doc = "Diameter of the rim.",
                   .unit = Unit::metre,
                   .min = 1e-7,
                   .max = 10,
                   .required = diameter == 0});
  visit(radius, {.key = "radius",
                 .doc = "Radius of curvature: the distance of the geometric focus from the apex.",
                 .unit = Unit::metre,
                 .min = 1e-7,
                 .max = 1e3,
                 .required = radius == 0});
  baffle_and_response_fields(visit);
}

void Bowl::check() const {
  check_positive(frequency, "frequency");
  check_positive(diameter, "diameter");
  check_positive(radius, "radius");
  if (diameter > 2 * radius)
    throw ConfigError("diameter",
                      "diameter = " + format_quantity(diameter, Unit::metre) +
                          " is more than twice the radius = " + format_quantity(radius, Unit::metre) +
                          " (a sphere has no circle that wide). Make the diameter smaller or the radius larger");
}

Probe Bowl::build() const {
  check();
  Probe probe = common_probe(Probe::Kind::single);
  probe.pitch = diameter;
  Element bowl;
  bowl.shape = Element::Shape::bowl;
  bowl.width = bowl.height = diameter;
  bowl.curvature_radius = radius;
  probe.elements = {bowl};
  return probe;
}

}  // namespace sonoforge
