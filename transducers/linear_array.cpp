#include "transducers/linear_array.hpp"

namespace sonoforge {

void LinearArray::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(elements, {.key = "elements",
                   .doc = "Number of elements.",
                   .min = 1,
                   .max = static_cast<double>(max_elements),
                   .required = elements == 0});
  visit(pitch, {.key = "pitch",
                .doc = "Distance between the centres of neighbouring elements.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1,
                .required = pitch == 0});
  visit(width, {.key = "width",
                .doc = "Width of an element along x; by default the pitch.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1});
  elevation_fields(visit, height, elevation_focus);
  baffle_and_response_fields(visit);
}

void LinearArray::check() const {
  check_positive(frequency, "frequency");
  check_element_count(elements, "elements");
  check_positive(pitch, "pitch");
  check_positive(height, "height");
  if (width) check_positive(*width, "width"), check_width_fits_pitch(*width, pitch);
}

Probe LinearArray::build() const {
  check();
  constexpr double reference_speed = 1540;  // only to tell phased from linear [m/s]
  const bool fine = pitch <= 0.6 * reference_speed / frequency;
  Probe probe = common_probe(fine ? Probe::Kind::phased : Probe::Kind::linear);
  probe.pitch = pitch;
  probe.elevation_focus = elevation_focus;
  probe.elements.resize(static_cast<std::size_t>(elements));
  for (std::size_t i = 0; i < probe.elements.size(); ++i) {
    Element& element = probe.elements[i];
    element.position.x = (static_cast<double>(i) - static_cast<double>(elements - 1) / 2) * pitch;
    element.width = width.value_or(pitch);
    element.height = height;
  }
  return probe;
}

}  // namespace sonoforge
