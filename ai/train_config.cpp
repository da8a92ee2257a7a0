#include <algorithm>
#include <cmath>

#include "ai/several.hpp"
#include "ai/survival.hpp"
#include "ai/train.hpp"
#include "recon/delay_and_sum.hpp"

namespace sonoforge {

const std::vector<std::string_view>& groups_of_names() {
  static const std::vector<std::string_view> names{"elements", "aperture"};
  return names;
}

void FrontEndConfig::fields(FieldVisitor& visit) {
  visit.choice(groups_of, groups_of_names(), {.key = "groups_of", .doc = "Groups are `elements`, the same for all pixels, or parts of each pixel's `aperture`: directions from which it is seen, with beams that begin as the whole aperture and as neighbouring directions."});
  visit(groups, {.key = "groups", .doc = "Groups of neighbouring elements, or parts of the aperture, whose sums the model sees.", .min = 2, .max = 256});
  visit(beams, {.key = "beams", .doc = "Weighted sums of the groups, with learned weights and delays.", .min = 2, .max = 256});
  visit(average, {.key = "average", .doc = "Pixels along each side over which neighbouring beams are compared: their correlation, whose phase is the delay between them.", .min = 1, .max = 99});
}

void FrontEndConfig::check() const {
  if (groups_of == GroupsOf::aperture && beams < 3) throw ConfigError("beams", "the whole aperture is one of them (directions are compared with their neighbours). Write for example 'beams: 9'");
  if (average % 2 == 0) throw ConfigError("average", "is even (the mean would lie half a pixel beside its middle). Write for example 'average: " + std::to_string(average + 1) + "'");
}

TrainConfig::TrainConfig()
    : task(Typed<TaskConfig>::make(task_catalog(), "segmentation")),
      optimizer(Typed<OptimizerConfig>::make(optimizer_catalog(), "adamw")),
      schedule(Typed<ScheduleConfig>::make(schedule_catalog(), "cosine")),
      beamformer(Typed<Beamformer>::make(beamformer_catalog(), "delay_and_sum")) {}

void TrainConfig::fields(FieldVisitor& visit) {
  visit(format, {.key = "sonoforge", .doc = "Version of the config format.", .min = 1, .max = 1});
  visit.typed(task, task_catalog(), {.key = "task", .doc = "What is learned."});
  visit(data, {.key = "data", .doc = "Folder that `generate` wrote, one with images/ and masks/ (PNG or NIfTI of the same names), or a config of `generate`: its samples are then made in memory, as they are needed.", .required = true});
  visit.typed(model, model_catalog(), {.key = "model", .doc = "The network (default: the usual one of the task)."});
  visit.typed(loss, loss_catalog(), {.key = "loss", .doc = "What training makes small (default: the usual one of the task)."});
  visit.typed(optimizer, optimizer_catalog(), {.key = "optimizer", .doc = "How parameters follow the gradient."});
  visit.typed(schedule, schedule_catalog(), {.key = "schedule", .doc = "The learning rate over the training."});
  visit(epochs, {.key = "epochs", .doc = "Passes over all training images.", .min = 1, .max = 100000});
  visit(batch, {.key = "batch", .doc = "Images a step.", .min = 1, .max = 4096});
  visit(seed, {.key = "seed", .doc = "Of first weights, order of images and alterations.", .min = 0});
  visit(members, {.key = "members", .doc = "Networks of an ensemble, trained from consecutive seeds; their mean is the model.", .min = 1, .max = 100});
  visit(clip, {.key = "clip", .doc = "Gradients longer than this are shortened to it; 0: none are.", .min = 0, .max = 1e9});
  visit(patience, {.key = "patience", .doc = "Stop after so many epochs without a better validation score; 0: never.", .min = 0, .max = 100000});
  visit(balanced, {.key = "balanced", .doc = "Draw classes equally often, or images with and without the target."});
  visit(checkpoint_steps, {.key = "checkpoint_steps", .doc = "Also write a checkpoint after so many steps within an epoch; 0: at its end only.", .min = 0, .max = 1e9});
  visit(dropout_samples, {.key = "dropout_samples", .doc = "Networks that `predict` draws by dropout, for mean and spread; 0: none.", .min = 0, .max = 1000});
  visit(calibrate, {.key = "calibrate", .doc = "Scale logits by the temperature that suits the validation split."});
  visit(baseline, {.key = "baseline", .doc = "Also write into baseline/ what one would do without a network, fitted on the training split: a threshold with morphology (segmentation of images), a logistic regression on size and contrast of `lesion` (classification), or a linear regression on what such a threshold's outlines measure (measurement). Task image: the image of the few transmits, made as the data set makes its own."});
  visit(baseline_classes, {.key = "baseline_classes", .doc = "Classes of the segmentation that the baseline of a measurement marks together, as [skull, brain].", .max_items = 100});
  visit(cache, {.key = "cache", .doc = "Bytes of samples kept in memory; others are read anew in each epoch.", .min = 0, .max = 1e13});
  visit(image_size, {.key = "image_size", .doc = "Pixels [depth, lateral] to which images are resampled.", .min = 8, .max = 4096, .max_items = 2});
  visit(frames, {.key = "frames", .doc = "Frames of each recording that the model sees together (input image), evenly from the first to the last.", .min = 1, .max = 1000});
  visit(dynamic_range, {.key = "dynamic_range", .doc = "Of images; darker pixels are black.", .unit = Unit::decibel, .min = 1, .max = 200});
  visit(flip, {.key = "flip", .doc = "Mirror half of the images left-right, drawn anew each epoch."});
  visit.list(augmentation, augmentation_catalog(), {.key = "augmentation", .doc = "Further alterations of training samples, drawn anew each epoch.", .max_items = 100});
  visit.typed(beamformer, beamformer_catalog(), {.key = "beamformer", .doc = "How channel data become what the model sees (inputs iq and rf, and altered channel data)."});
  visit(compensation, {.key = "compensation", .doc = "Depth gain after it, as image.compensation of the data set.", .unit = Unit::attenuation});
  visit.object(front_end, {.key = "front_end", .doc = "Between channel data and model (input rf)."});
}

void TrainConfig::check() const {
  if (image_size.size() != 2) throw ConfigError("image_size", "needs two counts of pixels (depth and lateral). Write for example 'image_size: [128, 128]'");
  const auto side_multiple = model ? model->side_multiple() : Typed<ModelConfig>::make(model_catalog(), task->default_model())->side_multiple();
  for (const double side : image_size) {
    if (side != std::floor(side)) throw ConfigError("image_size", "pixels are counted in whole numbers. Write for example 'image_size: [128, 128]'");
    const auto multiple = static_cast<double>(side_multiple);
    if (std::fmod(side, multiple) != 0) {
      const auto near = static_cast<std::int64_t>(std::max(multiple, std::round(side / multiple) * multiple));
      throw ConfigError("image_size", "the model halves images " + std::to_string(static_cast<int>(std::log2(multiple))) +
                                          " times (sides must be multiples of " + std::to_string(side_multiple) +
                                          "). Write for example " + std::to_string(near));
    }
  }
  if (task->kind() == TruthKind::several) {
    if (loss) throw ConfigError("loss", "several tasks have a loss each (which of them is meant?). Write it into 'task.heads'");
    if (calibrate) throw ConfigError("calibrate", "several tasks are not calibrated together. Train the one alone, or remove it");
    if (balanced) throw ConfigError("balanced", "several tasks have several kinds of classes (which would be balanced?). Remove it");
    if (model && model->stride() != 1)
      throw ConfigError("model", "a model of type " + model.type + " has no heads for several tasks. Write for example 'model: {type: unet}'");
  }
  const bool of_visits = task->kind() == TruthKind::follow_up;
  if (of_visits != (model ? model.type == "visits" : task->default_model() == "visits"))
    throw ConfigError("model", of_visits ? "task survival reads visits (model " + model.type + " reads one image). Write 'model: {type: visits}'"
                                         : "a model of type visits learns the task survival alone (task " + task.type + " has one image). Write for example 'model: " + task->default_model() + "'");
  if (of_visits && alters_channels())
    throw ConfigError("augmentation", "channel data of visits are not altered (their images are seen as they are stored). Remove what alters them");
  if (loss && !loss->fits(task->kind()))
    throw ConfigError("loss", "a loss of type " + loss.type + " does not fit task " + task.type + " (its truth is of another kind). Write for example 'loss: " + task->default_loss() + "'");
  if (model && task->kind() != TruthKind::several) {
    const bool whole = task->kind() == TruthKind::classes || of_visits || task.type == "measurement" || task.type == "quality";
    const std::int64_t stride = model->stride();
    const bool wrong = whole ? stride != 0 : task->kind() == TruthKind::heat_map ? stride == 0 : stride != 1;
    if (wrong)
      throw ConfigError("model", "a model of type " + model.type + (stride == 0 ? " answers once for the whole image" : " answers pixel by pixel") +
                                     " (task " + task.type + " needs another answer). Write for example 'model: " + task->default_model() + "'");
  }
  if (frames > 1 && (task->input != "image" || alters_channels() || task->transmits_kept() > 0))
    throw ConfigError("frames", "several frames are seen together in stored images only (input image, and nothing that alters channel data). Remove it");
  if (dropout_samples == 1)
    throw ConfigError("dropout_samples", "one sample has no spread (two are the fewest). Write for example 'dropout_samples: 20'");
  const auto* das = dynamic_cast<const DelayAndSum*>(beamformer.value.get());
  if (task->input == "rf" && front_end.groups_of == GroupsOf::aperture && das && das->f_number == 0.0)
    throw ConfigError("beamformer.f_number", "all elements count, at any depth (such an aperture has no parts, as front_end.groups_of asks for). Write for example 'f_number: 1'");
  const bool measures = task.type == "measurement";
  if (baseline && !((task->kind() == TruthKind::mask && task->input == "image") || (task->kind() == TruthKind::classes && task->channels() == 1) || (measures && task->input == "image") || task.type == "image"))
    throw ConfigError("baseline", "there is a baseline for segmentations of images, measurements in images, images of few transmits and classifications by 'positive' values only (task " + task.type + " has none). Remove it");
  if (baseline && measures && baseline_classes.empty())
    throw ConfigError("baseline_classes", "no class is named (what does the baseline measure?). Write for example 'baseline_classes: [lesion]'");
  if (calibrate && task->kind() != TruthKind::mask && task->kind() != TruthKind::classes)
    throw ConfigError("calibrate", "only probabilities have a temperature (task " + task.type + " gives none). Remove it");
}

void TrainConfig::resolve() {
  if (!model) model = Typed<ModelConfig>::make(model_catalog(), task->default_model());
  if (auto* several = dynamic_cast<SeveralTask*>(task.value.get()))
    several->settle({1, static_cast<std::int64_t>(image_size[0]), static_cast<std::int64_t>(image_size[1])});
  else if (!loss) loss = Typed<LossConfig>::make(loss_catalog(), task->default_loss());
}

InputConfig TrainConfig::input() const {
  InputConfig result;
  result.input = task->input;
  result.depth = static_cast<std::size_t>(image_size[0]);
  result.lateral = static_cast<std::size_t>(image_size[1]);
  result.dynamic_range = dynamic_range;
  result.frames = static_cast<std::size_t>(frames);
  result.groups = static_cast<std::size_t>(front_end.groups);
  result.of_aperture = front_end.groups_of == GroupsOf::aperture;
  result.transmits = static_cast<std::size_t>(task->transmits_kept());
  result.beamformer = beamformer.value.get();
  result.compensation = compensation;
  return result;
}

TensorShape TrainConfig::input_shape() const {
  if (const auto* survival = dynamic_cast<const SurvivalTask*>(task.value.get())) {
    const std::int64_t numbers = survival->visits * survival->numbers();
    if (!survival->sees_images()) return {numbers, 1, 1};
    return {survival->visits + numbers, static_cast<std::int64_t>(image_size[0]), static_cast<std::int64_t>(image_size[1])};
  }
  return {input().channels(), static_cast<std::int64_t>(image_size[0]), static_cast<std::int64_t>(image_size[1])};
}

Alteration TrainConfig::alteration(const RandomStream& random, const AlterationLimits& limits) const {
  Alteration alteration;
  alteration.noise_key = random.child("noise").key();
  if (flip && random.child("flip").uniform_at(0) < 0.5) alteration.mirrored = true;
  for (std::size_t i = 0; i < augmentation.size(); ++i) augmentation[i]->draw(random.child("augmentation", i), limits, alteration);
  return alteration;
}

bool TrainConfig::alters_channels() const {
  return std::any_of(augmentation.begin(), augmentation.end(), [](const auto& one) { return one->of_channels(); });
}

}  // namespace sonoforge
