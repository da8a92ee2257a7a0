#include "transducers/convex_array.hpp"

namespace sonoforge {

void ConvexArray::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(elements, {.key = "elements",
                   .doc = "Number of elements.",
                   .min = 1,
                   .max = static_cast<double>(max_elements),
                   .required = elements == 0});
  visit(pitch, {.key = "pitch",
                .doc = "Distance between the centres of neighbouring elements, along the chord.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1,
                .required = pitch == 0});
  visit(radius, {.key = "radius",
                 .doc = "Radius of the arc on which the elements lie.",
                 .unit = Unit::metre,
                 .min = 1e-6,
                 .max = 1e3,
                 .required = radius == 0});
  visit(width, {.key = "width",
                .doc = "Width of an element along the arc; by default the pitch.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1});
  elevation_fields(visit, height, elevation_focus);
  baffle_and_response_fields(visit);
}

void ConvexArray::check() const {
  check_positive(frequency, "frequency");
  check_element_count(elements, "elements");
  check_positive(pitch, "pitch");
  check_positive(radius, "radius");
  check_positive(height, "height");
  if (width) check_positive(*width, "width"), check_width_fits_pitch(*width, pitch);
  if (pitch > 2 * radius)
    throw ConfigError("pitch", "pitch = " + format_quantity(pitch, Unit::metre) +
                                   " is longer than the arc's diameter (no chord of a circle of radius " +
                                   format_quantity(radius, Unit::metre) +
                                   " is that long). Make the pitch smaller or the radius larger");
  const double step = 2 * std::asin(pitch / (2 * radius));
  if (static_cast<double>(elements) * step > 2 * std::numbers::pi * (1 + 1e-9))
    throw ConfigError("elements", std::to_string(elements) + " elements do not fit on the arc (at radius " +
                                      format_quantity(radius, Unit::metre) + " and pitch " +
                                      format_quantity(pitch, Unit::metre) + " the full circle holds " +
                                      std::to_string(static_cast<std::int64_t>(2 * std::numbers::pi / step)) +
                                      "). Use fewer elements, a smaller pitch or a larger radius");
}

Probe ConvexArray::build() const {
  check();
  Probe probe = common_probe(Probe::Kind::curved);
  probe.pitch = pitch;
  probe.curvature_radius = radius;
  probe.elevation_focus = elevation_focus;
  probe.elements.resize(static_cast<std::size_t>(elements));
  const double step = 2 * std::asin(pitch / (2 * radius));
  for (std::size_t i = 0; i < probe.elements.size(); ++i) {
    const double angle = (static_cast<double>(i) - static_cast<double>(elements - 1) / 2) * step;
    const double sine = std::sin(angle), cosine = std::cos(angle), half_sine = std::sin(angle / 2);
    Element& element = probe.elements[i];
    element.position = {radius * sine, 0,
                        -2 * radius * half_sine * half_sine};  // z = radius (cos - 1), no cancellation
    element.normal = {sine, 0, cosine};
    element.lateral = {cosine, 0, -sine};
    element.width = width.value_or(pitch);
    element.height = height;
  }
  return probe;
}

}  // namespace sonoforge
