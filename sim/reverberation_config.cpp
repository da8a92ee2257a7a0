#include <algorithm>
#include <string>
#include <tuple>

#include "sim/reverberation.hpp"

namespace sonoforge {
namespace {

constexpr double beside = 1e-6;  // where the tissues at a reflector are asked for [m]

double impedance(const Phantom& phantom, double depth) {
  const Tissue& tissue = phantom.tissue_at({0, 0, depth});
  return tissue.density * tissue.sound_speed;
}

}  // namespace

void ReverberationConfig::fields(FieldVisitor& visit) {
  visit(upper, {.key = "upper",
                .doc = "Depth of the upper reflector; 0 mm is the face of the probe.",
                .unit = Unit::metre,
                .min = 0,
                .max = 1});
  visit(lower, {.key = "lower",
                .doc = "Depth of the lower reflector.",
                .unit = Unit::metre,
                .min = positive,
                .max = 1,
                .required = true});
  visit(upper_reflection,
        {.key = "upper_reflection",
         .doc =
             "Amplitude reflection of the upper one for sound from below (left out: from the impedances of the tissues "
             "beside it; needed for the face of the probe).",
         .min = -1,
         .max = 1});
  visit(lower_reflection,
        {.key = "lower_reflection",
         .doc =
             "Amplitude reflection of the lower one for sound from above (left out: from the impedances of the tissues "
             "beside it).",
         .min = -1,
         .max = 1});
  visit(orders,
        {.key = "orders", .doc = "Echoes with up to twice as many bounces are worked out.", .min = 1, .max = 10});
}

void ReverberationConfig::check() const {
  if (!(upper < lower))
    throw ConfigError("upper", format_quantity(upper, Unit::metre) +
                                   " is not above lower = " + format_quantity(lower, Unit::metre) +
                                   " (sound goes to and fro between the two). Exchange them");
}

Reverberation ReverberationConfig::build(const Phantom& phantom, const Probe& probe) const {
  Reverberation result{upper, lower, upper_reflection.value_or(0), lower_reflection.value_or(0),
                       static_cast<int>(orders)};
  double highest = 0, lowest = 0;
  for (const Element& element : probe.elements)
    highest = std::max(highest, element.position.z), lowest = std::min(lowest, element.position.z);
  if (highest > upper)
    throw ConfigError(
        "upper", "the probe has elements below the upper reflector (reflectors lie before the probe). Move it deeper");
  if (upper == 0 && lowest < -1e-6)
    throw ConfigError(
        "upper", "the face of this probe is curved (only flat reflectors are known). Give the depth of a flat one");
  if (!upper_reflection) {
    if (upper == 0)
      throw ConfigError("upper_reflection",
                        "missing (what the face of a probe reflects does not follow from the "
                        "tissues). Write for example 'upper_reflection: 0.5'");
    const double above = impedance(phantom, upper - beside), below = impedance(phantom, upper + beside);
    result.upper_reflection = (above - below) / (above + below);
  }
  if (!lower_reflection) {
    const double above = impedance(phantom, lower - beside), below = impedance(phantom, lower + beside);
    result.lower_reflection = (below - above) / (below + above);
  }
  for (const auto& [key, depth, value] : {std::tuple{"upper_reflection", upper, result.upper_reflection},
                                          std::tuple{"lower_reflection", lower, result.lower_reflection}})
    if (value == 0)
      throw ConfigError(key, "nothing is reflected at " + format_quantity(depth, Unit::metre) +
                                 " (the tissues above and below have one impedance). Give '" + key + "'");
  return result;
}

}  // namespace sonoforge
