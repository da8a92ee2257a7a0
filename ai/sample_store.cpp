#include "ai/sample_store.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <numeric>

#include "ai/survival.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {

void shuffle(std::vector<std::size_t>& order, RandomStream random) {
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.integer_below(i)]);
}

std::vector<std::size_t> sampling_order(std::size_t samples, const std::vector<std::size_t>& classes, const RandomStream& random) {
  std::vector<std::size_t> order(samples);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::map<std::size_t, std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < classes.size(); ++i) members[classes[i]].push_back(i);
  if (members.size() > 1) {
    for (auto& [name, all] : members) shuffle(all, random.child("class", name));
    std::vector<std::vector<std::size_t>*> turns;
    for (auto& [name, all] : members) turns.push_back(&all);
    for (std::size_t k = 0; k < samples; ++k) {
      const auto& all = *turns[k % turns.size()];
      order[k] = all[k / turns.size() % all.size()];
    }
  }
  shuffle(order, random);
  return order;
}

SampleStore::SampleStore(const TrainConfig& config, const Dataset& data, std::vector<std::size_t> rows, TensorShape truth, const std::string& what)
    : config_(config), data_(data), rows_(std::move(rows)), shape_(truth), truths_(rows_.size()), kept_(rows_.size()) {
  Progress progress("Reading " + what, rows_.size(), "samples");
  // What fits is kept in the order of the samples, so that no more than the cache is ever held.
  std::size_t used = 0;
  constexpr std::size_t together = 64;
  for (std::size_t begin = 0; begin < rows_.size(); begin += together) {
    const std::size_t count = std::min(together, rows_.size() - begin);
    std::vector<std::optional<Kept>> read_now(count);
    parallel_for(count, [&](std::size_t k) {
      read_now[k] = read(rows_[begin + k], &truths_[begin + k]);
      progress.advance();
    });
    for (std::size_t k = 0; k < count; ++k) {
      used += bytes_of(*read_now[k]);
      if (static_cast<double>(used) <= config.cache) kept_[begin + k] = std::move(read_now[k]);
    }
  }
  const std::size_t pixels = static_cast<std::size_t>(truth.depth * truth.lateral);
  if (!truths_.empty()) shape_.channels = static_cast<std::int64_t>(truths_.front().size() / pixels);
}

std::size_t SampleStore::bytes_of(const Kept& kept) {
  std::size_t bytes = kept.input.size() * sizeof(float);
  if (kept.content) bytes += (kept.content->acquisition.samples.size() + kept.content->acquisition.samples_q.size()) * sizeof(float);
  return bytes;
}

SampleStore::Kept SampleStore::read(std::size_t row, std::vector<float>* truth) const {
  const bool of_visits = config_.task->kind() == TruthKind::follow_up;
  ZeaFile content = of_visits ? ZeaFile{} : data_.content(row);
  if (truth) {
    *truth = config_.task->truth({content, data_.manifest, row}, shape_);
    for (const float value : *truth)
      if (!std::isfinite(value)) refuse_file(data_.folder / data_.manifest.rows[row].file, "its truth is not a number (nothing can be learned from it). Generate it again");
  }
  Kept kept;
  const std::string file = (data_.folder / data_.manifest.rows[row].file).string();
  if (of_visits) {
    kept.input = history_input(config_, data_, row);
    return kept;
  }
  if (!config_.alters_channels()) {
    kept.input = model_input(config_.input(), content, file);
    return kept;
  }
  if (content.acquisition.samples.empty())
    refuse_file(file, "there are no channel data in it (the augmentation alters them). Store them: 'store: {parts: [rf, image, labels]}'");
  const auto grid = grid_of(content);
  ZeaFile part;
  part.acquisition = std::move(content.acquisition);
  part.acquisition.components.clear();
  part.image_grid = grid;
  if (!content.images.empty()) part.images.push_back(std::move(content.images.front()));
  kept.content = std::move(part);
  return kept;
}

TruthScale SampleStore::scale() const {
  TruthScale scale = config_.task->scale(truths_);
  if (const auto* survival = dynamic_cast<const SurvivalTask*>(config_.task.value.get())) {
    const TruthScale numbers = survival->number_scale(data_.manifest, rows_);
    scale.number_mean = numbers.mean;
    scale.number_deviation = numbers.deviation;
  }
  return scale;
}

std::vector<std::size_t> SampleStore::classes() const {
  std::vector<std::size_t> all;
  for (const auto& truth : truths_) {
    if (config_.task->kind() == TruthKind::classes && truth.size() > 1)
      all.push_back(static_cast<std::size_t>(std::max_element(truth.begin(), truth.end()) - truth.begin()));
    else
      all.push_back(std::any_of(truth.begin(), truth.end(), [](float v) { return v != 0; }));
  }
  return all;
}

Example SampleStore::example(std::size_t i, const TruthScale& scale, const RandomStream* random) const {
  Example example;
  const Kept* kept = kept_[i] ? &*kept_[i] : nullptr;
  std::optional<Kept> fresh;
  if (!kept) {
    fresh = read(rows_[i], nullptr);
    kept = &*fresh;
  }
  const InputConfig input = config_.input();
  Alteration alteration;
  if (random) {
    AlterationLimits limits;
    if (kept->content) limits = {kept->content->acquisition.channels(), kept->content->acquisition.transmits()};
    alteration = config_.alteration(*random, limits);
  }
  if (kept->content) {
    example.input = model_input(input, *kept->content, id(i), alteration);
  } else {
    example.input = kept->input;
    if (const auto* survival = dynamic_cast<const SurvivalTask*>(config_.task.value.get())) {
      // Only images are altered, and all of a patient alike.
      std::vector<float> images(example.input.begin(), example.input.begin() + (survival->sees_images() ? survival->visits * static_cast<std::ptrdiff_t>(input.depth * input.lateral) : 0));
      alter_image(images, input.depth, input.lateral, input.dynamic_range, alteration);
      std::copy(images.begin(), images.end(), example.input.begin());
    } else if (input.input == "image") {
      alter_image(example.input, input.depth, input.lateral, input.dynamic_range, alteration);
    } else {
      alter_levels(example.input, input.depth, input.lateral, alteration);
    }
    if (alteration.mirrored) mirror(example.input, config_.input_shape(), input.input == "rf");
  }
  example.truth = truths_[i];
  if (alteration.mirrored) config_.task->mirror_truth(example.truth, shape_);
  config_.task->standardise(example.truth, scale);
  return example;
}

}  // namespace sonoforge
