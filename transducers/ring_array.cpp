#include "transducers/ring_array.hpp"

namespace sonoforge {

void RingArray::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(elements, {.key = "elements",
                   .doc = "Number of elements around the full circle.",
                   .min = 2,
                   .max = static_cast<double>(max_elements),
                   .required = elements == 0});
  visit(radius, {.key = "radius",
                 .doc = "Radius of the ring; its centre stands at z = radius, element 0 at the origin.",
                 .unit = Unit::metre,
                 .min = 1e-6,
                 .max = 1e3,
                 .required = radius == 0});
  visit(width, {.key = "width",
                .doc = "Width of an element along the ring; by default the chord between neighbouring centres.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1e3});
  elevation_fields(visit, height, elevation_focus, "Distance at which the lens focuses in elevation, or none.");
  baffle_and_response_fields(visit);
}

double RingArray::pitch() const {
  return 2 * radius * std::sin(std::numbers::pi / static_cast<double>(elements));
}

void RingArray::check() const {
  check_positive(frequency, "frequency");
  check_element_count(elements, "elements");
  if (elements < 2)
    throw ConfigError("elements",
                      "a ring of one element (neighbours define its pitch). Use at least 2 elements, or a disc");
  check_positive(radius, "radius");
  check_positive(height, "height");
  if (width) check_positive(*width, "width"), check_width_fits_pitch(*width, pitch(), "width", "chord");
}

Probe RingArray::build() const {
  check();
  Probe probe = common_probe(Probe::Kind::ring);
  probe.pitch = pitch();
  probe.elevation_focus = elevation_focus;
  probe.elements.resize(static_cast<std::size_t>(elements));
  for (std::size_t i = 0; i < probe.elements.size(); ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(elements);
    const double sine = std::sin(angle), cosine = std::cos(angle), half_sine = std::sin(angle / 2);
    Element& element = probe.elements[i];
    element.position = {radius * sine, 0, 2 * radius * half_sine * half_sine};  // z = radius (1 - cos), no cancellation
    element.normal = {-sine, 0, cosine};
    element.lateral = {cosine, 0, sine};
    element.width = width.value_or(probe.pitch);
    element.height = height;
  }
  return probe;
}

}  // namespace sonoforge
