#include "ai/observer_network.hpp"

namespace sonoforge {

ObserverTrainingConfig::ObserverTrainingConfig()
    : model(Typed<ModelConfig>::make(model_catalog(), "energy")),
      optimizer(Typed<OptimizerConfig>::make(optimizer_catalog(), "adam")),
      schedule(Typed<ScheduleConfig>::make(schedule_catalog(), "one_cycle")) {}

void ObserverTrainingConfig::fields(FieldVisitor& visit) {
  visit(samples, {.key = "samples",
                  .doc = "Cases of an epoch, half with the lesion; every epoch draws its own.",
                  .min = 100,
                  .max = 200000});
  visit(
      floor,
      {.key = "floor",
       .doc = "Inputs are whitened by their own covariance; components weaker than this, of the strongest, stay weak.",
       .unit = Unit::decibel,
       .min = -120,
       .max = 0});
  visit.typed(model, model_catalog(), {.key = "model", .doc = "The network: one answer for the whole image."});
  visit.typed(optimizer, optimizer_catalog(), {.key = "optimizer", .doc = "How parameters follow the gradient."});
  visit.typed(schedule, schedule_catalog(), {.key = "schedule", .doc = "The learning rate over the training."});
  visit(epochs, {.key = "epochs", .doc = "Times that so many samples are drawn and seen.", .min = 1, .max = 10000});
  visit(batch, {.key = "batch", .doc = "Samples a step.", .min = 1, .max = 4096});
  visit(seed, {.key = "seed", .doc = "Of first weights, order and training samples.", .min = 0});
}

void ObserverTrainingConfig::check() const {
  if (samples % 2 != 0)
    throw ConfigError("samples", "the number of samples is odd (half of them have the lesion). Round it");
  if (model->stride() != 0 || model.type == "visits")
    throw ConfigError(
        "model",
        "a model of type " + model.type +
            " does not give one answer for the whole image (present or not). Write for example 'model: energy'");
}

}  // namespace sonoforge
