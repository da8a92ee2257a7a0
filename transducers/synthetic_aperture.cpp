#include "transducers/synthetic_aperture.hpp"

#include <cmath>

#include "transducers/transmit_laws.hpp"

namespace sonoforge {

void SyntheticAperture::fields(FieldVisitor& visit) {
  visit(elements, {.key = "elements",
                   .doc = "Indices of the elements that fire, from 0 and in firing order; by default all.",
                   .min = 0,
                   .max = 1e9,
                   .max_items = 100'000});
  frames_field(visit);
}

void SyntheticAperture::check() const {
  for (double index : elements)
    if (!(index >= 0) || index != std::floor(index) || index > 1e9)
      throw ConfigError("elements", "element " + format_number(index) +
                                        " does not exist (elements are counted 0, 1, 2, ...). Give whole numbers");
}

Sequence SyntheticAperture::build(const Probe& probe, double /*sound_speed*/) const {
  check();
  check_size(probe, elements.empty() ? probe.size() : elements.size(), "elements");
  std::vector<Transmit> transmits;
  if (elements.empty())
    for (std::size_t i = 0; i < probe.size(); ++i) transmits.push_back(element_transmit(probe, i));
  for (double index : elements) {
    if (index >= static_cast<double>(probe.size()))
      throw ConfigError("elements", "element " + format_number(index) +
                                        " does not exist (the probe's elements are 0 to " +
                                        std::to_string(probe.size() - 1) + "). Remove it from the list");
    transmits.push_back(element_transmit(probe, static_cast<std::size_t>(index)));
  }
  return sequence_of(std::move(transmits));
}

}  // namespace sonoforge
