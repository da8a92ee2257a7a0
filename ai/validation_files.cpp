#include <cmath>
#include <nlohmann/json.hpp>

#include "io/csv.hpp"
#include "ai/gates.hpp"
#include "ai/groups.hpp"
#include "ai/validation_report.hpp"
#include "io/atomic_file.hpp"
#include "io/json_text.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json pair(const Interval& interval) {
  return Json::array({number(interval.low), number(interval.high)});
}

Json group_json(const GroupResult& r, const std::string& unit) {
  Json json{{"factor", r.factor},
            {"group", r.group},
            {"metric", r.metric},
            {"unit", unit},
            {"cases", r.estimate.cases},
            {"patients", r.estimate.patients},
            {"mean", number(r.estimate.value)},
            {"interval_95", pair(r.estimate.interval)},
            {"standard_error", number(r.estimate.standard_error)},
            {"method", r.method},
            {"median", number(r.median)},
            {"worst", number(r.worst)}};
  return json;
}

Json disparity_json(const Disparity& d) {
  return {{"difference", number(d.difference)},
          {"interval_95", pair(d.interval)},
          {"standard_error", number(d.standard_error)},
          {"p_value", number(d.p_value)},
          {"ratio", number(d.ratio)},
          {"ratio_interval_95", pair(d.ratio_interval)},
          {"detectable_difference", number(d.detectable)},
          {"patients", d.patients_a},
          {"patients_of_the_rest", d.patients_b}};
}

Json list_of_disparities(const Evaluation& evaluation) {
  Json all = Json::array();
  for (const auto& r : evaluation.disparities) {
    Json json{{"factor", r.factor}, {"group", r.group}, {"metric", r.metric}};
    json.update(disparity_json(r.disparity));
    json["adjusted_p_value"] = number(r.adjusted_p_value);
    all.push_back(std::move(json));
  }
  return all;
}

Json list_of_doses(const Evaluation& evaluation) {
  Json all = Json::array();
  for (const auto& r : evaluation.doses) {
    Json intervals = Json::array();
    for (const auto& interval : r.response.interval) intervals.push_back(pair(interval));
    all.push_back({{"factor", r.factor},
                   {"unit", r.unit},
                   {"metric", r.metric},
                   {"slope", number(r.response.slope)},
                   {"slope_standard_error", number(r.response.slope_error)},
                   {"p_value", number(r.response.p_value)},
                   {"bandwidth", number(r.response.bandwidth)},
                   {"at", r.response.factor},
                   {"mean", r.response.mean},
                   {"interval_95", std::move(intervals)}});
  }
  return all;
}

std::string json_report(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation,
                        const ReportOrigin& origin) {
  Json report;
  report["sonoforge_version"] = SONOFORGE_VERSION;
  report["passed"] = evaluation.passed();
  report["split"] = split_name(config.split);
  report["label"] = origin.label;
  report["cases"] = evaluation.cases.size();
  report["model_sha256"] = origin.model_sha256;
  report["data_sha256"] = origin.data_sha256;
  report["trained_on_this_data_set"] = origin.same_data_set;
  if (origin.models_judged) report["models_judged_on_this_split"] = origin.models_judged;
  report["limits"] = "Simulated images only: these numbers do not tell how the model does on patients.";
  report["warnings"] = evaluation.warnings;
  for (const auto* key : {"groups", "slices", "variance_shares", "twins", "baseline", "gates"})
    report[key] = Json::array();
  for (const auto& r : evaluation.groups)
    report["groups"].push_back(group_json(r, metric_unit(config, manifest, r.metric)));
  for (const auto& section : origin.sections)
    if (!section.html.empty()) report[section.key] = Json::parse(section.json);
  report["disparities"] = list_of_disparities(evaluation);
  report["dose_response"] = list_of_doses(evaluation);
  for (const auto& r : evaluation.slices)
    report["slices"].push_back({{"metric", r.metric},
                                {"group", r.slice.name},
                                {"searched", disparity_json(r.slice.searched)},
                                {"confirmed", disparity_json(r.slice.confirmed)},
                                {"adjusted_p_value", number(r.slice.p_value)}});
  for (const auto& r : evaluation.shares) {
    Json json{{"metric", r.metric}, {"unexplained", number(r.shares.unexplained)}, {"factors", Json::object()}};
    for (std::size_t f = 0; f < r.factors.size(); ++f) json["factors"][r.factors[f]] = number(r.shares.share[f]);
    report["variance_shares"].push_back(std::move(json));
  }
  for (const auto& r : evaluation.twins)
    report["twins"].push_back({{"metric", r.metric},
                               {"twin", r.twin},
                               {"pairs", r.effect.effect.cases},
                               {"effect", number(r.effect.effect.value)},
                               {"interval_95", pair(r.effect.effect.interval)},
                               {"p_value", number(r.effect.p_value)},
                               {"deviation", number(r.effect.deviation)},
                               {"fell", r.effect.worse},
                               {"rose", r.effect.better},
                               {"decision_flips", r.effect.flips},
                               {"flip_interval_95", pair(r.effect.flip_interval)}});
  for (const auto& r : evaluation.comparisons)
    report["baseline"].push_back({{"metric", r.metric},
                                  {"difference", number(r.difference.value)},
                                  {"interval_95", pair(r.difference.interval)},
                                  {"p_value", number(r.p_value)},
                                  {"adjusted_p_value", number(r.adjusted_p_value)},
                                  {"method", r.method}});
  for (const auto& g : evaluation.gates)
    report["gates"].push_back({{"metric", g.gate.metric},
                               {"group", g.group},
                               {"condition", g.condition},
                               {"value", number(g.value)},
                               {"passed", g.passed},
                               {"reason", g.reason}});
  report["config"] = origin.config;
  return json_text(report) + "\n";
}

std::string with_unit(const std::string& name, const std::string& unit) {
  return unit.empty() ? name : name + " [" + unit + "]";
}

std::string cases_text(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation) {
  std::vector<std::string> header{"id", "patient", "visit", "twin", "split", "file"};
  std::vector<std::size_t> shown;
  const auto metrics = config.measured_metrics();
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    if (find_metric(config.task, metrics[m])->of != ValidationMetric::Of::one_case) continue;
    shown.push_back(m);
    header.push_back(with_unit(metrics[m], metric_unit(config, manifest, metrics[m])));
  }
  const bool masks = config.task == ValidationTask::segmentation;
  const bool counts = config.task == ValidationTask::classification || config.task == ValidationTask::detection ||
                      config.task == ValidationTask::survival;
  const std::string unit = masks ? "m^2" : counts ? "" : metric_unit(config, manifest, "mae");
  header.push_back(with_unit(masks ? "true_area" : "truth", unit));
  header.push_back(with_unit(masks ? "predicted_area" : "predicted", unit));
  for (std::size_t f = 0; f < manifest.factor_names.size(); ++f)
    header.push_back(with_unit(manifest.factor_names[f], manifest.factor_units[f]));
  std::string text = csv_line(header);
  for (const auto& one : evaluation.cases) {
    const auto& row = manifest.rows[one.row];
    std::vector<std::string> cells{row.id, row.patient, std::to_string(row.visit), row.twin, row.split, row.file};
    for (const auto m : shown) cells.push_back(shortest_number(one.metrics[m]));
    cells.push_back(shortest_number(one.truth));
    cells.push_back(shortest_number(one.predicted));
    cells.insert(cells.end(), row.factors.begin(), row.factors.end());
    text += csv_line(cells);
  }
  return text;
}

}  // namespace

void write_validation(const std::filesystem::path& folder, const ValidateConfig& config, const Manifest& manifest,
                      const Evaluation& evaluation, const ReportOrigin& origin) {
  make_folder(folder);
  write_file_atomically(folder / "cases.csv", cases_text(config, manifest, evaluation));
  write_file_atomically(folder / "report.json", json_report(config, manifest, evaluation, origin));
  write_file_atomically(folder / "report.html", validation_page(config, manifest, evaluation, origin));
  if (!config.gates.empty()) write_file_atomically(folder / "junit.xml", junit_text(evaluation.gates));
}

}  // namespace sonoforge
