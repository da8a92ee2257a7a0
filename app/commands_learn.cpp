#include <algorithm>
#include <cmath>
#include <iostream>

#include <nlohmann/json.hpp>

#include "ai/groups.hpp"
#include "ai/manifest.hpp"
#include "ai/predict.hpp"
#include "ai/report_plots.hpp"
#include "ai/train.hpp"
#include "ai/validate.hpp"
#include "app/commands.hpp"
#include "app/detection_study.hpp"
#include "app/figures.hpp"
#include "io/config.hpp"
#include "io/json_text.hpp"

namespace sonoforge {

namespace {

template <class Config>
struct Read {
  ConfigTree tree;
  Config config;
};
template <class Config>
Read<Config> read_config(const CommandLine& line) {
  ConfigTree tree = ConfigTree::load(line.inputs[0]);
  for (const auto& assignment : line.sets) tree.set(assignment);
  if (line.seed) tree.set("seed=" + std::to_string(*line.seed));
  Config config;
  tree.read(config);
  return {std::move(tree), std::move(config)};
}

}  // namespace

/// The learning curves: losses and score, one line a member.
static void draw_history(const std::filesystem::path& folder, const std::vector<std::vector<Epoch>>& histories, const std::string& score) {
  std::vector<Curve> losses, scores;
  for (std::size_t m = 0; m < histories.size(); ++m) {
    const std::string which = histories.size() > 1 ? " " + std::to_string(m + 1) : "";
    Curve training{"training" + which}, validation{"validation" + which}, one{score + which};
    for (const Epoch& e : histories[m]) {
      const auto x = static_cast<double>(e.epoch);
      training.x.push_back(x), training.y.push_back(e.training_loss);
      if (std::isfinite(e.validation_loss)) validation.x.push_back(x), validation.y.push_back(e.validation_loss);
      if (std::isfinite(e.validation_score)) one.x.push_back(x), one.y.push_back(e.validation_score);
    }
    for (auto* curve : {&training, &validation, &one}) curve->markers = curve->x.size() == 1;
    losses.push_back(training);
    if (!validation.x.empty()) losses.push_back(validation);
    if (!one.x.empty()) scores.push_back(one);
  }
  std::vector<Picture> pictures{draw_curves(losses, "epoch", "loss", {.title = "Loss", .long_side = 700})};
  if (!scores.empty()) pictures.push_back(draw_curves(scores, "epoch", score, {.title = "Validation", .long_side = 700}));
  write_png(folder / "curves.png", draw_contact_sheet(pictures, pictures.size()));
}

int train_command(const CommandLine& line) {
  TrainConfig config = read_config<TrainConfig>(line).config;
  const auto folder = output_folder(line);
  const TrainResult result = train(config, folder, line.resume, [&](const auto& histories, const std::string& score) { draw_history(folder, histories, score); }, open_data);
  if (line.json) {
    nlohmann::ordered_json json{{"folder", folder.string()}, {"parameters", result.parameters}, {"epochs", result.history.size()}, {"best_epoch", result.best_epoch}};
    json["score"] = result.score_name;
    json["best_score"] = std::isfinite(result.best_score) ? nlohmann::ordered_json(result.best_score) : nlohmann::ordered_json(nullptr);
    if (result.score_name == "dice") json["best_dice"] = json["best_score"];
    if (result.scores.size() > 1) json["scores"] = result.scores;
    std::cout << json_text(json) << "\n";
  } else if (!line.quiet) {
    std::cout << "wrote " << folder.string() << ": " << result.parameters << " parameters, best epoch " << result.best_epoch << ", validation " << result.score_name << " "
              << result.best_score << "\n";
  }
  return 0;
}

static std::vector<PredictedFile> predicted_by(const Predictor& predictor, const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder) {
  std::error_code error;
  if (files.size() != 1 || !std::filesystem::is_directory(files[0], error))
    return predict_files(predictor, files, folder, [](const RealMap& map, const std::string& unit, std::string title) {
      std::replace(title.begin(), title.end(), '_', ' ');
      return draw_map(map, unit, {.title = title});
    });
  const Dataset data = Dataset::open(files[0]);
  std::vector<std::size_t> rows(data.manifest.rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  return predict_set(predictor, data, rows, folder);
}

/// What `predict` reads as MODEL where that is a config: model, torchscript and what the module is for; its other keys are `validate`'s.
static bool is_config(const std::filesystem::path& file) { return file.extension() == ".yaml" || file.extension() == ".yml"; }
static ConfigTree read_foreign(const std::filesystem::path& file, ForeignModel& model) {
  ConfigTree tree = ConfigTree::load(file);
  std::vector<std::string> others;
  const std::vector<std::string> own{"model", "torchscript", "task", "label", "truth", "positive"};
  for (const auto& entry : tree.root().entries)
    if (std::find(own.begin(), own.end(), entry.key) == own.end()) others.push_back(entry.key);
  tree.read(model, others);
  return tree;
}

static std::vector<PredictedFile> predicted_by_model(const std::filesystem::path& model, const std::vector<std::filesystem::path>& files, const std::filesystem::path& folder) {
  if (is_config(model)) {
    ForeignModel described;
    const ConfigTree tree = read_foreign(model, described);
    std::vector<PredictedFile> predicted;
    tree.locate("", [&] { predicted = predicted_by(Predictor(described), files, folder); });
    return predicted;
  }
  const Predictor predictor(model);
  const auto heads = head_models(predictor, model);
  if (heads.empty()) return predicted_by(predictor, files, folder);
  std::vector<PredictedFile> predicted;
  for (const auto& [name, file] : heads)
    for (auto& one : predicted_by(Predictor(file), files, folder / name)) predicted.push_back(std::move(one));
  return predicted;
}

int predict_command(const CommandLine& line) {
  const std::filesystem::path model = line.inputs[0];
  const std::vector<std::filesystem::path> files(line.inputs.begin() + 1, line.inputs.end());
  const auto folder = line.output.empty() ? std::filesystem::path("out") / "predictions" : line.output;
  const std::vector<PredictedFile> predicted = predicted_by_model(model, files, folder);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& p : predicted) {
    nlohmann::ordered_json one{{"input", p.input.string()}};
    if (!p.mask.empty()) one["mask"] = p.mask.string();
    if (!p.overlay.empty()) one["overlay"] = p.overlay.string();
    if (p.area > 0 || p.pixels_inside > 0) one["pixels"] = p.pixels_inside, one["area"] = p.area;
    if (!p.values.empty()) one["values"] = p.values;
    if (!p.deviations.empty()) one["deviations"] = p.deviations;
    json.push_back(one);
    if (!line.json) std::cout << p.input.string() << ": " << p.summary << (p.mask.empty() ? "" : " -> " + p.mask.string()) << "\n";
  }
  if (line.json) std::cout << json_text(json) << "\n";
  return 0;
}

Segmenter open_segmenter(const std::filesystem::path& model) {
  const auto predictor = std::make_shared<Predictor>(model);
  const TrainConfig& config = predictor->config();
  if (config.task->kind() != TruthKind::mask || config.task->input != "image")
    throw UserError("'" + model.string() + "' is no segmenter of images (its input is '" + config.task->input + "', its answer '" + predictor->label() +
                    "'). Give a model trained with 'task: {type: segmentation, input: image}'");
  const TensorShape shape = config.input_shape();
  return {predictor->label(), predictor->dynamic_range(), static_cast<std::size_t>(shape.depth), static_cast<std::size_t>(shape.lateral), predictor->data_hash(),
          [predictor](const RealMap& image) { return predictor->apply(image); }};
}

int validate_command(const CommandLine& line) {
  {
    ConfigTree tree = ConfigTree::load(line.inputs[0]);
    for (const auto& assignment : line.sets) tree.set(assignment);
    if (line.seed) tree.set("seed=" + std::to_string(*line.seed));
    if (tree.root().find("study")) {
      observer_trainer() = train_observer;
      return study_command(tree, line);
    }
  }
  auto [tree, config] = read_config<ValidateConfig>(line);
  const auto folder = output_folder(line);
  Evaluation result;
  Manifest manifest;
  tree.locate("", [&, &config = config] {
    result = validate(config, folder, [&](const std::filesystem::path& path) {
      Dataset data = open_data(path);
      manifest = data.manifest;
      return data;
    });
  });
  nlohmann::ordered_json json{{"folder", folder.string()}, {"passed", result.passed()}, {"groups", nlohmann::ordered_json::array()}, {"gates", nlohmann::ordered_json::array()}};
  const auto number = [](double value) { return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr); };
  // Numbers of the report are in SI; what is printed has its unit beside it.
  const auto unit = [&, &config = config](const std::string& metric) { return metric_unit(config, manifest, metric); };
  for (const auto& g : result.groups) {
    const auto& e = g.estimate;
    json["groups"].push_back({{"group", g.group}, {"metric", g.metric}, {"mean", number(e.value)}, {"low", number(e.interval.low)}, {"high", number(e.interval.high)}, {"unit", unit(g.metric)}});
    if (line.json) continue;
    std::cout << g.group << ": " << g.metric << " ";
    if (std::isnan(e.value)) std::cout << "not known (too few cases)\n";
    else
      std::cout << metric_text(e.value, unit(g.metric)) << " [" << metric_text(e.interval.low, unit(g.metric)) << ", " << metric_text(e.interval.high, unit(g.metric)) << "]\n";
  }
  for (const auto& warning : result.warnings)
    if (!line.json) std::cout << "warning: " << warning << "\n";
  for (const auto& g : result.gates) {
    json["gates"].push_back({{"metric", g.gate.metric}, {"group", g.group}, {"condition", g.condition}, {"value", number(g.value)}, {"passed", g.passed}});
    if (!line.json)
      std::cout << "gate " << g.gate.metric << " of " << g.group << ", " << g.condition << ": " << metric_text(g.value, unit(g.gate.metric)) << (g.passed ? " passed" : " FAILED") << (g.reason.empty() ? "" : " (" + g.reason + ")") << "\n";
  }
  if (line.json) std::cout << json_text(json) << "\n";
  else if (!line.quiet) std::cout << "wrote " << folder.string() << "/{report.html, report.json, cases.csv" << (result.gates.empty() ? "" : ", junit.xml") << "}\n";
  return result.passed() ? 0 : 3;
}

}  // namespace sonoforge
