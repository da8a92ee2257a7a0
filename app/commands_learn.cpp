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
  tree.read(config, {"sonoforge"});
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
  else
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
  for (const auto& g : result.groups) {
    json["groups"].push_back({{"group", g.group}, {"metric", g.metric}, {"mean", g.mean.mean}, {"low", g.mean.interval.low}, {"high", g.mean.interval.high}});
    if (!line.json) std::cout << g.group << ": " << g.metric << " " << g.mean.mean << " [" << g.mean.interval.low << ", " << g.mean.interval.high << "]\n";
  }
  for (const auto& g : result.gates) {
    json["gates"].push_back({{"metric", g.gate.metric}, {"group", g.group}, {"at_least", g.gate.at_least}, {"value", g.value}, {"passed", g.passed}});
    if (!line.json) std::cout << "gate " << g.gate.metric << " of " << g.group << " >= " << g.gate.at_least << ": " << g.value << (g.passed ? " passed" : " FAILED") << "\n";
  }
  if (line.json) std::cout << json.dump(2) << "\n";
  else std::cout << "wrote " << folder.string() << "/{report.html, report.json, cases.csv}\n";
  return result.passed() ? 0 : 3;
}

}  // namespace sonoforge
