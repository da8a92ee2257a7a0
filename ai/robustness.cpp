#include "ai/robustness.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "ai/bootstrap.hpp"
#include "ai/drift.hpp"
#include "ai/groups.hpp"
#include "ai/report_page.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::ordered_json;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json estimate_json(const Estimate& e) {
  return {{"value", number(e.value)},
          {"low", number(e.interval.low)},
          {"high", number(e.interval.high)},
          {"patients", e.patients}};
}

/// Values of a metric, by twin; the empty name holds the patients as drawn.
struct ByTwin {
  std::map<std::string, std::vector<const ValidationCase*>> cases;
  std::map<std::pair<std::string, int>, const ValidationCase*> drawn;

  ByTwin(const Manifest& manifest, const std::vector<ValidationCase>& all) {
    for (const auto& one : all) {
      const auto& row = manifest.rows[one.row];
      cases[row.twin].push_back(&one);
      if (row.twin.empty()) drawn[{row.patient, row.visit}] = &one;
    }
  }
};

/// The one factor that a twin sets, or -1.
int forced_factor(const Manifest& manifest, const std::vector<const ValidationCase*>& twin, const ByTwin& all) {
  int found = -1;
  for (std::size_t f = 0; f < manifest.factor_names.size(); ++f) {
    const auto& value = manifest.rows[twin.front()->row].factors[f];
    bool same = true, differs = false;
    for (const auto* one : twin) {
      const auto& row = manifest.rows[one->row];
      same &= row.factors[f] == value;
      const auto base = all.drawn.find({row.patient, row.visit});
      differs |= base != all.drawn.end() && manifest.rows[base->second->row].factors[f] != value;
    }
    if (!same || !differs || value.empty()) continue;
    if (found >= 0) return -1;
    found = static_cast<int>(f);
  }
  return found;
}

Estimate mean_of(const std::vector<double>& values, const std::vector<std::string>& patients) {
  return robust_mean(values, PatientClusters(patients));
}

}  // namespace

std::vector<RobustnessCurve> robustness_curves(const ValidateConfig& config, const Manifest& manifest,
                                               const std::vector<ValidationCase>& cases) {
  const ByTwin all(manifest, cases);
  std::map<int, std::vector<std::string>> twins_of;
  for (const auto& [name, twin] : all.cases)
    if (!name.empty())
      if (const int factor = forced_factor(manifest, twin, all); factor >= 0) twins_of[factor].push_back(name);
  std::vector<RobustnessCurve> curves;
  const auto metrics = config.measured_metrics();
  for (const auto& [factor, names] : twins_of) {
    if (names.size() < 2) continue;
    const auto f = static_cast<std::size_t>(factor);
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      if (find_metric(config.task, metrics[m])->of != ValidationMetric::Of::one_case) continue;
      RobustnessCurve curve{manifest.factor_names[f], manifest.factor_units[f], metrics[m], {}, {}};
      std::vector<double> base;
      std::vector<std::string> base_patients;
      for (const auto& [key, one] : all.drawn) {
        base.push_back(one->metrics[m]);
        base_patients.push_back(key.first);
      }
      curve.drawn = mean_of(base, base_patients);
      for (const auto& name : names) {
        std::vector<double> values, changes;
        std::vector<std::string> patients, paired;
        const auto& twin = all.cases.at(name);
        for (const auto* one : twin) {
          const auto& row = manifest.rows[one->row];
          values.push_back(one->metrics[m]);
          patients.push_back(row.patient);
          const auto drawn = all.drawn.find({row.patient, row.visit});
          if (drawn == all.drawn.end()) continue;
          changes.push_back(one->metrics[m] - drawn->second->metrics[m]);
          paired.push_back(row.patient);
        }
        RobustnessPoint point{manifest.rows[twin.front()->row].factors[f], nan, mean_of(values, patients),
                              mean_of(changes, paired)};
        if (!factor_number(point.value, point.number)) point.number = nan;
        curve.points.push_back(std::move(point));
      }
      std::stable_sort(curve.points.begin(), curve.points.end(),
                       [](const auto& a, const auto& b) { return a.number < b.number; });
      curves.push_back(std::move(curve));
    }
  }
  return curves;
}

ReportSection robustness_section(const ValidateConfig& config, const Manifest& manifest,
                                 const std::vector<ValidationCase>& cases) {
  const auto curves = robustness_curves(config, manifest, cases);
  if (curves.empty()) return {};
  ReportSection section{"robustness", "", ""};
  Json json = Json::array();
  section.html =
      "<h2>Robustness</h2>\n<p>The same patients acquired again with one factor set: mean and 95 % interval over "
      "patients. Dashed: the patients as "
      "drawn.</p>\n";
  for (const auto& curve : curves) {
    const std::string unit = metric_unit(config, manifest, curve.metric);
    const auto x = shown_unit(curve.unit), y = shown_unit(unit);
    Json entry{{"factor", curve.factor},
               {"unit", curve.unit},
               {"metric", curve.metric},
               {"as_drawn", estimate_json(curve.drawn)},
               {"points", Json::array()}};
    HtmlTable table({curve.factor + (x.name.empty() ? "" : " [" + x.name + "]"), curve.metric, "95 % interval",
                     "change", "95 % interval", "patients"});
    std::vector<double> at, mean, ends{curve.drawn.value * y.scale};
    std::vector<Interval> band;
    const auto span = [&](const Interval& i) { return metric_text(i.low, unit) + " to " + metric_text(i.high, unit); };
    for (const auto& point : curve.points) {
      entry["points"].push_back(
          {{"value", point.value}, {"metric", estimate_json(point.metric)}, {"change", estimate_json(point.change)}});
      table.row()
          .words(std::isfinite(point.number) ? fixed_text(point.number * x.scale) : point.value)
          .number(metric_text(point.metric.value, unit))
          .number(span(point.metric.interval))
          .number(metric_text(point.change.value, unit))
          .number(span(point.change.interval))
          .number(point.metric.patients);
      if (!std::isfinite(point.number)) continue;
      at.push_back(point.number * x.scale);
      mean.push_back(point.metric.value * y.scale);
      band.push_back({point.metric.interval.low * y.scale, point.metric.interval.high * y.scale});
      ends.insert(ends.end(), {mean.back(), band.back().low, band.back().high});
    }
    json.push_back(std::move(entry));
    section.html += "<h3>" + html_escaped(curve.metric) + " over " + html_escaped(curve.factor) + "</h3>\n";
    if (at.size() >= 2) {
      XyPlot plot(curve.factor + (x.name.empty() ? "" : " [" + x.name + "]"),
                  curve.metric + (y.name.empty() ? "" : " [" + y.name + "]"), plot_range(at), plot_range(ends));
      plot.band(at, band);
      plot.line(at, mean);
      plot.points(at, mean, 3.5);
      plot.horizontal(curve.drawn.value * y.scale, "as drawn", "stroke=\"#555\" stroke-dasharray=\"4 3\"");
      section.html += plot.svg("Same patients, one factor set");
    }
    section.html += table.html();
  }
  section.json = json.dump();
  return section;
}

ReportSection drift_section(const ValidateConfig& config, const Manifest& manifest,
                            const std::vector<ValidationCase>& cases) {
  if (!config.drift) return {};
  const DriftConfig& drift = *config.drift;
  const auto metrics = config.measured_metrics();
  const auto found = std::find(metrics.begin(), metrics.end(), drift.metric);
  const auto* metric = found == metrics.end() ? nullptr : find_metric(config.task, *found);
  if (!metric || metric->of != ValidationMetric::Of::one_case)
    throw UserError(
        "drift.metric: '" + drift.metric +
        "' is not measured case by case (a monitor watches single cases). Name such a metric of this validation");
  const ByTwin all(manifest, cases);
  const auto twin = all.cases.find(drift.twin);
  if (drift.twin.empty() || twin == all.cases.end()) {
    std::string known;
    for (const auto& [name, unused] : all.cases)
      if (!name.empty()) known += (known.empty() ? "" : ", ") + name;
    throw UserError("drift.twin: the data set has no twin '" + drift.twin + "' in this split (known: " +
                    (known.empty() ? "none" : known) + "). Generate with 'twins: [{do: {FACTOR: VALUE}, name: " +
                    (drift.twin.empty() ? "NAME" : drift.twin) + "}]'");
  }
  const auto m = static_cast<std::size_t>(found - metrics.begin());
  std::vector<double> usual, drifted;
  for (const auto& [key, one] : all.drawn)
    if (std::isfinite(one->metrics[m])) usual.push_back(one->metrics[m]);
  for (const auto* one : twin->second)
    if (std::isfinite(one->metrics[m])) drifted.push_back(one->metrics[m]);
  if (usual.size() < 10 || drifted.empty() || std::set<double>(usual.begin(), usual.end()).size() < 5)
    throw UserError("drift: there are too few values of '" + drift.metric +
                    "' (ten cases as drawn and five different values are needed). Use a larger split");
  const auto trial = simulate_drift(usual, drifted, metric->better != ValidationMetric::Better::lower, drift.reference,
                                    static_cast<double>(drift.false_alarm_every), static_cast<std::size_t>(drift.onset),
                                    static_cast<std::size_t>(drift.after), 2000,
                                    RandomStream(static_cast<std::uint64_t>(config.seed), 0, "drift"));
  ReportSection section{"drift", "", ""};
  section.json = Json{{"metric", drift.metric},
                      {"twin", drift.twin},
                      {"reference", trial.cusum.reference},
                      {"limit", trial.cusum.limit},
                      {"designed_run_length", trial.designed_run_length},
                      {"found_run_length", trial.found_run_length},
                      {"run_length_standard_error", trial.run_length_error},
                      {"siegmund_run_length", siegmund_run_length(trial.cusum)},
                      {"onset", drift.onset},
                      {"alarms_before_onset", trial.early_share},
                      {"expected_before_onset", trial.expected_early_share},
                      {"detected", trial.detected_share},
                      {"median_delay", number(trial.median_delay)}}
                     .dump();
  HtmlTable table({"", ""});
  table.row()
      .words("reference and limit of the sum (standard deviations)")
      .number(fixed_text(trial.cusum.reference, 2) + ", " + fixed_text(trial.cusum.limit, 2));
  table.row().words("cases until a false alarm: designed").number(fixed_text(trial.designed_run_length, 0));
  table.row()
      .words("found in streams of these cases")
      .number(fixed_text(trial.found_run_length, 0) + " (standard error " + fixed_text(trial.run_length_error, 0) +
              ")");
  table.row()
      .words("streams with a false alarm before the onset (expected)")
      .number(fixed_text(100 * trial.early_share, 1) + " % (" + fixed_text(100 * trial.expected_early_share, 1) +
              " %)");
  table.row()
      .words("of the others: found within " + std::to_string(drift.after) + " cases")
      .number(fixed_text(100 * trial.detected_share, 1) + " %");
  table.row().words("median delay").number(fixed_text(trial.median_delay, 0) + " cases");
  section.html = "<h2>Drift</h2>\n<p>How a monitor would do: " + html_escaped(drift.metric) +
                 " of one case after the other, drawn from these patients, until after " + std::to_string(drift.onset) +
                 " cases all come from the twin <b>" + html_escaped(drift.twin) +
                 "</b>. A cumulative sum (Page) of values made normal by their rank watches for worse ones; its limit "
                 "is designed for the rate of false alarms." +
                 (std::abs(trial.found_run_length - trial.designed_run_length) > 4 * trial.run_length_error
                      ? " <b>The rate found is not the designed one: the ranks of " + std::to_string(usual.size()) +
                            " cases are too few to be normal.</b>"
                      : std::string()) +
                 "</p>\n" + table.html();
  return section;
}

}  // namespace sonoforge
