#include "phantoms/flow_phantom.hpp"

#include <cmath>

#include "phantoms/speckle.hpp"

namespace sonoforge {

FlowPhantom::FlowPhantom()
    : background(Typed<Tissue>::make(tissue_catalog(), "soft_tissue")),
      blood(Typed<Tissue>::make(tissue_catalog(), "blood")) {
  extent.x = {-18e-3, 18e-3};
  extent.z = {5e-3, 45e-3};
}

void FlowPhantom::fields(FieldVisitor& visit) {
  visit.typed(background, tissue_catalog(),
              {.key = "background", .doc = "Tissue around the vessel; its speed and loss are those of the waves."});
  visit.typed(blood, tissue_catalog(), {.key = "blood", .doc = "What flows."});
  visit(centre, {.key = "centre", .doc = "Middle of the vessel's axis.", .unit = Unit::metre, .min = -1, .max = 1});
  visit(angle, {.key = "angle",
                .doc = "Of the axis there and of the flow, from +x towards +z.",
                .unit = Unit::radian,
                .min = -6.3,
                .max = 6.3});
  visit(length, {.key = "length",
                 .doc = "Of the axis; what leaves at its end enters at its beginning.",
                 .unit = Unit::metre,
                 .min = 1e-4,
                 .max = 1});
  visit(radius, {.key = "radius", .doc = "Of the lumen.", .unit = Unit::metre, .min = 1e-5, .max = 0.1});
  visit(bend_radius, {.key = "bend_radius",
                      .doc = "Of the arc that the axis follows, or none for a straight vessel.",
                      .unit = Unit::metre,
                      .min = 1e-4,
                      .max = 1e3,
                      .words = {{"none", std::numeric_limits<double>::infinity()}}});
  visit(mean_velocity, {.key = "mean_velocity",
                        .doc = "Over section and period; twice that on the axis of steady flow.",
                        .unit = Unit::metre_per_second,
                        .min = -10,
                        .max = 10});
  visit(pulsation, {.key = "pulsation",
                    .doc = "Amplitudes of the harmonics of the section's mean velocity; an empty list for steady flow.",
                    .unit = Unit::metre_per_second,
                    .min = -10,
                    .max = 10,
                    .max_items = 32});
  visit(phases, {.key = "phases",
                 .doc = "Phases of these harmonics; an empty list for 0 deg.",
                 .unit = Unit::radian,
                 .min = -6.3,
                 .max = 6.3,
                 .max_items = 32});
  visit(rate, {.key = "rate", .doc = "Heartbeats per second.", .unit = Unit::hertz, .min = 0.01, .max = 100});
  visit(womersley,
        {.key = "womersley",
         .doc = "Womersley number of the first harmonic: radius times the root of 2 pi rate over kinematic viscosity.",
         .min = 0.1,
         .max = 20});
  visit.object(extent,
               {.key = "extent", .doc = "The box that scatterers fill; the vessel must fit into it in x and z."});
  visit(scatterer_density,
        {.key = "scatterer_density",
         .doc = "Scatterers a volume in tissue and blood, at equal echo levels (default: their own).",
         .unit = Unit::per_cubic_metre,
         .min = 1,
         .max = 1e15});
}

void FlowPhantom::check() const {
  if (!phases.empty() && phases.size() != pulsation.size())
    throw ConfigError("phases", std::to_string(phases.size()) + " phases for " + std::to_string(pulsation.size()) +
                                    " harmonics (each has one). Give as many, or none for 0 deg");
  // J0 and J1 are summed up to arguments of 40.
  if (womersley * std::sqrt(static_cast<double>(pulsation.size())) > 40)
    throw ConfigError(
        "womersley",
        "the highest harmonic has a Womersley number above 40 (only lower ones are supported). Use fewer harmonics");
  if (std::isfinite(bend_radius) && bend_radius <= radius)
    throw ConfigError(
        "bend_radius",
        "the bend is tighter than the vessel is wide (its wall would cross itself). Use a larger bend_radius");
  if (std::isfinite(bend_radius) && length > 6.2 * bend_radius)
    throw ConfigError("length",
                      "the arc is longer than its circle (the vessel would run into itself). Use a shorter length or a "
                      "larger bend_radius");
  const Bounds box = Vessel(centre, angle, length, radius, bend_radius).bounds();
  if (box.low.x < extent.x[0] || box.high.x > extent.x[1] || box.low.z < extent.z[0] || box.high.z > extent.z[1])
    throw ConfigError("extent", "the vessel reaches over x = [" + format_quantity(box.low.x, Unit::metre) + ", " +
                                    format_quantity(box.high.x, Unit::metre) + "], z = [" +
                                    format_quantity(box.low.z, Unit::metre) + ", " +
                                    format_quantity(box.high.z, Unit::metre) +
                                    "] (blood that left the extent would be lost). Enlarge the extent");
}

Phantom FlowPhantom::build(const RandomStream& random) const {
  check();
  const auto vessel = std::make_shared<Vessel>(centre, angle, length, radius, bend_radius);
  Phantom phantom;
  phantom.background = *background;
  phantom.extent = extent.bounds();
  Region lumen;
  lumen.shape = vessel;
  lumen.tissue = *blood;
  lumen.label = "lumen";
  if (scatterer_density) {
    set_density(phantom.background, *scatterer_density);
    set_density(lumen.tissue, *scatterer_density);
  }
  phantom.regions.push_back(std::move(lumen));
  add_speckle(phantom, random.child("speckle"));
  phantom.scatterers.motion =
      std::make_shared<VesselFlow>(vessel, PulsatileFlow(mean_velocity, pulsation, phases, rate, womersley));
  return phantom;
}

}  // namespace sonoforge
