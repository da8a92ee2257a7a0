#include "ai/train.hpp"

#include <chrono>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "ai/baseline_files.hpp"
#include "ai/several.hpp"
#include "ai/survival.hpp"
#include "ai/torch/process_group.hpp"
#include "ai/torch/training.hpp"
#include "core/progress.hpp"
#include "core/units.hpp"
#include "io/atomic_file.hpp"
#include "io/config.hpp"
#include "io/csv.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::string fixed(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string short_number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string count_text(double count) {
  return count >= 1e9 ? fixed(count / 1e9, 2) + " thousand million" : count >= 1e6 ? fixed(count / 1e6, 1) + " million" : fixed(count, 0);
}

std::filesystem::path member_folder(const std::filesystem::path& folder, std::int64_t member, std::int64_t members) {
  return members == 1 ? folder : folder / "members" / std::to_string(member + 1);
}

void prepare_folder(const TrainConfig& config, const std::filesystem::path& folder, const std::string& yaml, bool resume, const Communicator& others) {
  bool begun = false;
  for (std::int64_t m = 0; m < config.members; ++m)
    begun |= std::filesystem::exists(member_folder(folder, m, config.members) / "checkpoints" / "last.hdf5");
  const bool known = std::filesystem::exists(folder / "train.yaml");
  if (begun && !resume)
    throw UserError("'" + folder.string() + "' already holds a training (it would be overwritten). Add --resume to go on with it, or choose another folder");
  if (known && resume && read_file(folder / "train.yaml") != yaml)
    throw UserError("'" + folder.string() + "' holds a training with another config (a resumed one must not differ). Restore the config or choose another folder");
  if (others.rank() != 0) return;
  for (std::int64_t m = 0; m < config.members; ++m) {
    const auto one = member_folder(folder, m, config.members);
    make_folder(one / "checkpoints");
    remove_unfinished_files(one);
    remove_unfinished_files(one / "checkpoints");
  }
  remove_unfinished_files(folder);
  write_file_atomically(folder / "train.yaml", yaml);
}

/// Mean over the members of what their histories have in common, and the spread of the score.
std::string ensemble_history(const std::vector<std::vector<Epoch>>& histories, const std::string& score) {
  std::string text = "epoch,learning_rate,training_loss,validation_loss,validation_" + score + ",validation_" + score + "_deviation,members\n";
  std::size_t longest = 0;
  for (const auto& history : histories) longest = std::max(longest, history.size());
  const auto number = [](double value) { return std::isnan(value) ? std::string() : shortest_number(value); };
  for (std::size_t e = 0; e < longest; ++e) {
    double n = 0, rate = 0, training = 0, validation = 0, mean = 0, squares = 0;
    for (const auto& history : histories)
      if (e < history.size()) {
        n += 1, rate += history[e].learning_rate, training += history[e].training_loss;
        validation += history[e].validation_loss, mean += history[e].validation_score;
      }
    mean /= n;
    for (const auto& history : histories)
      if (e < history.size()) squares += (history[e].validation_score - mean) * (history[e].validation_score - mean);
    text += csv_line({std::to_string(e + 1), number(rate / n), number(training / n), number(validation / n), number(mean),
                      number(n > 1 ? std::sqrt(squares / (n - 1)) : nan), std::to_string(static_cast<int>(n))});
  }
  return text;
}

nlohmann::ordered_json about(const TrainConfig& config, const TrainingSet& set, const TruthScale& scale, const NetworkSource& source, std::size_t parameters) {
  nlohmann::ordered_json json;
  json["sonoforge_version"] = SONOFORGE_VERSION;
  json["task"] = config.task.type;
  const std::string& input = config.task->input;
  json["input"] = {{"map", input},
                   {"axes", {"batch", "channel", "depth", "lateral"}},
                   {"shape", {1, source.input.channels, source.input.depth, source.input.lateral}},
                   {"unit", input == "image" ? "dB" : "share of the largest magnitude"},
                   {"resampling", input == "image" ? "area of the whole image; linear, antialiased" : "beamformed at the model's pixels"},
                   {"normalisation", input == "image" ? "inside the model: clamp(x / dynamic_range + 1, 0, 1)" : "inside the model: levels over dynamic_range, and phases"},
                   {"dynamic_range", config.dynamic_range}};
  if (input != "image")
    json["input"]["channels"] = input == "iq" ? nlohmann::ordered_json{"in-phase", "quadrature"}
                                              : nlohmann::ordered_json{config.front_end.groups_of == GroupsOf::aperture
                                                                           ? "in-phase of each part of the pixel's receive aperture, along the elements' lateral axis"
                                                                           : "in-phase of each group of elements",
                                                                       "quadrature of each"};
  if (const auto* survival = dynamic_cast<const SurvivalTask*>(config.task.value.get())) {
    json["input"]["unit"] = survival->sees_images() ? "dB of each visit's image, then numbers" : "numbers";
    json["input"]["visits"] = survival->visits;
    json["input"]["numbers"] = {"1 where the visit is there", "time [year]"};
    for (const auto& name : survival->factors) json["input"]["numbers"].push_back(name);
    json["input"]["normalisation"] = "inside the model: by mean and deviation of the training visits";
    json["input"]["resampling"] = "each number a constant plane; visits in order, missing ones 0 at the end";
  }
  if (config.task->transmits_kept() > 0) json["input"]["transmits"] = config.task->transmits_kept();
  const bool probability = config.task->kind() == TruthKind::mask || config.task->kind() == TruthKind::classes || config.task->kind() == TruthKind::follow_up;
  json["output"] = {{"axes", {"batch", probability ? "class" : "value", "depth", "lateral"}},
                    {"unit", probability ? "probability" : config.task->unit(set.data)},
                    {"classes", config.task->output_names()},
                    {"threshold", 0.5}};
  if (const auto* several = dynamic_cast<const SeveralTask*>(config.task.value.get())) {
    json["output"]["unit"] = "of each head; see heads/NAME/model.pt";
    std::size_t first = 0;
    for (std::size_t h = 0; h < several->heads.size(); ++h) {
      const TensorShape shape = several->output_shape(h);
      json["output"]["heads"].push_back({{"name", several->heads[h].name}, {"first", first}, {"shape", {shape.channels, shape.depth, shape.lateral}}});
      first += shape.size();
    }
  } else if (config.task->kind() == TruthKind::values) {
    json["output"]["training_mean"] = scale.mean;
    json["output"]["training_deviation"] = scale.deviation;
    if (config.loss->outputs_per_value() == 2) json["output"]["second_half"] = "standard deviation of each value";
  }
  json["parameters"] = parameters;
  json["multiply_adds"] = source.multiply_adds;
  json["dropout"] = {{"probability", source.dropout}, {"features", source.keeps}, {"samples", config.dropout_samples}};
  json["data_sha256"] = set.data.hash;
  json["training_images"] = set.training->size();
  json["origin"] = set.data.pairs ? "trained on images given by the user" : "trained on simulated ultrasound; no statement about patients follows from it";
  return json;
}

/// heads/NAME/model.pt: each head as a model of its own task.
void save_heads(const TrainConfig& config, const TrainingSet& set, const std::vector<float>& parameters, const std::vector<Training::Best>& chosen, const std::filesystem::path& folder) {
  const auto& several = dynamic_cast<const SeveralTask&>(*config.task);
  for (std::size_t h = 0; h < several.heads.size(); ++h) {
    const auto& head = several.heads[h];
    const std::vector<NetworkSource> sources(chosen.size(), head_source(config, set.scale, h));
    const NetworkSource source = sources.size() == 1 ? sources.front() : ensemble_source(sources);
    Network network(source, RandomStream(0, 0, "head"));
    network.set_parameters(parameters);
    TrainConfig own = config;
    own.task = head.task;
    own.task->input = config.task->input;
    own.loss = head.loss;
    own.model = {};
    own.resolve();
    auto json = about(own, set, several.scale_of(set.scale, h), source, network.parameter_count());
    json["trunk"] = "shared with the other heads of its training; 'model' of train.yaml is not used";
    json["head"] = head.name;
    make_folder(folder / "heads" / head.name);
    network.save(folder / "heads" / head.name / "model.pt", {{"sonoforge.json", json.dump(2)}, {"train.yaml", dump_config(own)}});
  }
}

TrainResult run(TrainConfig& config, const std::filesystem::path& folder, bool resume, const TrainObserver& observer,
                const std::function<Dataset(const std::filesystem::path&)>& open) {
  config.resolve();
  const std::string yaml = dump_config(config), score = config.task->score_name();
  Dataset data = open(config.data);
  const auto others = join_processes();
  // Shapes and cost follow from the config alone; the truth's scale from the data.
  TruthScale unit{std::vector<double>(static_cast<std::size_t>(config.task->channels()), 0.0), std::vector<double>(static_cast<std::size_t>(config.task->channels()), 1.0)};
  if (const auto* survival = dynamic_cast<const SurvivalTask*>(config.task.value.get()))
    unit.number_mean.assign(static_cast<std::size_t>(survival->numbers()), 0.0), unit.number_deviation.assign(unit.number_mean.size(), 1.0);
  const NetworkSource draft = network_source(config, unit);
  prepare_folder(config, folder, yaml, resume, *others);
  {
    const Network network(draft, RandomStream(0, 0, "draft"));
    log_info("Model: " + std::to_string(network.parameter_count()) + " parameters" +
             (draft.multiply_adds > 0 ? ", " + count_text(draft.multiply_adds) + " multiplications a sample" : "") +
             (config.members > 1 ? "; " + std::to_string(config.members) + " members" : "") +
             (others->size() > 1 ? "; process " + std::to_string(others->rank() + 1) + " of " + std::to_string(others->size()) : ""));
  }
  const TrainingSet set(config, std::move(data), draft);

  if (config.baseline && others->rank() == 0) write_baseline(config, set.data, folder / "baseline");

  TrainResult result;
  result.score_name = score;
  std::vector<Training::Best> chosen;
  std::vector<std::vector<Epoch>> histories;
  const auto begin = std::chrono::steady_clock::now();
  std::int64_t done_now = 0, done_before = 0;
  for (std::int64_t m = 0; m < config.members; ++m) {
    Training training(config, set, config.seed + m, member_folder(folder, m, config.members), yaml, *others);
    training.start();
    done_before += static_cast<std::int64_t>(training.state().history.size());
    histories.push_back(training.state().history);
    while (!training.finished()) {
      training.run_epoch();
      ++done_now;
      histories.back() = training.state().history;
      const Epoch& e = histories.back().back();
      const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      const auto left = static_cast<double>(config.epochs * config.members - done_before - done_now);
      log_info((config.members > 1 ? "Member " + std::to_string(m + 1) + "/" + std::to_string(config.members) + ", epoch " : "Epoch ") + std::to_string(e.epoch) + "/" +
               std::to_string(config.epochs) + ": training loss " + fixed(e.training_loss, 4) +
               (set.validation->size() ? ", validation loss " + fixed(e.validation_loss, 4) + ", validation " + score + " " + short_number(e.validation_score) : "") +
               ", " + fixed(left * seconds / static_cast<double>(done_now), 0) + " s left");
      if (others->rank() == 0) {
        if (config.members > 1) write_file_atomically(folder / "history.csv", ensemble_history(histories, score));
        if (observer) observer(histories, score);
      }
      check_interrupted();
    }
    if (static_cast<std::int64_t>(training.state().history.size()) < config.epochs)
      log_info("Stopped early: no better validation " + score + " for " + std::to_string(config.patience) + " epochs");
    if (others->rank() == 0) chosen.push_back(training.best());
    result.parameters += training.parameter_count();
    result.scores.push_back(training.state().best_score);
    result.best_score += training.state().best_score / static_cast<double>(config.members);
  }
  result.history = histories.front();
  if (others->rank() != 0) return result;
  result.best_epoch = chosen.front().epoch;

  std::vector<NetworkSource> sources;
  std::vector<float> parameters;
  for (const auto& one : chosen) {
    sources.push_back(one.source);
    parameters.insert(parameters.end(), one.parameters.begin(), one.parameters.end());
  }
  const NetworkSource source = chosen.size() == 1 ? sources.front() : ensemble_source(sources);
  Network network(source, RandomStream(0, 0, "whole"));
  network.set_parameters(parameters);
  auto json = about(config, set, set.scale, source, network.parameter_count());
  json["epoch"] = result.best_epoch;
  if (config.members > 1) json["members"] = config.members;
  if (config.calibrate)
    for (const auto& one : chosen) json["temperature"].push_back(one.temperature);
  if (!std::isnan(result.best_score)) json["validation_" + score] = result.best_score;
  network.save(folder / "model.pt", {{"sonoforge.json", json.dump(2)}, {"train.yaml", yaml}});
  if (dynamic_cast<const SeveralTask*>(config.task.value.get())) save_heads(config, set, parameters, chosen, folder);
  if (config.members > 1) {
    std::string table = "member,seed,best_epoch,validation_" + score + ",temperature\n";
    for (std::size_t m = 0; m < chosen.size(); ++m)
      table += csv_line({std::to_string(m + 1), std::to_string(config.seed + static_cast<std::int64_t>(m)), std::to_string(chosen[m].epoch), shortest_number(result.scores[m]), shortest_number(chosen[m].temperature)});
    write_file_atomically(folder / "members.csv", table);
  }
  if (observer) observer(histories, score);
  log_info("Wrote " + (folder / "model.pt").string() + (config.members == 1 ? " of epoch " + std::to_string(result.best_epoch) : " of " + std::to_string(config.members) + " members"));
  return result;
}

}  // namespace

TrainResult train(TrainConfig& config, const std::filesystem::path& folder, bool resume, const TrainObserver& observer,
                  const std::function<Dataset(const std::filesystem::path&)>& open) {
  try {
    return run(config, folder, resume, observer, open);
  } catch (const Interrupted&) {
    throw Interrupted("training was interrupted; the last checkpoint is kept. Run the same command with --resume to go on");
  }
}

}  // namespace sonoforge
