#include "ai/validate.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

#include "ai/checklist.hpp"
#include "ai/dataset.hpp"
#include "ai/external_program.hpp"
#include "ai/groups.hpp"
#include "ai/image_checks.hpp"
#include "ai/overlay.hpp"
#include "ai/predict.hpp"
#include "ai/predictions.hpp"
#include "ai/report_plots.hpp"
#include "ai/robustness.hpp"
#include "ai/sha256.hpp"
#include "io/atomic_file.hpp"
#include "io/config.hpp"

namespace sonoforge {
namespace {

/// Cases in order of the first metric of single cases, worst first: they are what a reader must judge.
std::vector<std::size_t> worst_first(const ValidateConfig& config, const Evaluation& evaluation, std::size_t metric) {
  const bool lower =
      find_metric(config.task, config.measured_metrics()[metric])->better == ValidationMetric::Better::lower;
  std::vector<std::size_t> order(evaluation.cases.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double x = evaluation.cases[a].metrics[metric], y = evaluation.cases[b].metrics[metric];
    return lower ? x > y : x < y;
  });
  return order;
}

std::vector<std::pair<std::string, std::string>> pictures_of(const ValidateConfig& config, const Dataset& data,
                                                             const Evaluation& evaluation, const std::string& label,
                                                             const MaskSource& mask_of, double dynamic_range,
                                                             const std::filesystem::path& folder) {
  const auto order = worst_first(config, evaluation, 0);
  std::vector<std::pair<std::string, std::size_t>> shown;
  for (std::size_t i = 0; i < std::min<std::size_t>(4, order.size()); ++i)
    shown.emplace_back("Worst " + std::to_string(i + 1), order[i]);
  if (order.size() > 6) shown.emplace_back("Median", order[order.size() / 2]);
  if (order.size() > 5) shown.emplace_back("Best", order.back());
  std::vector<std::pair<std::string, std::string>> pictures;
  make_folder(folder);
  const auto file = folder / ".picture.png";
  for (const auto& [title, index] : shown) {
    const ValidationCase& one = evaluation.cases[index];
    const LabelledImage sample = data.read(one.row, label);
    write_png(file, overlay_picture(sample.image, mask_of(one.row, sample.image), sample.mask, dynamic_range, 600));
    pictures.emplace_back(
        title + ": " + data.manifest.rows[one.row].id + ", " + config.measured_metrics()[0] + " " +
            metric_text(one.metrics[0], metric_unit(config, data.manifest, config.measured_metrics()[0])),
        read_file(file));
    std::filesystem::remove(file);
  }
  return pictures;
}

/// What a model answers must be what the validation judges.
void check_task(const ValidateConfig& config, const Predictor& predictor) {
  const std::string& task = predictor.config().task.type;
  const auto* segmentation = dynamic_cast<const SegmentationTask*>(predictor.config().task.value.get());
  const bool measures = segmentation && segmentation->measure != SegmentationTask::Measure::none;
  const bool fits = config.task == ValidationTask::segmentation     ? task == "segmentation"
                    : config.task == ValidationTask::classification ? task == "classification"
                    : config.task == ValidationTask::measurement    ? task == "measurement" || task == "quality" || measures
                    : config.task == ValidationTask::map            ? task == "map" || task == "image"
                    : config.task == ValidationTask::detection      ? task == "detection"
                                                                    : task == "survival";
  if (!fits)
    throw UserError("task: '" + config.model.string() + "' was trained for task " + task + (segmentation && !measures ? " without 'measure'" : "") +
                    (task == "several" ? " (each head is judged alone). Give heads/NAME/model.pt beside it"
                                       : " (this validation judges another). Write the task of the model, or give another model"));
}

/// Answers of a module made elsewhere are compared with the truth in SI units: both must measure the same.
void check_unit(const ValidateConfig& config, const Dataset& data, const Predictor& predictor) {
  std::string truth = config.truth_unit;
  if (config.task == ValidationTask::map) {
    if (data.manifest.rows.empty()) return;
    const ZeaFile content = data.content(0);
    for (const auto& map : content.labels)
      if (map.name == config.label) truth = map.unit;
  } else if (config.task != ValidationTask::measurement) {
    return;
  }
  if (predictor.unit() != truth && !config.torchscript->output.unit.empty())
    throw ConfigError("torchscript.output.unit", "the module's answers are in " + (predictor.unit().empty() ? "no unit" : predictor.unit()) + " in SI, and the truth is in " + (truth.empty() ? "none" : truth) +
                                                     " (they measure different things). Write the unit of the module's answers");
}

}  // namespace

Evaluation validate(ValidateConfig& config, const std::filesystem::path& folder, const std::function<Dataset(const std::filesystem::path&)>& open) {
  const Dataset data = open(config.data);
  check_groups(config, data.manifest);
  if (config.task == ValidationTask::measurement) config.truth_unit = truth_unit(data, config.truth);
  const auto split = split_name(config.split);
  ReportOrigin origin;
  origin.label = config.label.empty() ? config.truth : config.label;
  origin.config = dump_config(config);
  origin.data_sha256 = data.hash;
  std::optional<Predictor> predictor;
  std::optional<Predictions> predictions;
  MaskSource mask_of;
  if (!config.model.empty()) {
    if (config.torchscript) {
      predictor.emplace(config.foreign());
      check_unit(config, data, *predictor);
    } else {
      predictor.emplace(config.model);
    }
    check_task(config, *predictor);
    if (config.label.empty()) config.label = predictor->label();
    origin.label = config.truth.empty() ? config.label : config.truth;
    origin.model_metadata = predictor->metadata();
    origin.same_data_set = predictor->data_hash() == data.hash;
  }
  ValidateConfig read = config;
  if (!config.program.empty()) {
    read.predictions = folder / "predictions";
    predict_with_program(config, data, data.rows_of(split), read.predictions);
  }
  if (predictor && (config.task != ValidationTask::segmentation || predictor->config().task->input != "image")) {
    read.predictions = folder / "predictions";
    predict_set(*predictor, data, data.rows_of(split), read.predictions);
  }
  if (!read.predictions.empty()) {
    predictions.emplace(read, data.manifest, data.rows_of(split));
    mask_of = [&](std::size_t row, const RealMap& image) {
      return thresholded(predictions->pixels(row, image.grid), config.threshold);
    };
  } else {
    mask_of = [&](std::size_t, const RealMap& image) { return predictor->apply(image, config.threshold).mask; };
  }
  origin.model_sha256 = predictor ? sha256_of_file(config.model) : predictions->sha256();
  const Evaluation evaluation = evaluate(
      config, data.manifest, measure_cases(config, data, origin.label, mask_of, predictions ? &*predictions : nullptr));
  if (config.task == ValidationTask::segmentation)
    origin.pictures = pictures_of(config, data, evaluation, origin.label, mask_of,
                                  predictor ? predictor->dynamic_range() : 60, folder);
  // How well the model does on the patients it learned from: those of the same data set, in memory only.
  std::vector<double> training_values;
  if (config.privacy && predictor && !predictions && origin.same_data_set) {
    ValidateConfig members = config;
    members.split = ValidateConfig::Split::train;
    for (const auto& one : measure_cases(members, data, origin.label, mask_of, nullptr))
      if (data.manifest.rows[one.row].twin.empty()) training_values.push_back(one.metrics.front());
  }
  origin.sections = {plan_section(config, data.manifest, evaluation), robustness_section(config, data.manifest, evaluation.cases), drift_section(config, data.manifest, evaluation.cases),
                     out_of_distribution_section(config, data, evaluation), privacy_section(config, data, evaluation, training_values)};
  origin.sections.push_back(model_card_section(config, data.manifest, evaluation, origin));
  origin.sections.push_back(checklist_section(config, evaluation, origin));
  origin.models_judged = count_use(config.data, split, origin.model_sha256);
  write_validation(folder, config, data.manifest, evaluation, origin);
  return evaluation;
}

}  // namespace sonoforge
