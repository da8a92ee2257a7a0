#include "sim/exact.hpp"

#include "sim/linear_models.hpp"
#include "sim/shadow.hpp"

namespace sonoforge {

void Exact::fields(FieldVisitor& visit) {
  visit(dimensions, {.key = "dimensions",
                     .doc = "3, or 2 for line sources in a plane: the image plane without elevation.",
                     .min = 2,
                     .max = 3});
  visit(dispersion, {.key = "dispersion",
                     .doc = "Whether sound speed varies with frequency as causality demands of attenuation; model "
                            "simus has attenuation alone."});
  visit.choice(model, {"physical", "simus"},
               {.key = "model", .doc = "physical, or simus: the approximations of the MUST toolbox to its digits."});
  visit(full_frequency_directivity,
        {.key = "full_frequency_directivity",
         .doc = "Model simus: directivity at every frequency instead of at the centre frequency."});
  visit.choice(propagation, {"uniform", "straight", "eikonal", "shadow"},
               {.key = "propagation",
                .doc = "uniform: the background's sound speed and attenuation everywhere; straight: their integrals "
                       "along straight rays through the regions; eikonal: first arrivals along bent rays; shadow: as "
                       "uniform, each echo "
                       "weakened by the mean loss on its way at the pulse's frequency."});
  visit(accuracy, accuracy_field());
}

Field Exact::accuracy_field() const {
  return {.key = "accuracy",
          .doc = "Relative error allowed in the integrals over elements and frequencies.",
          .min = 1e-10,
          .max = 0.1};
}

void Exact::check() const {
  if (dimensions != 2 && dimensions != 3)
    throw ConfigError("dimensions",
                      "dimensions = " + std::to_string(dimensions) + " (only 2 and 3 exist). Write 2 or 3");
  if (full_frequency_directivity && model == Model::physical)
    throw ConfigError("full_frequency_directivity",
                      "full_frequency_directivity belongs to model simus (model physical takes every frequency as it "
                      "is). Leave it out");
}

Acquisition Exact::simulate(const SimulationInput& input) const {
  check();
  if (propagation == PropagationKind::shadow) {
    Exact uniform = *this;
    uniform.propagation = PropagationKind::uniform;
    const Phantom phantom = shadowed(input);
    return uniform.Exact::simulate({phantom, input.probe, input.pulse, input.sequence, input.receive});
  }
  if (model == Model::simus)
    return simulate_simus(input, {.dimensions = static_cast<int>(dimensions),
                                  .full_frequency_directivity = full_frequency_directivity,
                                  .propagation = propagation});
  return simulate_physical(input, {static_cast<int>(dimensions), dispersion, accuracy, propagation});
}

FieldResult Exact::field(const SimulationInput& input, const FieldRequest& request, std::size_t transmit,
                         FieldOutput output) const {
  check();
  if (model == Model::simus) {
    constexpr double threshold = -60;  // as in pfield
    return field_simus(input, {static_cast<int>(dimensions), full_frequency_directivity, threshold, propagation},
                       request, transmit, output);
  }
  return field_physical(input, {static_cast<int>(dimensions), dispersion, accuracy, propagation}, request, transmit,
                        output);
}

}  // namespace sonoforge
