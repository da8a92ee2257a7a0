#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "ai/csv.hpp"
#include "ai/validate.hpp"
#include "io/atomic_file.hpp"
#include "io/text_encoding.hpp"

namespace sonoforge {
namespace {

std::string fixed(double value, int digits = 3) {
  if (std::isnan(value)) return "&ndash;";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string base64(const std::string& bytes) {
  static const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? digits[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string interval_text(const MeanWithInterval& mean) {
  return fixed(mean.mean) + (std::isnan(mean.interval.low) ? " (no interval: needs two patients)" : " [" + fixed(mean.interval.low) + ", " + fixed(mean.interval.high) + "]");
}

/// Means with their intervals, one row a group.
std::string forest_plot(const std::vector<const GroupResult*>& rows) {
  constexpr double left = 260, width = 420, row_height = 24;
  auto x = [&](double value) { return left + width * std::clamp(value, 0.0, 1.0); };
  const double bottom = 12 + row_height * static_cast<double>(rows.size());
  std::string svg = "<svg role=\"img\" viewBox=\"0 0 720 " + fixed(bottom + 34, 0) + "\" width=\"720\" font-size=\"13\">";
  for (int tick = 0; tick <= 10; tick += 2) {
    const double at = x(tick / 10.0);
    svg += "<line x1=\"" + fixed(at, 1) + "\" x2=\"" + fixed(at, 1) + "\" y1=\"6\" y2=\"" + fixed(bottom, 0) + "\" stroke=\"#ddd\"/><text x=\"" + fixed(at, 1) +
           "\" y=\"" + fixed(bottom + 16, 0) + "\" text-anchor=\"middle\">" + fixed(tick / 10.0, 1) + "</text>";
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& mean = rows[i]->mean;
    const std::string y = fixed(12 + row_height * (static_cast<double>(i) + 0.5), 1);
    svg += "<text x=\"" + fixed(left - 10, 0) + "\" y=\"" + y + "\" dy=\"4\" text-anchor=\"end\">" + escaped(rows[i]->group) + " (" + std::to_string(mean.patients) + ")</text>";
    if (std::isnan(mean.mean)) continue;
    if (!std::isnan(mean.interval.low))
      svg += "<line x1=\"" + fixed(x(mean.interval.low), 1) + "\" x2=\"" + fixed(x(mean.interval.high), 1) + "\" y1=\"" + y + "\" y2=\"" + y + "\" stroke=\"#1769aa\" stroke-width=\"2\"/>";
    svg += "<circle cx=\"" + fixed(x(mean.mean), 1) + "\" cy=\"" + y + "\" r=\"4\" fill=\"#1769aa\"/>";
  }
  return svg + "<text x=\"" + fixed(left + width / 2, 0) + "\" y=\"" + fixed(bottom + 32, 0) + "\" text-anchor=\"middle\">" + escaped(rows.empty() ? "" : rows[0]->metric) +
         ": mean and 95 % interval (patients)</text></svg>";
}

std::string html(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation, const ReportOrigin& origin) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Validation report</title>\n<style>body{font:15px/1.5 sans-serif;max-width:60em;margin:2em "
      "auto;padding:0 1em;color:#222}table{border-collapse:collapse;margin:1em 0}td,th{border-bottom:1px solid #ccc;padding:.25em .8em;text-align:left}td.n{text-align:right;"
      "font-variant-numeric:tabular-nums}.pass{color:#1b6e2c;font-weight:bold}.fail{color:#b00020;font-weight:bold}.note{background:#fff6df;border-left:4px solid #e0a000;"
      "padding:.6em 1em}figure{display:inline-block;margin:0 1em 1em 0;vertical-align:top}figure img{height:260px}figcaption{font-size:13px}pre{background:#f4f4f4;padding:1em;"
      "overflow:auto;font-size:13px}</style></head><body>\n<h1>Validation report</h1>\n";
  const auto& overall = evaluation.groups;
  page += "<p>Segmentation of <b>" + escaped(origin.label) + "</b> in " + std::to_string(evaluation.cases.size()) + " images of " +
          std::to_string(overall.empty() ? 0 : overall[0].mean.patients) + " simulated patients (split " + split_name(config.split) + ").</p>\n<p>";
  for (const auto& result : overall)
    if (result.group == "all") page += "<b>" + escaped(result.metric) + " " + interval_text(result.mean) + "</b><br>";
  page += "</p>\n";
  if (config.gates.empty()) page += "<p>No gate was set: nothing was required of the model.</p>\n";
  else page += evaluation.passed() ? "<p class=\"pass\">All gates hold.</p>\n" : "<p class=\"fail\">A gate does not hold.</p>\n";
  page += "<div class=\"note\"><b>What this report cannot show.</b> All images are simulated and their truth is exact. The numbers tell how the model does on images drawn from "
          "the distributions of this data set, and how that depends on factors that are known here and hidden in patients. They do not tell how it does on patients: devices, "
          "operators, anatomy and diseases that the simulation lacks are not in them, and an error of the simulation that image and truth share stays unseen. A gate that holds "
          "here is a reason to go on to a study with patients, not a replacement for one.";
  if (config.split != ValidateConfig::Split::test) page += " <b>Split " + split_name(config.split) + " was used in making the model: these numbers are too good.</b>";
  if (!origin.same_data_set)
    page += " The model was trained on another data set than this one; whether patients of both have something in common was not checked.";
  else page += " The model was trained on the training patients of this same data set; no patient is in two splits.";
  page += " Small groups have wide intervals, and among many groups some look bad or good by chance.</div>\n";

  if (!evaluation.gates.empty()) {
    page += "<h2>Gates</h2>\n<table><tr><th>metric</th><th>group</th><th>required</th><th>reached</th><th></th></tr>\n";
    for (const auto& gate : evaluation.gates)
      page += "<tr><td>" + escaped(gate.gate.metric) + "</td><td>" + escaped(gate.group) + "</td><td>" + (gate.gate.interval == GateConfig::Bound::lower ? "lower end" : "mean") + " &ge; " +
              fixed(gate.gate.at_least) + "</td><td class=\"n\">" + fixed(gate.value) + "</td><td class=\"" + (gate.passed ? "pass\">holds" : std::isnan(gate.value) ? "fail\">fails: too few patients" : "fail\">fails") + "</td></tr>\n";
    page += "</table>\n";
  }
  page += "<h2>Groups</h2>\n";
  for (const auto& metric : config.metrics) {
    std::vector<const GroupResult*> rows;
    for (const auto& result : evaluation.groups)
      if (result.metric == metric) rows.push_back(&result);
    page += forest_plot(rows) + "\n<table><tr><th>group</th><th>images</th><th>patients</th><th>mean " + escaped(metric) + "</th><th>95 % interval</th><th>median</th><th>lowest</th></tr>\n";
    for (const auto* result : rows)
      page += "<tr><td>" + escaped(result->group) + "</td><td class=\"n\">" + std::to_string(result->mean.cases) + "</td><td class=\"n\">" + std::to_string(result->mean.patients) + "</td><td class=\"n\">" + fixed(result->mean.mean) +
              "</td><td class=\"n\">" + fixed(result->mean.interval.low) + " to " + fixed(result->mean.interval.high) + "</td><td class=\"n\">" + fixed(result->median) + "</td><td class=\"n\">" + fixed(result->lowest) + "</td></tr>\n";
    page += "</table>\n";
  }
  if (!origin.pictures.empty()) {
    page += "<h2>Cases</h2>\n<p>Blue: truth. Orange: model. White: both.</p>\n";
    for (const auto& [title, png] : origin.pictures)
      page += "<figure><img alt=\"" + escaped(title) + "\" src=\"data:image/png;base64," + base64(png) + "\"><figcaption>" + escaped(title) + "</figcaption></figure>\n";
  }
  page += "<h2>How the numbers are made</h2>\n<p>Dice is twice the common area over the sum of both areas, IoU the common area over the joint area; where truth and model are both empty "
          "either is 1, where one is, 0. The model sees each image resampled to its own size; its answer is resampled back and judged on the image's own pixels, a pixel counting as "
          "inside from probability " + fixed(config.threshold, 2) + ". Intervals are bias-corrected and accelerated bootstrap intervals (Efron 1987) of the mean over images, from " +
          std::to_string(config.resamples) + " samples that draw whole patients with replacement. They are not corrected for the number of groups. Every image of the split is "
          "in cases.csv; none is left out.</p>\n";
  page += "<h2>Origin</h2>\n<table><tr><td>program</td><td>Sonoforge " SONOFORGE_VERSION "</td></tr><tr><td>model, SHA-256</td><td>" + escaped(origin.model_sha256) + "</td></tr><tr><td>data (manifest), SHA-256</td><td>" +
          escaped(origin.data_sha256) + "</td></tr><tr><td>samples in the data set</td><td>" + std::to_string(manifest.rows.size()) + "</td></tr></table>\n<pre>" + escaped(origin.config) + "</pre>\n<pre>" + escaped(origin.model_metadata) + "</pre>\n</body></html>\n";
  return page;
}

nlohmann::ordered_json number(double value) { return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr); }

std::string json_report(const ValidateConfig& config, const Evaluation& evaluation, const ReportOrigin& origin) {
  nlohmann::ordered_json report;
  report["sonoforge_version"] = SONOFORGE_VERSION;
  report["passed"] = evaluation.passed();
  report["split"] = split_name(config.split);
  report["label"] = origin.label;
  report["cases"] = evaluation.cases.size();
  report["model_sha256"] = origin.model_sha256;
  report["data_sha256"] = origin.data_sha256;
  report["trained_on_this_data_set"] = origin.same_data_set;
  report["limits"] = "Simulated images only: these numbers do not tell how the model does on patients.";
  report["groups"] = nlohmann::ordered_json::array();
  for (const auto& r : evaluation.groups)
    report["groups"].push_back({{"factor", r.factor}, {"group", r.group}, {"metric", r.metric}, {"cases", r.mean.cases}, {"patients", r.mean.patients},
                                {"mean", number(r.mean.mean)}, {"interval_95", {number(r.mean.interval.low), number(r.mean.interval.high)}}, {"median", number(r.median)}, {"lowest", number(r.lowest)}});
  report["gates"] = nlohmann::ordered_json::array();
  for (const auto& g : evaluation.gates)
    report["gates"].push_back({{"metric", g.gate.metric}, {"group", g.group}, {"interval", g.gate.interval == GateConfig::Bound::lower ? "lower" : "mean"},
                               {"at_least", g.gate.at_least}, {"value", number(g.value)}, {"passed", g.passed}});
  report["config"] = origin.config;
  return report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string cases_text(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation) {
  std::vector<std::string> header{"id", "patient", "visit", "twin", "split", "file"};
  header.insert(header.end(), config.metrics.begin(), config.metrics.end());
  header.insert(header.end(), {"true_area [m^2]", "predicted_area [m^2]"});
  for (std::size_t f = 0; f < manifest.factor_names.size(); ++f)
    header.push_back(manifest.factor_names[f] + (manifest.factor_units[f].empty() ? "" : " [" + manifest.factor_units[f] + "]"));
  std::string text = csv_line(header);
  for (const auto& one : evaluation.cases) {
    const auto& row = manifest.rows[one.row];
    std::vector<std::string> cells{row.id, row.patient, std::to_string(row.visit), row.twin, row.split, row.file};
    for (const double value : one.metrics) cells.push_back(shortest_number(value));
    cells.push_back(shortest_number(one.true_area));
    cells.push_back(shortest_number(one.predicted_area));
    cells.insert(cells.end(), row.factors.begin(), row.factors.end());
    text += csv_line(cells);
  }
  return text;
}

}  // namespace

void write_validation(const std::filesystem::path& folder, const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation, const ReportOrigin& origin) {
  make_folder(folder);
  write_file_atomically(folder / "cases.csv", cases_text(config, manifest, evaluation));
  write_file_atomically(folder / "report.json", json_report(config, evaluation, origin));
  write_file_atomically(folder / "report.html", html(config, manifest, evaluation, origin));
}

}  // namespace sonoforge
