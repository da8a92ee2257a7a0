#include <cmath>

#include "ai/train.hpp"

namespace sonoforge {

void SegmentationTask::fields(FieldVisitor& visit) {
  visit(input, {.key = "input", .doc = "Map that the model sees: image (B-mode)."});
  visit(label, {.key = "label", .doc = "Class of the segmentation that it learns to mark."});
}

void SegmentationTask::check() const {
  if (input != "image") throw ConfigError("input", "unknown input '" + input + "' (a segmentation sees the B-mode image). Write 'input: image'");
  if (label.empty()) throw ConfigError("label", "the label is empty (needs a class name). Write for example 'label: lesion'");
}

const Catalog& task_catalog() {
  static const Catalog catalog{"task",
                               "What a model learns.",
                               {row_of<SegmentationTask>("segmentation", "Mask of one class from the B-mode image.")},
                               {},
                               "segmentation"};
  return catalog;
}

void AdamW::fields(FieldVisitor& visit) {
  visit(learning_rate, {.key = "learning_rate", .doc = "Step size of the first epoch.", .min = positive, .max = 1e3});
  visit(weight_decay, {.key = "weight_decay", .doc = "Shrinking of all parameters, relative to the learning rate.", .min = 0, .max = 1e3});
  visit(betas[0], {.key = "beta1", .doc = "Memory of the mean gradient.", .min = 0, .max = 0.999999});
  visit(betas[1], {.key = "beta2", .doc = "Memory of the mean squared gradient.", .min = 0, .max = 0.999999});
}

void AdamW::step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
                 std::vector<float>& second, std::int64_t number, double rate) const {
  const double n = static_cast<double>(number);
  const double first_scale = 1 / (1 - std::pow(betas[0], n)), second_scale = 1 / (1 - std::pow(betas[1], n));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double g = gradient[i];
    const double m = betas[0] * first[i] + (1 - betas[0]) * g, v = betas[1] * second[i] + (1 - betas[1]) * g * g;
    first[i] = static_cast<float>(m);
    second[i] = static_cast<float>(v);
    parameters[i] = static_cast<float>(parameters[i] - rate * (m * first_scale / (std::sqrt(v * second_scale) + 1e-8) +
                                                               weight_decay * parameters[i]));
  }
}

const Catalog& optimizer_catalog() {
  static const Catalog catalog{"optimizer",
                               "How parameters follow the gradient.",
                               {row_of<AdamW>("adamw", "Adam with decoupled weight decay.")},
                               {},
                               "adamw"};
  return catalog;
}

TrainConfig::TrainConfig()
    : task(Typed<TaskConfig>::make(task_catalog(), "segmentation")),
      model(Typed<ModelConfig>::make(model_catalog(), "unet")),
      loss(Typed<LossConfig>::make(loss_catalog(), "dice_cross_entropy")),
      optimizer(Typed<OptimizerConfig>::make(optimizer_catalog(), "adamw")) {}

void TrainConfig::fields(FieldVisitor& visit) {
  visit(format, {.key = "sonoforge", .doc = "Version of the config format.", .min = 1, .max = 1});
  visit.typed(task, task_catalog(), {.key = "task", .doc = "What is learned."});
  visit(data, {.key = "data", .doc = "Folder that `generate` wrote.", .required = true});
  visit.typed(model, model_catalog(), {.key = "model", .doc = "The network."});
  visit.typed(loss, loss_catalog(), {.key = "loss", .doc = "What training makes small."});
  visit.typed(optimizer, optimizer_catalog(), {.key = "optimizer", .doc = "How parameters follow the gradient."});
  visit.choice(schedule, {"constant", "cosine"}, {.key = "schedule", .doc = "Learning rate over the epochs: constant, or towards zero along half a cosine."});
  visit(epochs, {.key = "epochs", .doc = "Passes over all training images.", .min = 1, .max = 100000});
  visit(batch, {.key = "batch", .doc = "Images a step.", .min = 1, .max = 4096});
  visit(seed, {.key = "seed", .doc = "Of first weights, order of images and flips.", .min = 0});
  visit(image_size, {.key = "image_size", .doc = "Pixels [depth, lateral] to which images are resampled.", .min = 8, .max = 4096, .max_items = 2});
  visit(dynamic_range, {.key = "dynamic_range", .doc = "Of images; darker pixels are black.", .unit = Unit::decibel, .min = 1, .max = 200});
  visit(flip, {.key = "flip", .doc = "Mirror half of the images left-right, drawn anew each epoch."});
}

void TrainConfig::check() const {
  if (image_size.size() != 2) throw ConfigError("image_size", "needs two counts of pixels (depth and lateral). Write for example 'image_size: [128, 128]'");
  for (const double side : image_size) {
    if (side != std::floor(side)) throw ConfigError("image_size", "pixels are counted in whole numbers. Write for example 'image_size: [128, 128]'");
    const auto multiple = static_cast<double>(model->side_multiple());
    if (std::fmod(side, multiple) != 0) {
      const auto near = static_cast<std::int64_t>(std::max(multiple, std::round(side / multiple) * multiple));
      throw ConfigError("image_size", "the model halves images " + std::to_string(static_cast<int>(std::log2(multiple))) +
                                          " times (sides must be multiples of " + std::to_string(model->side_multiple()) +
                                          "). Write for example " + std::to_string(near));
    }
  }
}

}  // namespace sonoforge
