#include <cmath>
#include <iostream>

#include <nlohmann/json.hpp>

#include "ai/predict.hpp"
#include "ai/train.hpp"
#include "ai/validate.hpp"
#include "app/commands.hpp"
#include "io/config.hpp"

namespace sonoforge {

namespace {

template <class Config>
Config read_config(const CommandLine& line) {
  ConfigTree tree = ConfigTree::load(line.inputs[0]);
  for (const auto& assignment : line.sets) tree.set(assignment);
  if (line.seed) tree.set("seed=" + std::to_string(*line.seed));
  Config config;
  tree.read(config);
  return config;
}

}  // namespace

int train_command(const CommandLine& line) {
  TrainConfig config = read_config<TrainConfig>(line);
  const auto folder = output_folder(line);
  const TrainResult result = train(config, folder, line.resume);
  if (line.json)
    std::cout << nlohmann::ordered_json{{"folder", folder.string()}, {"parameters", result.parameters}, {"epochs", result.history.size()},
                                        {"best_epoch", result.best_epoch}, {"best_dice", result.best_dice}}.dump(2)
              << "\n";
  else if (!line.quiet)
    std::cout << "wrote " << folder.string() << ": " << result.parameters << " parameters, best epoch " << result.best_epoch << ", validation Dice "
              << result.best_dice << "\n";
  return 0;
}

int predict_command(const CommandLine& line) {
  const std::vector<std::filesystem::path> files(line.inputs.begin() + 1, line.inputs.end());
  const auto folder = line.output.empty() ? std::filesystem::path("out") / "predictions" : line.output;
  const auto predicted = predict_files(line.inputs[0], files, folder);
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& p : predicted) {
    json.push_back({{"input", p.input.string()}, {"mask", p.mask.string()}, {"overlay", p.overlay.string()}, {"pixels", p.pixels_inside}, {"area", p.area}});
    if (!line.json) std::cout << p.input.string() << ": " << p.area * 1e6 << " mm^2 -> " << p.mask.string() << "\n";
  }
  if (line.json) std::cout << json.dump(2) << "\n";
  return 0;
}

int validate_command(const CommandLine& line) {
  ValidateConfig config = read_config<ValidateConfig>(line);
  const auto folder = output_folder(line);
  const Evaluation result = validate(config, folder);
  nlohmann::ordered_json json{{"folder", folder.string()}, {"passed", result.passed()}, {"groups", nlohmann::ordered_json::array()}, {"gates", nlohmann::ordered_json::array()}};
  const auto number = [](double value) { return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr); };
  for (const auto& g : result.groups) {
    const auto& e = g.estimate;
    json["groups"].push_back({{"group", g.group}, {"metric", g.metric}, {"mean", number(e.value)}, {"low", number(e.interval.low)}, {"high", number(e.interval.high)}});
    if (line.json) continue;
    std::cout << g.group << ": " << g.metric << " ";
    if (std::isnan(e.value)) std::cout << "not known (too few cases)\n";
    else std::cout << e.value << " [" << e.interval.low << ", " << e.interval.high << "]\n";
  }
  for (const auto& warning : result.warnings)
    if (!line.json) std::cout << "warning: " << warning << "\n";
  for (const auto& g : result.gates) {
    json["gates"].push_back({{"metric", g.gate.metric}, {"group", g.group}, {"condition", g.condition}, {"value", number(g.value)}, {"passed", g.passed}});
    if (!line.json)
      std::cout << "gate " << g.gate.metric << " of " << g.group << ", " << g.condition << ": " << g.value << (g.passed ? " passed" : " FAILED") << (g.reason.empty() ? "" : " (" + g.reason + ")") << "\n";
  }
  if (line.json) std::cout << json.dump(2) << "\n";
  else if (!line.quiet) std::cout << "wrote " << folder.string() << "/{report.html, report.json, cases.csv" << (result.gates.empty() ? "" : ", junit.xml") << "}\n";
  return result.passed() ? 0 : 3;
}

}  // namespace sonoforge
