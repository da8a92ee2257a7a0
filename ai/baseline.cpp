#include "ai/baseline.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "ai/classification_metrics.hpp"
#include "io/csv.hpp"
#include "ai/distributions.hpp"
#include "io/atomic_file.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void read_baseline_cases(const std::filesystem::path& file, Baseline& baseline) {
  const auto table = parse_csv(read_file(file), file.string());
  if (table.empty()) return;
  const auto& header = table.front().cells;
  const auto id = std::find(header.begin(), header.end(), "id") - header.begin();
  for (std::size_t r = 1; r < table.size(); ++r)
    for (std::size_t c = 0; c < std::min(header.size(), table[r].cells.size()); ++c) {
      double value = 0;
      const auto name = header[c].substr(0, header[c].find(" ["));
      if (static_cast<std::size_t>(id) < table[r].cells.size() && factor_number(table[r].cells[c], value))
        baseline.cases[table[r].cells[static_cast<std::size_t>(id)]][name] = value;
    }
}

/// The column of the baseline for the cases of a group, in their order; empty where a case is missing.
std::vector<double> before_of(const std::vector<const ValidationCase*>& cases, const Manifest& manifest,
                              const Baseline& baseline, const std::string& column) {
  std::vector<double> values;
  for (const auto* one : cases) {
    const auto found = baseline.cases.find(manifest.rows[one->row].id);
    if (found == baseline.cases.end() || !found->second.contains(column)) return {};
    values.push_back(found->second.at(column));
  }
  return values;
}

BaselineComparison unpaired(const Evaluation& evaluation, const Baseline& baseline, const std::string& metric,
                            const std::string& group) {
  BaselineComparison result{{nan, {nan, nan}, nan, 0, 0}, nan, "independent samples", ""};
  const auto now = std::find_if(evaluation.groups.begin(), evaluation.groups.end(),
                                [&](const GroupResult& r) { return r.group == group && r.metric == metric; });
  const auto before = baseline.groups.find({group, metric});
  if (now == evaluation.groups.end() || before == baseline.groups.end()) {
    result.reason = "the baseline does not report this group";
    return result;
  }
  auto& d = result.difference;
  d = {now->estimate.value - before->second.value,
       {nan, nan},
       std::hypot(now->estimate.standard_error, before->second.standard_error),
       now->estimate.cases,
       now->estimate.patients};
  if (!(d.standard_error > 0)) {
    result.reason = "too few patients, or no variation, for an interval";
    return result;
  }
  const double half = normal_quantile(0.975) * d.standard_error;
  d.interval = {d.value - half, d.value + half};
  result.p_value = 2 * normal_probability(-std::abs(d.value) / d.standard_error);
  return result;
}

}  // namespace

Baseline read_baseline(const std::filesystem::path& report) {
  Baseline baseline;
  const auto number = [](const nlohmann::json& value) { return value.is_number() ? value.get<double>() : nan; };
  try {
    const auto json = nlohmann::json::parse(read_file(report));
    for (const auto& group : json.at("groups"))
      baseline.groups[{group.at("group").get<std::string>(), group.at("metric").get<std::string>()}] = {
          number(group.at("mean")), number(group.at("standard_error"))};
  } catch (const nlohmann::json::exception&) {
    throw UserError("'" + report.string() +
                    "' is not the report of a validation (groups with metric, mean and standard_error are missing). "
                    "Give the report.json that `sonoforge validate` wrote");
  }
  const auto cases = report.parent_path() / "cases.csv";
  std::error_code ignored;
  if (std::filesystem::exists(cases, ignored)) read_baseline_cases(cases, baseline);
  return baseline;
}

BaselineComparison compare_with_baseline(const ValidateConfig& config, const Manifest& manifest,
                                         const Evaluation& evaluation, const Baseline& baseline,
                                         const std::string& metric, const CaseGroup& group) {
  const auto metrics = config.measured_metrics();
  const auto m = static_cast<std::size_t>(std::find(metrics.begin(), metrics.end(), metric) - metrics.begin());
  std::vector<const ValidationCase*> cases;
  std::vector<std::string> patients;
  for (const auto& one : evaluation.cases)
    if (std::binary_search(group.rows.begin(), group.rows.end(), one.row)) {
      cases.push_back(&one);
      patients.push_back(manifest.rows[one.row].patient);
    }
  const PatientClusters clusters(patients);
  const bool of_cases = find_metric(config.task, metric)->of == ValidationMetric::Of::one_case;
  const auto before = before_of(cases, manifest, baseline, of_cases ? metric : "predicted");
  if (before.empty() || (!of_cases && (metric != "auc" || clusters.size() != cases.size())))
    return unpaired(evaluation, baseline, metric, group.name);
  if (!of_cases) {
    std::vector<double> now;
    std::vector<std::uint8_t> truth;
    for (const auto* one : cases) {
      now.push_back(one->predicted);
      truth.push_back(one->truth != 0);
    }
    const auto found = compare_areas(delong({now, before}, truth), 0, 1);
    return {{found.difference, found.interval, found.standard_error, cases.size(), clusters.size()},
            found.p_value,
            "DeLong, paired",
            std::isnan(found.z) ? "too few cases of a class" : ""};
  }
  std::vector<double> difference;
  for (std::size_t i = 0; i < cases.size(); ++i) difference.push_back(cases[i]->metrics[m] - before[i]);
  BaselineComparison result{robust_mean(difference, clusters), nan, "t, paired by case", ""};
  const auto& d = result.difference;
  if (std::isnan(d.standard_error)) result.reason = "too few patients for an interval";
  // Equal case by case: nothing speaks against equality.
  else
    result.p_value = d.standard_error > 0 ? 2 * student_probability(-std::abs(d.value) / d.standard_error,
                                                                    static_cast<double>(clusters.size()) - 1)
                                          : 1;
  return result;
}

}  // namespace sonoforge
