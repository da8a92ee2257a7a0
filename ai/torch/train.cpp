#include "ai/train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include <nlohmann/json.hpp>

#include "io/csv.hpp"
#include "ai/dataset.hpp"
#include "ai/segmentation_metrics.hpp"
#include "ai/torch/checkpoint.hpp"
#include "ai/torch/network.hpp"
#include "ai/torch/training_data.hpp"
#include "core/progress.hpp"
#include "core/units.hpp"
#include "io/atomic_file.hpp"
#include "io/config.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string history_text(const std::vector<Epoch>& history) {
  std::string text = "epoch,learning_rate,training_loss,validation_loss,validation_dice\n";
  auto number = [](double value) { return std::isnan(value) ? std::string() : shortest_number(value); };
  for (const Epoch& e : history)
    text += csv_line({std::to_string(e.epoch), number(e.learning_rate), number(e.training_loss), number(e.validation_loss), number(e.validation_dice)});
  return text;
}

/// A random order of n images: a pure function of seed and epoch.
std::vector<std::size_t> shuffled(std::size_t n, RandomStream random) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[random.integer_below(i)]);
  return order;
}

void append_image(std::vector<float>& to, const std::vector<float>& from, std::size_t image, std::size_t depth, std::size_t lateral, bool mirrored) {
  const float* first = from.data() + image * depth * lateral;
  for (std::size_t row = 0; row < depth; ++row, first += lateral) {
    if (mirrored) to.insert(to.end(), std::make_reverse_iterator(first + lateral), std::make_reverse_iterator(first));
    else to.insert(to.end(), first, first + lateral);
  }
}

class Training {
 public:
  Training(TrainConfig& config, const std::filesystem::path& folder, bool resume)
      : config_(config), folder_(folder), random_(static_cast<std::uint64_t>(config.seed), 0, "train"),
        yaml_(dump_config(config)), data_(Dataset::open(config.data)),
        network_(*config.model, config.dynamic_range, random_.child("weights")) {
    log_info("Model: " + std::to_string(network_.parameter_count()) + " parameters");
    prepare_folder(resume);
    const auto depth = static_cast<std::size_t>(config.image_size[0]), lateral = static_cast<std::size_t>(config.image_size[1]);
    const auto train_rows = data_.rows_of("train"), validation_rows = data_.rows_of("validation");
    if (train_rows.empty())
      throw UserError("'" + config.data.string() + "' has no samples in split train (nothing to learn from). Generate more patients or another split");
    training_ = load_training_data(data_, train_rows, config.task->label, depth, lateral, config.dynamic_range);
    validation_ = load_training_data(data_, validation_rows, config.task->label, depth, lateral, config.dynamic_range);
    log_info("Data: " + std::to_string(training_.size()) + " training and " + std::to_string(validation_.size()) + " validation images");
    if (std::find(training_.truth.begin(), training_.truth.end(), 1.0F) == training_.truth.end())
      throw UserError("no training image shows '" + config.task->label + "' (every mask is empty). Check the label's name and the data set");
  }

  TrainResult run() {
    const auto start = std::chrono::steady_clock::now();
    std::int64_t done_now = 0;
    while (static_cast<std::int64_t>(state_.history.size()) < config_.epochs) {
      run_epoch(static_cast<std::int64_t>(state_.history.size()) + 1);
      ++done_now;
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      const auto left = static_cast<double>(config_.epochs - static_cast<std::int64_t>(state_.history.size()));
      const Epoch& e = state_.history.back();
      log_info("Epoch " + std::to_string(e.epoch) + "/" + std::to_string(config_.epochs) + ": training loss " + fixed(e.training_loss, 4) +
               (validation_.size() ? ", validation loss " + fixed(e.validation_loss, 4) + ", validation Dice " + fixed(e.validation_dice, 3) : "") +
               ", " + fixed(left * seconds / static_cast<double>(done_now), 0) + " s left");
    }
    finish();
    return {network_.parameter_count(), state_.history, state_.best_epoch, state_.best_dice};
  }

 private:
  std::filesystem::path last_file() const { return folder_ / "checkpoints" / "last.hdf5"; }
  std::filesystem::path best_file() const { return folder_ / "checkpoints" / "best.hdf5"; }

  void prepare_folder(bool resume) {
    make_folder(folder_ / "checkpoints");
    remove_unfinished_files(folder_);
    remove_unfinished_files(folder_ / "checkpoints");
    const bool begun = std::filesystem::exists(last_file()), known = std::filesystem::exists(folder_ / "train.yaml");
    if (begun && !resume)
      throw UserError("'" + folder_.string() + "' already holds a training (it would be overwritten). Add --resume to go on with it, or choose another folder");
    if (known && resume && read_file(folder_ / "train.yaml") != yaml_)
      throw UserError("'" + folder_.string() + "' holds a training with another config (a resumed one must not differ). Restore the config or choose another folder");
    state_.config = yaml_;
    state_.data_hash = data_.hash;
    state_.first.assign(network_.parameter_count(), 0.0F);
    state_.second = state_.first;
    state_.best_dice = nan;
    if (begun) {
      state_ = read_checkpoint(last_file(), network_.parameter_count());
      if (state_.config != yaml_ || state_.data_hash != data_.hash)
        throw UserError("'" + last_file().string() + "' comes from another config or data set (a resumed training must not differ). Restore them or choose another folder");
      network_.set_parameters(state_.parameters);
      log_info("Resuming after epoch " + std::to_string(state_.history.size()));
    }
    state_.parameters = network_.parameters();
    write_file_atomically(folder_ / "train.yaml", yaml_);
  }

  double learning_rate(std::int64_t epoch) const {
    if (config_.schedule == TrainConfig::Schedule::constant) return config_.optimizer->learning_rate;
    const double done = static_cast<double>(epoch - 1) / static_cast<double>(config_.epochs);
    return 0.5 * config_.optimizer->learning_rate * (1 + std::cos(std::numbers::pi * done));
  }

  [[noreturn]] void diverged(std::int64_t epoch, const std::string& what, const std::vector<std::string>& ids, double rate) const {
    float largest = 0;
    for (const float value : state_.parameters) largest = std::max(largest, std::abs(value));
    std::string images;
    for (std::size_t i = 0; i < std::min<std::size_t>(ids.size(), 4); ++i) images += (i ? ", " : "") + ids[i];
    throw UserError("training stopped in epoch " + std::to_string(epoch) + ": " + what + " at images " + images + (ids.size() > 4 ? ", ..." : "") +
                    " (learning rate " + format_number(rate) + ", largest parameter " + fixed(static_cast<double>(largest), 3) +
                    "; inputs were checked to be numbers, so the steps were too large). Lower optimizer.learning_rate, for example to " +
                    format_number(config_.optimizer->learning_rate / 10));
  }

  void run_epoch(std::int64_t number) {
    Epoch epoch{number, learning_rate(number), 0, nan, nan};
    const auto index = static_cast<std::uint64_t>(number);
    const auto order = shuffled(training_.size(), random_.child("order", index));
    const RandomStream flips = random_.child("flip", index);
    const std::size_t depth = training_.depth, lateral = training_.lateral, batch = static_cast<std::size_t>(config_.batch);
    Progress progress("Epoch " + std::to_string(number) + "/" + std::to_string(config_.epochs), order.size(), "images");
    for (std::size_t begin = 0; begin < order.size(); begin += batch) {
      const std::size_t end = std::min(order.size(), begin + batch);
      std::vector<float> images, truth;
      std::vector<std::string> ids;
      for (std::size_t k = begin; k < end; ++k) {
        const bool mirrored = config_.flip && flips.uniform_at(k) < 0.5;
        append_image(images, training_.images, order[k], depth, lateral, mirrored);
        append_image(truth, training_.truth, order[k], depth, lateral, mirrored);
        ids.push_back(training_.ids[order[k]]);
      }
      const auto found = network_.gradient(*config_.loss, images, truth, depth, lateral);
      double sum = 0;
      for (const double loss : found.losses) sum += loss;
      if (!std::isfinite(sum)) diverged(number, "the loss is not a number", ids, epoch.learning_rate);
      if (!std::all_of(found.gradient.begin(), found.gradient.end(), [](float g) { return std::isfinite(g); }))
        diverged(number, "the gradient is not a number", ids, epoch.learning_rate);
      epoch.training_loss += sum;
      config_.optimizer->step(state_.parameters, found.gradient, state_.first, state_.second, ++state_.steps, epoch.learning_rate);
      network_.set_parameters(state_.parameters);
      progress.advance(end - begin);
    }
    epoch.training_loss /= static_cast<double>(order.size());
    validate(epoch);
    state_.history.push_back(epoch);
    // The best model is written before the state that counts its epoch as done: a kill in between repeats the epoch to the
    // same bits.
    if (validation_.size() == 0 || state_.best_epoch == 0 || epoch.validation_dice > state_.best_dice) {
      state_.best_epoch = number;
      state_.best_dice = epoch.validation_dice;
      write_checkpoint(best_file(), state_);
    }
    write_file_atomically(folder_ / "history.csv", history_text(state_.history));
    write_checkpoint(last_file(), state_);
  }

  void validate(Epoch& epoch) const {
    if (validation_.size() == 0) return;
    const std::size_t pixels = validation_.depth * validation_.lateral;
    const auto losses = network_.losses(*config_.loss, validation_.images, validation_.truth, validation_.depth, validation_.lateral);
    const auto found = network_.probabilities(validation_.images, validation_.depth, validation_.lateral);
    epoch.validation_loss = epoch.validation_dice = 0;
    std::vector<std::uint8_t> mask(pixels), truth(pixels);
    for (std::size_t i = 0; i < validation_.size(); ++i) {
      for (std::size_t p = 0; p < pixels; ++p) {
        mask[p] = found[i * pixels + p] >= 0.5F;
        truth[p] = validation_.truth[i * pixels + p] != 0;
      }
      epoch.validation_loss += losses[i];
      epoch.validation_dice += dice(mask, truth);
    }
    epoch.validation_loss /= static_cast<double>(validation_.size());
    epoch.validation_dice /= static_cast<double>(validation_.size());
  }

  void finish() {
    const Checkpoint best = read_checkpoint(best_file(), network_.parameter_count());
    network_.set_parameters(best.parameters);
    nlohmann::ordered_json about;
    about["sonoforge_version"] = SONOFORGE_VERSION;
    about["task"] = config_.task.type;
    about["input"] = {{"map", config_.task->input},
                      {"axes", {"batch", "channel", "depth", "lateral"}},
                      {"shape", {1, 1, training_.depth, training_.lateral}},
                      {"unit", "dB"},
                      {"resampling", "area of the whole image; linear, antialiased"},
                      {"normalisation", "inside the model: clamp(x / dynamic_range + 1, 0, 1)"},
                      {"dynamic_range", config_.dynamic_range}};
    about["output"] = {{"axes", {"batch", "class", "depth", "lateral"}}, {"unit", "probability"}, {"classes", {config_.task->label}}, {"threshold", 0.5}};
    about["parameters"] = network_.parameter_count();
    about["epoch"] = state_.best_epoch;
    if (!std::isnan(state_.best_dice)) about["validation_dice"] = state_.best_dice;
    about["data_sha256"] = data_.hash;
    about["training_images"] = training_.size();
    about["origin"] = "trained on simulated ultrasound; no statement about patients follows from it";
    network_.save(folder_ / "model.pt", {{"sonoforge.json", about.dump(2)}, {"train.yaml", yaml_}});
    log_info("Wrote " + (folder_ / "model.pt").string() + " of epoch " + std::to_string(state_.best_epoch));
  }

  TrainConfig& config_;
  std::filesystem::path folder_;
  RandomStream random_;
  std::string yaml_;
  Dataset data_;
  Network network_;
  TrainingData training_, validation_;
  Checkpoint state_;
};

}  // namespace

TrainResult train(TrainConfig& config, const std::filesystem::path& folder, bool resume) {
  try {
    return Training(config, folder, resume).run();
  } catch (const Interrupted&) {
    throw Interrupted("training was interrupted; the last finished epoch is kept. Run the same command with --resume to go on");
  }
}

}  // namespace sonoforge
